/**
 * What connectors have in common whose plans have one target: executions of it, and a verdict from how it is now.
 *
 * Pure:    no I/O.
 */
import type { JsonObject } from '@indelible/core';
import type { ConnectorPlan, EffectOutcome, Execution, TargetState } from '../contract.ts';
import { sameState } from './state.ts';

/** The target as it is now. */
export interface FoundState {
  readonly state: TargetState;
  readonly version: string;
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
