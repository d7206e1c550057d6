/**
 * Reading back what an execution left, and what follows from it.
 */
import type { Verification } from '../connectors/contract.ts';
import { isReviewed } from './fold.ts';
import type { Step } from './journal.ts';
import { engineActor, failureOf, type Parts, timeoutOf } from './parts.ts';
import type { Operation } from './types.ts';

/** Verifies an executed operation; when a target cannot be read now it stays `executed`, to be verified again. */
export async function verifyExecuted(parts: Parts, operation: Operation): Promise<Operation> {
  const verifications: Verification[] = [];
  try {
    for (const [i, plan] of operation.members.entries()) {
      const { execution } = operation.progress[i]!;
      if (execution === null) continue;
      const connector = parts.connector(plan.connector);
      verifications.push(
        await parts.within(timeoutOf(plan), (context) => connector.verify(plan, execution, context)),
      );
    }
  } catch (error) {
    parts.log.warn(
      { operation_id: operation.operation_id, ...failureOf(error) },
      'it could not be verified yet',
    );
    return operation;
  }
  const actor = engineActor(operation);
  const differences = verifications.flatMap((one) => (one.matches ? [] : one.differences));
  const matches = verifications.every((one) => one.matches);
  const verified: Step = { actor, by: 'verifier', to: 'verified', data: { verifications } };
  if (!matches) {
    const reason = differences[0]?.slice(0, 500) ?? 'a target is not what was left';
    return parts.journal.append(operation, [{ ...verified, to: 'verify_failed', reason }]);
  }
  // Nothing can be undone, so there is no window to wait for.
  const over = operation.rollback_until === null && isReviewed(operation);
  const closed: Step = {
    actor,
    by: 'engine',
    to: 'closed',
    reason: 'it cannot be undone',
    data: { undo: 'none' },
  };
  return parts.journal.append(operation, over ? [verified, closed] : [verified]);
}
