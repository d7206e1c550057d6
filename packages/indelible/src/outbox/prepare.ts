/**
 * From what lies in an outbox to events that can be sealed, and those that never can.
 *
 * Pure:    no I/O.
 */
import { type Actor, IndelibleError, isIndelibleError, parseJson } from '@indelible/core';
import { type PreparedEvent, prepareEvent } from '../ledger/encode.ts';
import { isReserved, reserved } from '../ledger/reserved.ts';
import type { RefusedEvent, SealedKey, WaitingEvent } from './contract.ts';

/** An event that is ready to get its place. */
export interface Entry {
  readonly position: number;
  readonly event: PreparedEvent;
}

export interface Sorted {
  readonly entries: readonly Entry[];
  /** Positions of events whose idempotency key is taken by the same content: there is nothing to do for them. */
  readonly duplicates: readonly number[];
  readonly refused: readonly RefusedEvent[];
}

/** Who acts when the outbox does not say. */
const NOBODY: Actor = { type: 'service', id: 'outbox' };

/** Checks and writes every event as the ledger itself would. */
export function prepareAll(waiting: readonly WaitingEvent[], ledger: string): Sorted {
  const entries: Entry[] = [];
  const refused: RefusedEvent[] = [];
  for (const { position, event: text } of waiting) {
    try {
      const event = parseJson(text) as never;
      if (isReserved(event)) throw reserved();
      entries.push({ position, event: prepareEvent(event, {}, NOBODY, ledger) });
    } catch (error) {
      refused.push(refusal(position, error));
    }
  }
  return { entries, duplicates: [], refused };
}

/** The idempotency keys among the entries. */
export function keysOf(entries: readonly Entry[]): string[] {
  return entries.flatMap(({ event }) => (event.idempotency === null ? [] : [event.idempotency.key]));
}

/** Sorts out entries whose key is taken, in the log or by an entry before. */
export function withoutTaken(entries: readonly Entry[], taken: ReadonlyMap<string, SealedKey>): Sorted {
  const kept: Entry[] = [];
  const duplicates: number[] = [];
  const refused: RefusedEvent[] = [];
  const digests = new Map([...taken].map(([key, { digest }]) => [key, digest]));
  for (const entry of entries) {
    const { position, event } = entry;
    const digest = event.idempotency === null ? undefined : digests.get(event.idempotency.key);
    if (digest === undefined) {
      kept.push(entry);
      if (event.idempotency !== null) digests.set(event.idempotency.key, event.idempotency.digest);
    } else if (digest === event.idempotency!.digest) {
      duplicates.push(position);
    } else {
      const { key } = event.idempotency!;
      const rule = `another event has the idempotency key ${key} and other content`;
      refused.push(refusal(position, new IndelibleError('IDEMPOTENCY_CONFLICT', rule)));
    }
  }
  return { entries: kept, duplicates, refused };
}

/** Why an event stays out of the log. Raises what is no fault of the event. */
export function refusal(position: number, error: unknown): RefusedEvent {
  if (!isIndelibleError(error)) throw error;
  // It quotes the event, and PostgreSQL keeps neither U+0000 nor half a surrogate pair.
  const message = error.message.slice(0, 1000).toWellFormed().replaceAll('\0', '\ufffd');
  return { position, code: error.code, message };
}
