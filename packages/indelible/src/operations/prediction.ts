/**
 * Whether what happened is what was predicted.
 *
 * Pure:    no I/O.
 */
import type { ConnectorPlan, Execution } from '../connectors/contract.ts';

export interface PredictionDifference {
  readonly resource: string;
  readonly predicted: string | null;
  readonly actual: string | null;
  /**
   * `changed_before`: the target was already something else when it was executed. `not_reached`: it was not executed
   * upon. `inexact`: the prediction was wrong; how it was made stands in the plan's `dry_run`.
   */
  readonly cause: 'changed_before' | 'not_reached' | 'inexact';
}

export interface PredictionReport {
  readonly as_predicted: boolean;
  readonly differences: readonly PredictionDifference[];
}

/** Compares the states that a plan predicts with those that an execution left. */
export function compareStates(plan: ConnectorPlan, { targets }: Execution): PredictionReport {
  const differences = plan.targets.flatMap(({ resource, before, after }): PredictionDifference[] => {
    const done = targets.find((one) => one.resource.id === resource.id);
    const predicted = after?.digest ?? null;
    const actual = done?.after?.digest ?? null;
    if (done === undefined) return [{ resource: resource.id, predicted, actual, cause: 'not_reached' }];
    if (predicted === actual) return [];
    const same_before = (before?.digest ?? null) === (done.before?.digest ?? null);
    return [{ resource: resource.id, predicted, actual, cause: same_before ? 'inexact' : 'changed_before' }];
  });
  return { as_predicted: differences.length === 0, differences };
}
