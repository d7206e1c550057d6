/**
 * Feeds the index from the log, off the acknowledgement path.
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

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class IndexTail {
  readonly #store: LogStore;
  readonly #index: RecordIndex;
  readonly #log: LedgerLog;
  readonly #onPosition: (position: number) => void;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #position = 0;
  #waiters: Waiter[] = [];

  constructor(store: LogStore, index: RecordIndex, log: LedgerLog, onPosition: (position: number) => void) {
    this.#store = store;
    this.#index = index;
    this.#log = log;
    this.#onPosition = onPosition;
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
    return new Promise((resolve, reject) => this.#waiters.push({ position, resolve, reject }));
  }

  async close(): Promise<void> {
    this.#stop.abort();
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
        await this.#index.add(batch);
        this.#advance(await this.#index.position());
        if (signal.aborted) return;
      }
      await this.#store.waitForAppend(this.#position - 1, signal);
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
