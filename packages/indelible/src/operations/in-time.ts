/**
 * What an operation's deadlines bring: its approval expires, its execution is too late, its undo window is over.
 */
import { isReviewed } from './fold.ts';
import type { State } from './lifecycle.ts';
import { engineActor, type Parts } from './parts.ts';
import { settle } from './rollback.ts';
import type { Operation } from './types.ts';

/** The operation as it is at this time. */
export async function inTime(parts: Parts, operation: Operation): Promise<Operation> {
  const { state, deadlines, rollback_until } = operation;
  const { now } = parts;
  const step = (to: State, reason: string, data = {}): Promise<Operation> =>
    parts.journal.append(operation, [{ actor: engineActor(operation), by: 'engine', to, reason, data }]);
  const votes = state === 'pending_approval' || state === 'validated';
  if (votes && (deadlines?.approval_expires_at ?? now) < now)
    return settle(parts, await step('expired', 'the time for approval is over'));
  if (state === 'approved' && (deadlines?.execute_before ?? now) < now)
    return settle(parts, await step('expired', 'the time for execution is over'));
  const ends = state === 'verified' || state === 'accepted_with_exception';
  if (ends && (rollback_until ?? '') < now && isReviewed(operation)) {
    const reason =
      rollback_until === null ? 'it cannot be undone' : `its undo window ended at ${rollback_until}`;
    return step('closed', reason, { undo: rollback_until === null ? 'none' : 'no longer possible' });
  }
  return operation;
}
