/**
 * Sealing a group of waiting events behind a head: every event gets its number, id, time and hash.
 */
import type { BodyHash, Receipt } from '@indelible/core';
import type { Head, LineBatch } from '../stores/contract.ts';
import { BatchBuilder } from './batch.ts';
import type { PreparedEvent } from './encode.ts';
import { receiptOfRetry } from './idempotency.ts';
import { IdSource, type MonotonicClock } from './identity.ts';

/** What new records are hashed with. */
export interface Sealing {
  readonly key_id: string | null;
  readonly hash: BodyHash;
}

/** An event in line, and the caller that waits for its receipt. */
export class Waiting {
  readonly event: PreparedEvent;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
  /** The last of its batch, because records behind it are sealed otherwise: a key rotation. */
  readonly ends_batch: boolean;

  constructor(
    event: PreparedEvent,
    resolve: Waiting['resolve'],
    reject: Waiting['reject'],
    ends_batch: boolean,
  ) {
    this.event = event;
    this.resolve = resolve;
    this.reject = reject;
    this.ends_batch = ends_batch;
  }
}

export class Placed {
  readonly waiting: Waiting;
  readonly receipt: Receipt;

  constructor(waiting: Waiting, receipt: Receipt) {
    this.waiting = waiting;
    this.receipt = receipt;
  }
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** A plain object, as a literal would be, for whoever compares it; why it is none is told at PreparedEvent. */
const PlainReceipt = function (
  this: Mutable<Receipt>,
  seq: number,
  id: string,
  hash: string,
  recorded_at: string,
  correlation_id: string,
): void {
  this.seq = seq;
  this.id = id;
  this.hash = hash;
  this.recorded_at = recorded_at;
  this.correlation_id = correlation_id;
} as unknown as new (
  seq: number,
  id: string,
  hash: string,
  recorded_at: string,
  correlation_id: string,
) => Receipt;
PlainReceipt.prototype = Object.prototype;

/** A sealed group, ready to be appended. */
export interface SealedGroup {
  /** The head that it was sealed behind. */
  readonly behind: Head | null;
  /** The head once it is durable. */
  readonly head: Head | null;
  readonly batch: LineBatch;
  readonly placed: readonly Placed[];
  /** Events that repeat an idempotency key of their own group, and the first one with that key. */
  readonly followers: ReadonlyMap<Waiting, Placed>;
}

/** Seals one group at a time; its batch must be durable or given up before the next call. */
export class Sealer {
  readonly #ids = new IdSource();
  readonly #clock: MonotonicClock;
  readonly #builder = new BatchBuilder();

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  /** Events that cannot be sealed (RECORD_TOO_LARGE) are rejected at once and take no number. */
  seal(group: readonly Waiting[], behind: Head | null, { key_id, hash }: Sealing): SealedGroup {
    const placed: Placed[] = [];
    const followers = new Map<Waiting, Placed>();
    const byKey = new Map<string, Placed>();
    const builder = this.#builder;
    const now = this.#clock.now();
    builder.begin(behind);
    for (const waiting of group) {
      const { event } = waiting;
      const first = event.idempotency === null ? undefined : byKey.get(event.idempotency.key);
      if (first !== undefined) {
        followers.set(waiting, first);
        continue;
      }
      const id = this.#ids.next(now.time);
      const place = {
        seq: builder.next_seq,
        id,
        key_id,
        prev_hash: builder.last_hash,
        recorded_at: now.text,
      };
      try {
        const digest = builder.add(event, place, hash);
        const { seq, recorded_at } = place;
        const entry = new Placed(
          waiting,
          new PlainReceipt(seq, id, digest, recorded_at, event.correlation_id),
        );
        placed.push(entry);
        if (event.idempotency !== null) byKey.set(event.idempotency.key, entry);
      } catch (error) {
        waiting.reject(error);
      }
    }
    return { behind, head: builder.head, batch: builder.batch(), placed, followers };
  }
}

/** Gives every caller of a durable group its receipt. */
export function answer({ placed, followers }: SealedGroup): void {
  for (const { waiting, receipt } of placed) waiting.resolve(receipt);
  for (const [waiting, first] of followers) {
    const digest = first.waiting.event.idempotency!.digest;
    answerRetry(waiting, { digest, receipt: first.receipt });
  }
}

/** Answers an event whose idempotency key is taken. */
export function answerRetry(waiting: Waiting, holder: { digest: string; receipt: Receipt }): void {
  const { key, digest } = waiting.event.idempotency!;
  try {
    waiting.resolve(receiptOfRetry(holder, key, digest));
  } catch (error) {
    waiting.reject(error);
  }
}
