/**
 * The head of the log as the sequencer knows it, and how it catches up when others may have moved it.
 */
import { IndelibleError, type LedgerRecord, parseRecord } from '@indelible/core';
import type { Head, LogStore } from '../stores/contract.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import type { MonotonicClock } from './identity.ts';
import { lineOf } from './lines.ts';
import type { Sealing } from './sealing.ts';

export interface FollowedHeadOptions {
  readonly store: Pick<LogStore, 'head' | 'get' | 'read'>;
  /** Learns the idempotency keys of what others append; null when they are asked of somebody else. */
  readonly keys: Pick<IdempotencyKeys, 'learn'> | null;
  /** What a record behind this one (null: the first) is sealed with. Raises KEY_UNKNOWN, KEY_REQUIRED. */
  readonly sealingBehind: (last: LedgerRecord | null) => Sealing;
}

export class FollowedHead {
  readonly #options: FollowedHeadOptions;
  readonly #clock: MonotonicClock;
  #known: Head | null;
  #sealing: Sealing;
  #uncertain = true;

  /** `known` is the head that `options.keys` knows everything up to. */
  constructor(options: FollowedHeadOptions, clock: MonotonicClock, known: Head | null) {
    this.#options = options;
    this.#clock = clock;
    this.#known = known;
    this.#sealing = options.sealingBehind(null);
  }

  /** The last head known to be durable. */
  get known(): Head | null {
    return this.#known;
  }

  /** What records behind `known` are sealed with. */
  get sealing(): Sealing {
    return this.#sealing;
  }

  /** True until `read` has asked the store. */
  get uncertain(): boolean {
    return this.#uncertain;
  }

  /** After a fault, a lost race, or a record that changes how the next ones are sealed. */
  doubt(): void {
    this.#uncertain = true;
  }

  /** Our own append became durable. */
  advance(head: Head | null): void {
    if (head !== null && head.seq > (this.#known?.seq ?? -1)) this.#known = head;
  }

  /** Takes over the store's head, and the keys and times of what others appended since ours. */
  async read(): Promise<void> {
    const { store, keys, sealingBehind } = this.#options;
    const known = this.#known;
    const head = await store.head();
    if (known !== null) await this.#checkStillThere(known, head);
    if (head !== null) {
      const [stored] = await store.get([head.seq]);
      if (stored === undefined)
        throw new IndelibleError('LEDGER_DAMAGED', `the head, record ${head.seq}, is unreadable`);
      const last = parseRecord(lineOf(stored.line)[1]);
      this.#clock.advanceTo(last.recorded_at);
      this.#sealing = sealingBehind(last);
      const next = known === null ? 0 : known.seq + 1;
      if (keys !== null && head.seq >= next)
        for await (const batch of store.read(next, head.seq + 1)) keys.learn(batch);
    }
    this.#known = head;
    this.#uncertain = false;
  }

  /** What was acknowledged must never vanish: going on behind a log that was cut would hide the cut. */
  async #checkStillThere(known: Head, head: Head | null): Promise<void> {
    if (head?.seq === known.seq && head.hash === known.hash) return;
    const moved_on = head !== null && head.seq > known.seq;
    if (moved_on && (await isStored(this.#options.store, known))) return;
    throw new IndelibleError(
      'LEDGER_DAMAGED',
      `record ${known.seq}, acknowledged before, is no longer in the log`,
      { details: { seq: known.seq } },
    );
  }
}

/** Whether the log holds exactly this record. Raises when that cannot be read. */
export async function isStored(store: Pick<LogStore, 'get'>, { seq, hash }: Head): Promise<boolean> {
  const [stored] = await store.get([seq]);
  return stored !== undefined && lineOf(stored.line)[0] === hash;
}
