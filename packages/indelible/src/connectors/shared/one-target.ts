/**
 * What connectors have in common whose plans have one target: executions of it, and a verdict from how it is now.
 *
 * Pure:    no I/O.
 */
import type { JsonObject } from '@indelible/core';
import type { ConnectorPlan, EffectOutcome, Execution, Probe, TargetState } from '../contract.ts';
import { assertVersions } from './checks.ts';
import { sameState } from './state.ts';

/** The target as it is now. */
export interface FoundState {
  readonly state: TargetState;
  readonly version: string;
}

/** Raises TARGET_CHANGED unless the target is as the plan found it. */
export function assertUnchanged({ targets }: ConnectorPlan, found: Pick<FoundState, 'version'> | null): void {
  assertVersions(targets, [found?.version ?? null]);
}

/** What a dry run would have done. */
export function dryExecutionOf(plan: ConnectorPlan): Execution {
  const [{ resource, before, after, version }] = plan.targets as [ConnectorPlan['targets'][number]];
  const targets = [{ resource, before, after, version: after && version }];
  return { committed: false, outcome: 'not_applied', repeated: false, targets, evidence: {} };
}

/** `found`: what it left; null when it left nothing there. */
export function executionOf(
  plan: ConnectorPlan,
  found: FoundState | null,
  evidence: JsonObject,
  repeated: boolean,
): Execution {
  const [{ resource, before }] = plan.targets as [ConnectorPlan['targets'][number]];
  const targets = [{ resource, before, after: found?.state ?? null, version: found?.version ?? null }];
  return { committed: true, outcome: 'applied', repeated, targets, evidence };
}

/** What the target tells: still what it was, what it was to become, or something else. */
export function judgeByState(plan: ConnectorPlan, found: FoundState | null): EffectOutcome {
  const [target] = plan.targets as [ConnectorPlan['targets'][number]];
  if ((found?.version ?? null) === target.version) return 'not_applied';
  if (plan.capabilities.dry_run === 'none') return 'unknown';
  return sameState(found?.state ?? null, target.after) ? 'applied' : 'unknown';
}

/** What became of an effect, as far as the target as it is now can tell. */
export function probeByState(
  plan: ConnectorPlan,
  found: FoundState | null,
  seen: JsonObject = { version: found?.version ?? null },
): Probe {
  const outcome = judgeByState(plan, found);
  const evidence = { judged_by: 'state', ...seen };
  const execution = outcome === 'applied' ? executionOf(plan, found, evidence, false) : null;
  return { outcome, execution, evidence };
}
