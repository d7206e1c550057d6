/**
 * What only Indelible itself may record: its own actions, and anything in its own name.
 */
import { type Actor, type Event, IndelibleError } from '@indelible/core';
import { isLedgersOwn } from './config.ts';

/** Beginnings of the actions that only Indelible's own surfaces record. */
const OWN_ACTIONS = /^(?:ledger|access|operation|approver|policy)\./;
/** Of those, what a follower must be able to read from the log alone. */
const WHOLE_ACTIONS = /^(?:ledger|access)\./;
/** Beginning of the idempotency keys that order the records of an operation. */
const OWN_KEYS = 'indelible:';

/**
 * An application that could write these could make itself a token (`access.`), a transition of an operation or a key
 * that approves (`operation.`, `approver.`), or a policy (`policy.`).
 */
function isOwnAction(action: string): boolean {
  return OWN_ACTIONS.test(action);
}

/** Whether a record's data never goes to an attachment. */
export function staysWhole(action: string): boolean {
  return WHOLE_ACTIONS.test(action);
}

/** Whether an application may not record this. `actor` acts when the event does not say who does. */
export function isReserved(event: Event | undefined, actor?: Actor): boolean {
  const acting = event?.actor ?? actor;
  // What is no event at all is for `checkEvent` to refuse.
  const is_own_action = typeof event?.action === 'string' && isOwnAction(event.action);
  const { idempotency_key } = event ?? {};
  if (typeof idempotency_key === 'string' && idempotency_key.startsWith(OWN_KEYS)) return true;
  return is_own_action || (typeof acting === 'object' && acting !== null && isLedgersOwn(acting));
}

export function reserved(): IndelibleError {
  return new IndelibleError(
    'EVENT_INVALID',
    'actions under "ledger.", "access.", "operation.", "approver." and "policy.", idempotency keys under "indelible:" and the actor service:indelible are the ledger\'s own',
  );
}
