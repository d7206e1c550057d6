/**
 * Makes an item of an import from what was found at a position: an event that keeps to the format, or its fault.
 */
import { canonicalize, checkEvent, type Event, IndelibleError, LIMITS } from '@indelible/core';
import type { ImportedEvent, ImportFault } from './contract.ts';

const encoder = new TextEncoder();

/** Runs `make`; its event is checked as the ledger will check it, so that a fault is known before anything waits. */
export function toItem(position: string, bytes: number, make: () => Event): ImportedEvent | ImportFault {
  try {
    const event = checkEvent(make());
    // The ledger, which adds its own members, has the last word; only entries near the limit are worth the price.
    if (bytes > LIMITS.record_bytes / 2) checkSize(event);
    return { position, event, bytes };
  } catch (error) {
    if (error instanceof IndelibleError) return { position, error };
    throw error;
  }
}

/** Large data becomes an attachment; everything else has to fit. */
function checkSize({ data, ...event }: Event): void {
  canonicalize(data ?? null, 1);
  const size = encoder.encode(canonicalize(event)).length;
  if (size <= LIMITS.record_bytes) return;
  throw new IndelibleError(
    'RECORD_TOO_LARGE',
    `the event has ${size} bytes without its data, more than ${LIMITS.record_bytes}`,
    {
      details: { bytes: size },
    },
  );
}
