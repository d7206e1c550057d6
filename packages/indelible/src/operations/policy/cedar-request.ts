/**
 * A request in Cedar's terms: principal, action, resources, context and the entities that they belong to.
 *
 * Pure:    no I/O, no clock: times come from the request, freezes and roles from the set.
 */
import type { Context, EntityJson } from '@cedar-policy/cedar-wasm/nodejs';
import { actorName, type PolicyActor } from './actor.ts';
import type { Resolved } from './decision.ts';
import type { PolicySet } from './policy-set.ts';
import type { PolicyRequest, PolicyTarget } from './request.ts';
import { riskOf } from './risk.ts';
import { type Uid, uid } from './schema.ts';

/** What replaying takes from the record of a decision instead of from the folder. */
export type RecordedFacts = Pick<Resolved, 'environment' | 'roles' | 'labels'>;

/** What folder and clock say about a request. Raises nothing for a request of the right shape. */
export function resolveFacts(set: PolicySet, request: PolicyRequest, recorded?: RecordedFacts): Resolved {
  const instant = Date.parse(request.at);
  const { date, weekday, hour, minute } = set.calendar.clockAt(instant);
  const actors = [request.principal, ...request.delegation];
  const labels = request.targets
    .map(({ id }) => [id, set.directory.labelsOf(id)] as const)
    .filter(([, found]) => found.length > 0);
  return {
    risk: riskOf(request),
    environment: recorded?.environment ?? set.directory.environmentOf(request.connector),
    roles:
      recorded?.roles ??
      Object.fromEntries(actors.map((actor) => [actorName(actor), set.directory.rolesOf(actor)])),
    labels: recorded?.labels ?? Object.fromEntries(labels),
    freezes: set.calendar.activeAt(instant),
    time: { zone: set.calendar.time_zone, date, weekday, hour, minute },
  };
}

/** Entities and times in plain: that they are such, Cedar knows from the schema, and it reads them faster. */
export function contextOf(request: PolicyRequest, resolved: Resolved): Context {
  const { delegation, targets, rollback_window_ms } = request;
  const { date, weekday, hour, minute } = resolved.time;
  const those = (kind: PolicyActor['kind']): Uid[] =>
    delegation.filter((actor) => actor.kind === kind).map(uidOf);
  const origin = delegation.at(-1);
  return {
    risk: resolved.risk,
    reversibility: uid('Reversibility', request.reversibility),
    ...(rollback_window_ms === null ? {} : { rollback_window_s: Math.floor(rollback_window_ms / 1000) }),
    guarantee: uid('Guarantee', request.guarantee),
    dry_run: uid('DryRun', request.dry_run),
    targets: targets.length,
    deletes: targets.filter(({ change }) => change === 'delete').length,
    diff_bytes: request.diff_bytes,
    environment: uid('Environment', resolved.environment),
    time: { now: request.at, date, weekday, hour, minute },
    freezes: [...resolved.freezes],
    delegated: delegation.length > 0,
    delegation: {
      depth: delegation.length,
      people: those('person'),
      agents: those('agent'),
      services: those('service'),
    },
    ...(origin?.kind === 'person' ? { on_behalf_of: uidOf(origin) } : {}),
    break_glass: request.break_glass,
    rollback: request.rollback,
    override: request.override,
  };
}

/** Everybody in the chain, each once, with the roles they hold; roles of roles are already among them. */
export function actorEntities(request: PolicyRequest, resolved: Resolved): EntityJson[] {
  const actors = new Map(
    [request.principal, ...request.delegation].map((actor) => [actorName(actor), actor]),
  );
  return [...actors].map(([name, actor]) => ({
    uid: uidOf(actor),
    attrs: {},
    parents: (resolved.roles[name] ?? []).map((role) => uid('Role', role)),
  }));
}

export function targetEntity(request: PolicyRequest, resolved: Resolved, target: PolicyTarget): EntityJson {
  const { id, type, change } = target;
  return {
    uid: uid('Target', id),
    attrs: { id, type, labels: [...(resolved.labels[id] ?? [])], change: uid('Change', change) },
    parents: [uid('Connector', request.connector)],
  };
}

export function uidOf({ kind, id }: PolicyActor): Uid {
  return uid(`${kind.charAt(0).toUpperCase()}${kind.slice(1)}`, id);
}
