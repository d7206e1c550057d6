/**
 * The only writer: gives waiting events their place, seals them, appends them, and answers with receipts.
 *
 * Group commit: while appends are in flight the next group gathers. A store that works on two appends at once gets
 * two: one is written while the callers of the other prepare what they say next (docs/decisions/0007). The second is
 * sealed behind a head that is not durable yet; should the first fail, the store refuses the second (HEAD_MOVED), and
 * it is sealed anew. Nothing is answered, and the known head does not advance, before the store says durable.
 *
 * Events with idempotency keys, key rotations and everything after a fault go alone, with nothing else in flight.
 *
 * Errors:  those of the store, to every caller of the group concerned; BACKLOG_FULL when the bound is reached.
 */
import { IndelibleError, isIndelibleError, type Receipt } from '@indelible/core';
import type { Head, LineBatch, LogStore } from '../stores/contract.ts';
import type { PreparedEvent } from './encode.ts';
import { FollowedHead, type FollowedHeadOptions, isStored } from './followed-head.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import { MonotonicClock } from './identity.ts';
import { answer, answerRetry, type SealedGroup, Sealer, Waiting } from './sealing.ts';

const GROUP_RECORDS_MAX = 8192;
const GROUP_BYTES_MAX = 4 << 20;
/** About what one event costs its caller, us and the store apart from the sync, in milliseconds, unless the store says. */
const EVENT_MS = 0.016;
const MANY_CALLERS = 1000;
/** After so many lost races for the head the store is asked to keep other writers out for a moment. */
const RACES_MAX = 2;
/** Only a store that cannot do so gets this far; each loss still means that another writer made progress. */
const HEAD_MOVED_TRIES_MAX = 1000;

export interface SequencerOptions extends FollowedHeadOptions {
  readonly store: LogStore;
  readonly keys: IdempotencyKeys;
  readonly clock: () => number;
  readonly backlog_records_max: number;
  readonly backlog_bytes_max: number;
  /** Called after each durable append; the batch's memory is used again afterwards. */
  readonly onAppend: (batch: LineBatch) => void;
  /** Called with each storage fault; the next `onAppend` says that it is over. */
  readonly onFault: (error: unknown) => void;
}

export class Sequencer {
  readonly #options: SequencerOptions;
  readonly #head: FollowedHead;
  /** Each with a buffer of its own, so that one can be filled while the other's is written. */
  readonly #idle_sealers: Sealer[];
  readonly #in_flight_max: number;
  #queue: Waiting[] = [];
  #queued_bytes = 0;
  /** Groups that were sealed behind an append that failed, oldest first. They go before the queue. */
  #again: Waiting[] = [];
  /** The end of what is sealed and in flight, in order. */
  #tip: Head | null = null;
  #in_flight_groups = 0;
  #in_flight_records = 0;
  /** A group that goes alone is under way. */
  #alone = false;
  #woken = false;
  /** How long the store takes for a group, averaged over the last few, and when it was done with the last. */
  #append_ms = 0;
  #appended_at = 0;
  #onIdle: (() => void)[] = [];

  /** `head` is the head that `options.keys` knows everything up to. */
  constructor(options: SequencerOptions, head: Head | null) {
    this.#options = options;
    const clock = new MonotonicClock(options.clock);
    this.#head = new FollowedHead(options, clock, head);
    this.#in_flight_max = options.store.appends_in_flight ?? 1;
    this.#idle_sealers = Array.from({ length: this.#in_flight_max }, () => new Sealer(clock));
  }

  get waiting_records(): number {
    return this.#queue.length + this.#again.length;
  }

  get waiting_bytes(): number {
    return this.#queued_bytes;
  }

  /** The last head known to be durable. */
  get head(): Head | null {
    return this.#head.known;
  }

