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
import { readGapless } from './gapless.ts';
import { alignIndex } from './index-position.ts';
import type { LedgerLog } from './types.ts';

const RETRY_MS = 1000;
/** In a burst more records arrive each millisecond: indexing them meanwhile, reading them back included, would delay it. */
const BURST_RECORDS_PER_MS = 4;
const BURST_LOOK_MS = 20;
/** Some seconds of the index's work: what a query after a long burst waits for at most. */
const BEHIND_MAX = 250_000;
/** A burst that never ends is the usual load: then the index catches up every so often. */
const BURST_MS_MAX = 10_000;
/** What is said to those who will not wait longer. */
const RETRY_AFTER_S = 1;

interface Waiter {
  readonly position: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

export interface IndexTailOptions {
  readonly store: LogStore;
  readonly index: RecordIndex;
  /** Where the index stands: of this log, as `alignIndex` found. */
  readonly position: number;
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
  #position: number;
  #waiters: Waiter[] = [];
  /** Ends a pause. */
  #hurry: (() => void) | null = null;
  /** Ends the wait for an append. */
  #wake: (() => void) | null = null;
  /** The head when the tail last looked whether a burst is over. */
  #looked = { seq: -1, at: Number.NEGATIVE_INFINITY, in_burst: false };
  /** The fault that the log was told of; null once the index has come further. */
  #told: { readonly error: string; readonly position: number } | null = null;
  /** When everything was indexed. */
  #caught_up_at = performance.now();

  constructor({ store, index, position, log, onPosition, headSeq }: IndexTailOptions) {
    this.#store = store;
    this.#index = index;
    this.#position = position;
    this.#log = log;
    this.#onPosition = onPosition;
    this.#headSeq = headSeq;
    this.#done = this.#run();
  }

  /** Everything below this sequence number is indexed. */
  get position(): number {
    return this.#position;
  }

  /**
   * Resolves once everything below `position` is indexed; rejects with the index's next fault, or with INDEX_BEHIND after
   * `wait_ms`.
   */
  async reach(position: number, wait_ms: number | null = null): Promise<void> {
    if (this.#position >= position) {
      // Another process may have begun it anew since, while nothing was to be added here.
      const still = await this.#index.position();
      if (still >= position) return;
      this.#position = Math.min(this.#position, still);
    }
    if (this.#stop.signal.aborted) throw new IndelibleError('LEDGER_CLOSED', 'the ledger is closed');
    this.#hurry?.();
    this.#wake?.();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { position, resolve, reject };
      this.#waiters.push(waiter);
      if (wait_ms !== null) this.#boundWait(waiter, wait_ms);
    });
  }

  #boundWait(waiter: Waiter, wait_ms: number): void {
    const timer = setTimeout(() => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      const behind = waiter.position - this.#position;
      waiter.reject(
        new IndelibleError('INDEX_BEHIND', `the index is ${behind} records behind, and catching up`, {
          details: { position: this.#position, behind, retry_after_s: RETRY_AFTER_S },
        }),
      );
    }, wait_ms);
    // Settling twice changes nothing; the timer must only not outlive the wait.
    const { resolve, reject } = waiter;
    waiter.resolve = () => {
      clearTimeout(timer);
      resolve();
    };
    waiter.reject = (error) => {
      clearTimeout(timer);
      reject(error);
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#hurry?.();
    this.#wake?.();
    await this.#done;
    this.#fail(new IndelibleError('LEDGER_CLOSED', 'the ledger was closed before the index caught up'));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let failed = false;
    while (!signal.aborted) {
      try {
        if (failed) await this.#align();
        failed = false;
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        failed = true;
        const fault = { error: String(error), position: this.#position };
        // Where records are missing it stays so: said once, not every second.
        if (this.#told?.error !== fault.error || this.#told.position !== fault.position)
          this.#log.error(fault, 'indexing failed; recording goes on, the index tries again');
        this.#told = fault;
        this.#fail(error);
        await delay(RETRY_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    let end: number | undefined;
    while (!signal.aborted) {
      const from = this.#position;
      for await (const batch of readGapless(this.#store, from, end)) {
        await this.#burstOver(signal);
        if (signal.aborted) return;
        this.#advance(await this.#index.add(batch));
        if (this.#position === batch.first_seq + batch.ends.length) continue;
        // Another process feeds the same index, or made it anew; or the log was truncated.
        await this.#align();
        break;
      }
      const idle = this.#position === from;
      await this.#nextAppend();
      // Woken twice with nothing to read: what the head says is there must be, or this would go round and round.
      end = idle ? Math.max(this.#position, ((await this.#store.head())?.seq ?? -1) + 1) : undefined;
      // What comes in the next moment is read and indexed together with it.
      if (this.#waiters.length === 0 && !signal.aborted) await this.#pause();
    }
  }

  /** A store may notice what another process appended only after a while; who waits for it knows that it is there. */
  async #nextAppend(): Promise<void> {
    const waking = new AbortController();
    if (this.#stop.signal.aborted) return;
    this.#wake = () => waking.abort();
    try {
      await this.#store.waitForAppend(this.#position - 1, waking.signal);
    } finally {
      this.#wake = null;
      this.#caught_up_at = performance.now();
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
      const pressing =
        this.#waiters.length > 0 ||
        this.#headSeq() - this.#position > BEHIND_MAX ||
        performance.now() - this.#caught_up_at > BURST_MS_MAX;
      if (pressing || signal.aborted || !this.#inBurst()) return;
      await this.#pause();
    }
  }

  /** A moment, or until somebody waits for the index. */
  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, BURST_LOOK_MS);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = null;
  }

  async #align(): Promise<void> {
    this.#advance(await alignIndex(this.#store, this.#index));
  }

  #advance(position: number): void {
    this.#position = position;
    if (this.#told !== null && position > this.#told.position) {
      this.#told = null;
      this.#log.warn({ position }, 'indexing works again');
    }
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
