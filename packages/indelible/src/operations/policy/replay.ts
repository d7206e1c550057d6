/**
 * A policy set over operations of the past: which would have been decided otherwise.
 *
 * Requests are those that the records keep, decided at their own times. What was known about people, connectors and
 * targets is taken from the record, so that only policies, schema and freezes differ; or from the set's directory, when
 * that is the question.
 *
 * Pure:    no I/O, no clock.
 */
import { canonicalize, IndelibleError, type Json, type LedgerRecord } from '@indelible/core';
import type { RecordedFacts } from './cedar-request.ts';
import { type CombinedDecision, combine } from './combine.ts';
import { isObject } from './data-file.ts';
import { decide } from './decide.ts';
import { type DecisionEffect, mergeRequirements, type PolicyDecision, type Requirement } from './decision.ts';
import { parseRequest } from './parse-request.ts';
import type { PolicySet } from './policy-set.ts';
import type { PolicyRequest } from './request.ts';

export type EntitiesFrom = 'record' | 'folder';

export interface DecisionSummary {
  readonly effect: DecisionEffect;
  readonly approvals: readonly Requirement[];
  readonly review: readonly Requirement[];
  readonly determining: readonly string[];
}

export interface ReplayedOperation {
  readonly operation_id: string;
  readonly seq: number;
  readonly recorded_at: string;
  readonly action: string;
  readonly targets: readonly string[];
  readonly was: DecisionSummary;
  readonly would_be: DecisionSummary;
  /** Why it would be. */
  readonly reason: string;
  /** Whether something else would happen: another effect, other approvals or reviews. */
  readonly changed: boolean;
}

/** What a record of a decision keeps, as far as it is needed here. */
interface RecordedDecision {
  readonly request: PolicyRequest;
  readonly facts: RecordedFacts | null;
  readonly summary: DecisionSummary;
}

/**
 * Decides what a record tells of again; null for a record that tells of no decision.
 *
 * Errors:  POLICY_REQUEST_INVALID for a decision that cannot be read.
 */
export function replayRecord(
  set: PolicySet,
  record: LedgerRecord,
  data: Json | undefined,
  entities: EntitiesFrom,
): ReplayedOperation | null {
  const members = isObject(data) && Array.isArray(data.policies) ? (data.policies as readonly Json[]) : [];
  const [first, ...rest] = members.map(readDecision);
  if (first === undefined) return null;
  const recorded = [first, ...rest] as const;
  const again = ({ request, facts }: RecordedDecision): PolicyDecision =>
    decide(set, request, entities === 'record' && facts !== null ? facts : undefined);
  const decision = combine([again(first), ...rest.map(again)]);
  const was = combineSummaries(recorded.map(({ summary }) => summary));
  const would_be = summarize(decision);
  return {
    operation_id: first.request.operation_id,
    seq: record.seq,
    recorded_at: record.recorded_at,
    action: recorded.map(({ request }) => request.action).join(', '),
    targets: recorded.flatMap(({ request }) => request.targets.map(({ id }) => id)),
    was,
    would_be,
    reason: decision.reason,
    changed: consequences(was) !== consequences(would_be),
  };
}

function readDecision(value: Json): RecordedDecision {
  if (!isObject(value)) throw unreadable('is no object');
  const { resolved } = value;
  const facts = isObject(resolved)
    ? {
        environment: String(resolved.environment),
        roles: namesByKey(resolved.roles, 'roles'),
        labels: namesByKey(resolved.labels, 'labels'),
      }
    : null;
  return { request: parseRequest(value.request), facts, summary: summaryOf(value) };
}

function summaryOf(value: { readonly [member: string]: Json }): DecisionSummary {
  const effect = (['allow', 'approve', 'deny'] as const).find((each) => each === value.effect);
  if (effect === undefined) throw unreadable('has no effect');
  const determining = arrayOf(value.determining, 'determining').map((each) =>
    isObject(each) ? String(each.id) : '',
  );
  const requirements = (member: 'approvals' | 'review'): Requirement[] =>
    arrayOf(value[member], member).map((each) => {
      const { role, count } = isObject(each) ? each : {};
      return { role: typeof role === 'string' ? role : null, count: Number(count) };
    });
  return { effect, approvals: requirements('approvals'), review: requirements('review'), determining };
}

function namesByKey(value: Json | undefined, member: string): Readonly<Record<string, readonly string[]>> {
  if (!isObject(value)) throw unreadable(`has no ${member}`);
  return Object.fromEntries(
    Object.entries(value).map(([key, names]) => [key, arrayOf(names, member).map((name) => String(name))]),
  );
}

function arrayOf(value: Json | undefined, member: string): readonly Json[] {
  if (Array.isArray(value)) return value;
  throw unreadable(`has no ${member}`);
}

function summarize({ effect, approvals, review, determining }: CombinedDecision): DecisionSummary {
  return { effect, approvals, review, determining: determining.map(({ id }) => id) };
}

/** As the members of a change set were combined then; what the engine asks for by itself is not in it. */
function combineSummaries(members: readonly DecisionSummary[]): DecisionSummary {
  const denied = members.some(({ effect }) => effect === 'deny');
  const approvals = denied ? [] : mergeRequirements(members.flatMap((each) => each.approvals));
  const applied = members.filter(({ effect }) => !denied || effect === 'deny');
  return {
    effect: denied ? 'deny' : approvals.length > 0 ? 'approve' : 'allow',
    approvals,
    review: denied ? [] : mergeRequirements(members.flatMap((each) => each.review)),
    determining: [...new Set(applied.flatMap((each) => each.determining))].sort(),
  };
}

function consequences({ effect, approvals, review }: DecisionSummary): string {
  return canonicalize({ effect, approvals, review });
}

function unreadable(what: string): IndelibleError {
  return new IndelibleError('POLICY_REQUEST_INVALID', `the recorded decision ${what}`);
}
