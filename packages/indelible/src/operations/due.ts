/**
 * When something is to be done with an operation although nobody asks.
 *
 * Pure:    no I/O, no clock.
 */
import { isReviewed } from './fold.ts';
import type { Operation } from './types.ts';

/** Before every time. */
const NOW = '';

/** RFC 3339 in UTC, or an empty text for now; null when it waits for a person, or is over. */
export function dueAt(operation: Operation): string | null {
  const { state, deadlines, envelope, rollback_until } = operation;
  switch (state) {
    case 'validated':
    case 'pending_approval':
      return deadlines?.approval_expires_at ?? null;
    case 'approved':
      return envelope.parent?.compensation === true ? NOW : (deadlines?.execute_before ?? null);
    case 'executing':
    case 'indeterminate':
    case 'executed':
    case 'rollback_requested':
    case 'rollback_failed':
    case 'partially_compensated':
      return NOW;
    case 'partially_executed':
      return mayCompensate(operation) ? NOW : null;
    case 'verified':
    case 'accepted_with_exception':
      return isReviewed(operation) ? (rollback_until ?? NOW) : null;
    default:
      return null;
  }
}

/** Only what is certain: a member that was half done is for a person to look at. */
export function mayCompensate({ members, progress, rollbacks }: Operation): boolean {
  const clean = progress.every(({ outcome }) => outcome !== 'partial' && outcome !== 'unknown');
  return members.length > 1 && clean && rollbacks.length === 0;
}
