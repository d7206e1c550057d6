/**
 * Policy requests as people write them (cases, `policy check`) and as records keep them (`policy replay`).
 *
 * Strict: a member that is unknown or malformed is an error. Left out, a member has the default of `REQUEST_DEFAULTS`;
 * who asks, what for and which targets have none.
 *
 * Errors:  POLICY_REQUEST_INVALID, naming the member.
 * Pure:    no I/O, no clock.
 */
import { IndelibleError, type Json, type JsonObject } from '@indelible/core';
import { ACTOR_KINDS, type PolicyActor } from './actor.ts';
import { isObject } from './data-file.ts';
import { CHANGES, type PolicyRequest, type PolicyTarget, REVERSIBILITIES } from './request.ts';

/** Noon on a Monday: cases that do not care about the time are not to depend on it. */
const AT_DEFAULT = '2026-01-05T12:00:00.000Z';
const GUARANTEES = ['atomic-marker', 'idempotency-key', 'cas', 'none'] as const;
const DRY_RUNS = ['native', 'transactional', 'computed', 'none'] as const;

const REQUEST_DEFAULTS = {
  operation_id: 'none',
  at: AT_DEFAULT,
  delegation: [],
  diff_bytes: 0,
  reversibility: 'full',
  rollback_window_ms: null,
  guarantee: 'atomic-marker',
  dry_run: 'native',
  override: false,
  break_glass: false,
} as const;
const MEMBERS = [...Object.keys(REQUEST_DEFAULTS), 'principal', 'connector', 'action', 'targets', 'rollback'];
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?Z$/;
const TARGETS_MAX = 10_000;

/** A whole request from some of its members. */
export function parseRequest(value: Json | undefined): PolicyRequest {
  if (!isObject(value)) throw invalid('request', 'must be an object');
  for (const member of Object.keys(value))
    if (!MEMBERS.includes(member)) throw invalid(member, `is none of ${MEMBERS.join(', ')}`);
  const given: JsonObject = { ...REQUEST_DEFAULTS, ...value };
  const action = text(given.action, 'action');
  const targets = list(given.targets, 'targets').map(parseTarget);
  if (targets.length === 0 || targets.length > TARGETS_MAX)
    throw invalid('targets', `must be 1 to ${TARGETS_MAX}`);
  return {
    operation_id: text(given.operation_id, 'operation_id'),
    at: parseAt(given.at),
    principal: parseActor(given.principal, 'principal'),
    delegation: list(given.delegation, 'delegation').map((actor) => parseActor(actor, 'delegation')),
    connector: text(given.connector ?? targets[0]!.id.split(':')[0], 'connector'),
    action,
    targets,
    diff_bytes: whole(given.diff_bytes, 'diff_bytes'),
    reversibility: oneOf(given.reversibility, 'reversibility', REVERSIBILITIES),
    rollback_window_ms:
      given.rollback_window_ms === null ? null : whole(given.rollback_window_ms, 'rollback_window_ms'),
    guarantee: oneOf(given.guarantee, 'guarantee', GUARANTEES),
    dry_run: oneOf(given.dry_run, 'dry_run', DRY_RUNS),
    rollback: flag(given.rollback ?? action.endsWith(':rollback'), 'rollback'),
    override: flag(given.override, 'override'),
    break_glass: flag(given.break_glass, 'break_glass'),
  };
}

/** `person:alice`, or an object with kind and id. */
function parseActor(value: Json | undefined, member: string): PolicyActor {
  const [kind, id] =
    typeof value === 'string'
      ? [value.slice(0, value.indexOf(':')), value.slice(value.indexOf(':') + 1)]
      : isObject(value) && Object.keys(value).length === 2
        ? [value.kind, value.id]
        : [];
  const kinds = [...ACTOR_KINDS, 'unauthenticated'] as const;
  const found = kinds.find((each) => each === kind);
  if (found === undefined || typeof id !== 'string' || id === '')
    throw invalid(member, `must be such as person:alice; kinds are ${kinds.join(', ')}`);
  return { kind: found, id };
}

/** An id, or an object with id, type and change. */
function parseTarget(value: Json): PolicyTarget {
  if (typeof value === 'string') return { id: text(value, 'targets'), type: 'target', change: 'update' };
  if (!isObject(value)) throw invalid('targets', 'must be ids or objects');
  const { id, type = 'target', change = 'update', ...rest } = value;
  if (Object.keys(rest).length > 0) throw invalid('targets', 'take id, type and change');
  return {
    id: text(id, 'targets.id'),
    type: text(type, 'targets.type'),
    change: oneOf(change, 'targets.change', CHANGES),
  };
}

function parseAt(value: Json | undefined): string {
  const instant = typeof value === 'string' && TIME.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(instant)) throw invalid('at', 'must be a time in UTC such as 2026-12-24T18:00:00Z');
  return new Date(instant).toISOString();
}

function text(value: Json | undefined, member: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= 4096) return value;
  throw invalid(member, 'must be a text of 1 to 4096 characters');
}

function list(value: Json | undefined, member: string): readonly Json[] {
  if (Array.isArray(value)) return value;
  throw invalid(member, 'must be an array');
}

function whole(value: Json | undefined, member: string): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw invalid(member, 'must be a whole number of zero or more');
}

function flag(value: Json | undefined, member: string): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(member, 'must be true or false');
}

function oneOf<T extends string>(value: Json | undefined, member: string, values: readonly T[]): T {
  const found = values.find((each) => each === value);
  if (found === undefined) throw invalid(member, `must be one of ${values.join(', ')}`);
  return found;
}

function invalid(member: string, problem: string): IndelibleError {
  return new IndelibleError('POLICY_REQUEST_INVALID', `${member} ${problem}`, { details: { member } });
}
