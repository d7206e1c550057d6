/**
 * One look at everything that is not over: what is due is done, and what was found is counted.
 *
 * Several processes may sweep one ledger at the same time: of two that do the same, the compare-and-set on the
 * operation's next record lets one through, and the other leaves it.
 */
import { isIndelibleError } from '@indelible/core';
import type { State } from './lifecycle.ts';
import { openOperations } from './open-operations.ts';
import { failureOf, type Parts } from './parts.ts';
import type { Operation } from './types.ts';

/** What one sweep did and found. */
export interface Sweep {
  readonly changed: readonly Operation[];
  /** What could not be done now, and is due again the next time. */
  readonly failed: readonly { readonly operation_id: string; readonly code: string; readonly message: string }[];
  /** How many are in which state, of those that are not over. */
  readonly open: Readonly<Partial<Record<State, number>>>;
}

/** Reads every operation that is not over, and has `proceed` do what is due. */
export async function sweep(
  parts: Parts,
  proceed: (operation: Operation) => Promise<Operation>,
): Promise<Sweep> {
  const changed: Operation[] = [];
  const failed: Sweep['failed'][number][] = [];
  const open: Partial<Record<State, number>> = {};
  for (const operation_id of await openOperations(parts.options.ledger)) {
    try {
      const before = await parts.journal.read(operation_id);
      const after = await proceed(before).catch((error: unknown) => {
        if (!isOthers(error)) failed.push({ operation_id, ...failureOf(error) });
        return before;
      });
      if (after.next_n !== before.next_n) changed.push(after);
      open[after.state] = (open[after.state] ?? 0) + 1;
    } catch (error) {
      failed.push({ operation_id, ...failureOf(error) });
    }
  }
  for (const failure of failed) parts.log.warn(failure, 'an operation could not be recovered yet');
  return { changed, failed, open };
}

/** Another one is at it. */
function isOthers(error: unknown): boolean {
  return isIndelibleError(error, 'IDEMPOTENCY_CONFLICT') || isIndelibleError(error, 'OPERATION_BUSY');
}
