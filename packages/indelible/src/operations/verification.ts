/**
 * Reading back what an execution left, and what follows from it.
 */
import type { Execution, Verification } from '../connectors/contract.ts';
import { isReviewed } from './fold.ts';
import type { Step } from './journal.ts';
import { engineActor, failureOf, type Parts, timeoutOf } from './parts.ts';
import type { Operation } from './types.ts';

/** Verifies an executed operation; when a target cannot be read now it stays `executed`, to be verified again. */
export async function verifyExecuted(parts: Parts, operation: Operation): Promise<Operation> {
  const executions = operation.progress.map(({ execution }) => execution);
  const found = await readBack(parts, operation, executions);
  if (found === null) return operation;
  return parts.journal.append(operation, verified(operation, found, operation.rollback_until));
}

/** What the members' targets are now; null when one of them cannot be read now. */
export async function readBack(
  parts: Parts,
  { operation_id, members }: Operation,
  executions: readonly (Execution | null)[],
): Promise<Verification[] | null> {
  const verifications: Verification[] = [];
  try {
    for (const [i, plan] of members.entries()) {
      const execution = executions[i] ?? null;
      if (execution === null) continue;
      const connector = parts.connector(plan.connector);
      verifications.push(
        await parts.within(timeoutOf(plan), (context) => connector.verify(plan, execution, context)),
      );
    }
    return verifications;
  } catch (error) {
    parts.log.warn({ operation_id, ...failureOf(error) }, 'it could not be verified yet');
    return null;
  }
}

/** Where an executed operation gets by what was read back. */
export function verified(
  operation: Operation,
  verifications: readonly Verification[],
  rollback_until: string | null,
): Step[] {
  const actor = engineActor(operation);
  const differences = verifications.flatMap((one) => (one.matches ? [] : one.differences));
  const step: Step = { actor, by: 'verifier', to: 'verified', data: { verifications } };
  if (!verifications.every((one) => one.matches)) {
    const reason = differences[0]?.slice(0, 500) ?? 'a target is not what was left';
    return [{ ...step, to: 'verify_failed', reason }];
  }
  if (rollback_until !== null || !isReviewed(operation)) return [step];
  // Nothing can be undone, so there is no window to wait for.
  const reason = 'it cannot be undone';
  return [step, { actor, by: 'engine', to: 'closed', reason, data: { undo: 'none' } }];
}
