/**
 * What only Indelible itself may record: its own actions, and anything in its own name.
 */
import { type Actor, type Event, IndelibleError } from '@indelible/core';
import { isLedgersOwn } from './config.ts';

/** `access.` holds tokens, reads and refusals: an application that could write these could make itself a token. */
export function isOwnAction(action: string): boolean {
  return /^(?:ledger|access)\./.test(action);
}

/** Whether an application may not record this. `actor` acts when the event does not say who does. */
export function isReserved(event: Event | undefined, actor?: Actor): boolean {
  const acting = event?.actor ?? actor;
  // What is no event at all is for `checkEvent` to refuse.
  const is_own_action = typeof event?.action === 'string' && isOwnAction(event.action);
  return is_own_action || (typeof acting === 'object' && acting !== null && isLedgersOwn(acting));
}

export function reserved(): IndelibleError {
  return new IndelibleError(
    'EVENT_INVALID',
    'actions under "ledger." and "access." and the actor service:indelible are the ledger\'s own',
  );
}
