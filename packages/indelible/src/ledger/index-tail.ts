/**
 * Feeds the index from the log, off the acknowledgement path.
 *
 * Acknowledging has precedence: during a burst of appends the index waits until the burst is over, until somebody asks
 * for something that is not indexed yet, or until a bounded number of records has gathered.
 *
 * Errors:  a failing index never stops recording: the fault is logged and shown in the statistics, queries that need
 *          the index raise it, and the tail tries again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { IndelibleError } from '@indelible/core';
import type { LogStore } from '../stores/contract.ts';
import type { RecordIndex } from '../stores/index/contract.ts';
import type { LedgerLog } from './types.ts';

const RETRY_MS = 1000;
/** In a burst more records arrive each millisecond: about half of what the index can do. */
const BURST_RECORDS_PER_MS = 15;
const BURST_LOOK_MS = 20;
/** Some seconds of the index's work: what a query after a long burst waits for at most. */
const BEHIND_MAX = 250_000;

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface IndexTailOptions {
  readonly store: LogStore;
  readonly index: RecordIndex;
  readonly log: LedgerLog;
  /** Told whenever the index has come further. */
  readonly onPosition: (position: number) => void;
  /** The last record of our own writer, -1 before the first. */
  readonly headSeq: () => number;
}

export class IndexTail {
  readonly #store: LogStore;
  readonly #index: RecordIndex;
  readonly #log: LedgerLog;
  readonly #onPosition: (position: number) => void;
  readonly #headSeq: () => number;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #position = 0;
  #waiters: Waiter[] = [];
  /** Ends the wait for a burst to end. */
  #hurry: (() => void) | null = null;
  /** The head when the tail last looked whether a burst is over. */
  #looked = { seq: -1, at: Number.NEGATIVE_INFINITY, in_burst: false };

  constructor({ store, index, log, onPosition, headSeq }: IndexTailOptions) {
    this.#store = store;
    this.#index = index;
    this.#log = log;
    this.#onPosition = onPosition;
    this.#headSeq = headSeq;
    this.#done = this.#run();
  }

  /** Everything below this sequence number is indexed. */
  get position(): number {
    return this.#position;
  }

  /** Resolves once everything below `position` is indexed; rejects with the index's next fault. */
  reach(position: number): Promise<void> {
    if (this.#position >= position) return Promise.resolve();
    if (this.#stop.signal.aborted)
      return Promise.reject(new IndelibleError('LEDGER_CLOSED', 'the ledger is closed'));
    this.#hurry?.();
    return new Promise((resolve, reject) => this.#waiters.push({ position, resolve, reject }));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#hurry?.();
    await this.#done;
    this.#fail(new IndelibleError('LEDGER_CLOSED', 'the ledger was closed before the index caught up'));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#log.error(
          { error: String(error) },
          'indexing failed; recording goes on, the index tries again',
        );
        this.#fail(error);
        await delay(RETRY_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    await this.#align();
    while (!signal.aborted) {
      for await (const batch of this.#store.read(this.#position)) {
        await this.#burstOver(signal);
        if (signal.aborted) return;
        await this.#index.add(batch);
        this.#advance(await this.#index.position());
      }
      await this.#store.waitForAppend(this.#position - 1, signal);
    }
  }

  /** Judged by the last 20 ms or more: records arrive in groups. */
  #inBurst(): boolean {
    const { seq, at, in_burst } = this.#looked;
    const now = performance.now();
    if (now - at < BURST_LOOK_MS) return in_burst;
    const head_seq = this.#headSeq();
    this.#looked = { seq: head_seq, at: now, in_burst: head_seq - seq > BURST_RECORDS_PER_MS * (now - at) };
    return this.#looked.in_burst;
  }

  async #burstOver(signal: AbortSignal): Promise<void> {
    for (;;) {
      const pressing = this.#waiters.length > 0 || this.#headSeq() - this.#position > BEHIND_MAX;
      if (pressing || signal.aborted || !this.#inBurst()) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, BURST_LOOK_MS);
        this.#hurry = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#hurry = null;
    }
  }

  /** An index of another or an older state of the log starts over; it is derived. */
  async #align(): Promise<void> {
    const first = await this.#store.firstSeq();
    const head = await this.#store.head();
    const position = await this.#index.position();
    const end = head === null ? 0 : head.seq + 1;
    if (position > end || position < first) await this.#index.reset(first);
    this.#advance(await this.#index.position());
  }

  #advance(position: number): void {
    this.#position = position;
    const ready = this.#waiters.filter((waiter) => waiter.position <= position);
    if (ready.length > 0) {
      this.#waiters = this.#waiters.filter((waiter) => waiter.position > position);
      for (const waiter of ready) waiter.resolve();
    }
    this.#onPosition(position);
  }

  #fail(error: unknown): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(error);
  }
}