  /** Queues an event; resolves when it is durable. Rejects at once when too much waits. */
  submit(event: PreparedEvent, ends_batch = false): Promise<Receipt> {
    if (
      this.#queue.length >= this.#options.backlog_records_max ||
      this.#queued_bytes + event.length > this.#options.backlog_bytes_max
    ) {
      return Promise.reject(
        new IndelibleError('BACKLOG_FULL', `${this.#queue.length} records wait to be written`, {
          details: { waiting_records: this.#queue.length, waiting_bytes: this.#queued_bytes },
        }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push(new Waiting(event, resolve, reject, ends_batch));
      this.#queued_bytes += event.length;
      this.#wake();
    });
  }

  /** Resolves when nothing waits and nothing is in flight any more. */
  idle(): Promise<void> {
    if (this.#is_idle) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  get #is_idle(): boolean {
    return this.waiting_records === 0 && this.#in_flight_groups === 0 && !this.#alone;
  }

  /** Looks for work at the end of this turn, so that a burst of calls becomes one group. */
  #wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    process.nextTick(() => {
      this.#woken = false;
      this.#startGroups();
    });
  }

  #startGroups(): void {
    while (this.waiting_records > 0 && !this.#alone) {
      const appends = this.#worthwhile_appends;
      if (this.#in_flight_groups >= appends) break;
      const count = this.#nextCount(appends);
      if (this.#mayOverlap(count)) {
        void this.#appendBehindTip(this.#take(count));
      } else {
        if (this.#in_flight_groups === 0) void this.#appendAlone(this.#take(count));
        return;
      }
    }
    if (this.#is_idle) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /**
   * Two appends at once pay while events take longer than syncs; else they would only double the syncs. Of so many that two
   * groups are large, most of an append is the events' own, whoever works on them.
   */
  get #worthwhile_appends(): number {
    const callers = this.waiting_records + this.#in_flight_records;
    const many = callers >= MANY_CALLERS;
    const event_ms = this.#options.store.event_ms ?? EVENT_MS;
    return many || callers * event_ms > this.#append_ms ? this.#in_flight_max : 1;
  }

  /** A fair share of all callers for each of so many appends. */
  #nextCount(appends: number): number {
    if (this.#again.length > 0) return 0;
    const share = Math.ceil((this.#queue.length + this.#in_flight_records) / appends);
    const most = Math.min(this.#queue.length, share, GROUP_RECORDS_MAX);
    let bytes = 0;
    let count = 0;
    while (count < most && (count === 0 || bytes < GROUP_BYTES_MAX)) {
      const waiting = this.#queue[count++]!;
      bytes += waiting.event.length;
      if (waiting.ends_batch) break;
    }
    return count;
  }

  #mayOverlap(count: number): boolean {
    if (this.#head.uncertain || this.#again.length > 0 || this.#options.keys.crowded) return false;
    for (let i = 0; i < count; i++) {
      const { event, ends_batch } = this.#queue[i]!;
      if (ends_batch || event.idempotency !== null) return false;
    }
    return true;
  }

  /** The first `count` of the queue, behind everything that must be sealed again. */
  #take(count: number): Waiting[] {
    const group = this.#again.concat(this.#queue.slice(0, count));
    for (let i = this.#again.length; i < group.length; i++) this.#queued_bytes -= group[i]!.event.length;
    // A new array: one that lives long and is cut at the front keeps what it held alive for the garbage collector.
    this.#queue = this.#queue.slice(count);
    this.#again = [];
    return group;
  }

  /** Appends a group behind those in flight. Never rejects. */
  async #appendBehindTip(group: readonly Waiting[]): Promise<void> {
    const sealer = this.#idle_sealers.pop()!;
    const behind = this.#in_flight_groups === 0 ? this.#head.known : this.#tip;
    this.#in_flight_groups++;
    this.#in_flight_records += group.length;
    try {
      const sealed = sealer.seal(group, behind, this.#head.sealing);
      this.#tip = sealed.head;
      if (sealed.placed.length > 0) await this.#append(sealed);
    } catch (error) {
      this.#head.doubt();
      if (isIndelibleError(error, 'HEAD_MOVED')) this.#again.push(...group);
      else this.#fail(group, error);
    } finally {
      this.#in_flight_groups--;
      this.#in_flight_records -= group.length;
      this.#idle_sealers.push(sealer);
      this.#wake();
    }
  }

  /** Appends a group with nothing else in flight. Never rejects. */
  async #appendAlone(group: readonly Waiting[]): Promise<void> {
    this.#alone = true;
    try {
      await this.#appendAmongOthers(group);
    } catch (error) {
      this.#head.doubt();
      this.#fail(group, error);
    } finally {
      this.#alone = false;
      this.#wake();
    }
  }

  #fail(group: readonly Waiting[], error: unknown): void {
    this.#options.onFault(error);
    for (const waiting of group) waiting.reject(error);
  }

  /** Tries as often as other writers move the head first. */
  async #appendAmongOthers(group: readonly Waiting[]): Promise<void> {
    for (let races = 0; races < RACES_MAX; races++) if (await this.#tryAlone(group)) return;
    const release = await this.#options.store.reserve?.();
    try {
      for (let races = 0; races < HEAD_MOVED_TRIES_MAX; races++) if (await this.#tryAlone(group)) return;
    } finally {
      await release?.();
    }
    throw new IndelibleError('STORE_UNAVAILABLE', 'other writers appended first, again and again');
  }

  /** False when another writer moved the head first. */
  async #tryAlone(group: readonly Waiting[]): Promise<boolean> {
    if (this.#head.uncertain) await this.#head.read();
    if (this.#options.keys.crowded) await this.#options.keys.makeRoom();
    const remaining = group.some(hasKey) ? await this.#answerRetries(group) : group;
    const sealed = this.#idle_sealers[0]!.seal(remaining, this.#head.known, this.#head.sealing);
    if (sealed.placed.length === 0) return true;
    try {
      await this.#append(sealed);
      return true;
    } catch (error) {
      if (!isIndelibleError(error, 'HEAD_MOVED')) throw error;
      this.#head.doubt();
      return false;
    }
  }

  /** Appends, also when the store raises an error although the group landed; answers its callers. */
  async #append(sealed: SealedGroup): Promise<void> {
    const { store } = this.#options;
    const started = performance.now();
    try {
      await store.append(sealed.batch, sealed.behind);
      const now = performance.now();
      this.#append_ms += (now - Math.max(started, this.#appended_at) - this.#append_ms) / 8;
      this.#appended_at = now;
    } catch (error) {
      this.#head.doubt();
      if (isIndelibleError(error, 'HEAD_MOVED')) throw error;
      const last = sealed.head!;
      const head = await store.head();
      if (head === null || head.seq < last.seq || !(await isStored(store, last))) throw error;
    }
    this.#finish(sealed);
  }

  /** Answers events whose idempotency key is taken, or cannot be looked for now; returns the others. */
  async #answerRetries(group: readonly Waiting[]): Promise<readonly Waiting[]> {
    const keys = group.flatMap(({ event }) => (event.idempotency === null ? [] : [event.idempotency.key]));
    const holders = await this.#options.keys.find(keys).catch((error: unknown) => {
      this.#fail(group.filter(hasKey), error);
      return null;
    });
    if (holders === null) {
      // Not in this group, which may be tried again: those with a key must not come back.
      this.#again.push(...group.filter((waiting) => !hasKey(waiting)));
      return [];
    }
    if (holders.size === 0) return group;
    return group.filter((waiting) => {
      const holder = hasKey(waiting) ? holders.get(waiting.event.idempotency!.key) : undefined;
      if (holder !== undefined) answerRetry(waiting, holder);
      return holder === undefined;
    });
  }

  /** The group is durable: advance, remember keys, answer. */
  #finish(sealed: SealedGroup): void {
    this.#head.advance(sealed.head);
    for (const { waiting, receipt } of sealed.placed) {
      const { idempotency } = waiting.event;
      if (idempotency !== null)
        this.#options.keys.add(idempotency.key, { digest: idempotency.digest, receipt });
      // Reading the head again adopts the key that the rotation announced.
      if (waiting.ends_batch) this.#head.doubt();
    }
    this.#options.onAppend(sealed.batch);
    answer(sealed);
  }
}

function hasKey({ event }: Waiting): boolean {
  return event.idempotency !== null;
}
