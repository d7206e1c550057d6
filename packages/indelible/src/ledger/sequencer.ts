/**
 * The only writer: gives waiting events their place, seals them, appends them, and answers with receipts.
 *
 * While one append is in flight the next batch gathers (group commit). Nothing advances before the store says
 * durable: the head here is a copy of the store's, and after any fault it is read again.
 *
 * Errors:  those of the store, to every caller of the batch concerned; BACKLOG_FULL when the bound is reached.
 */
import {
  type BodyHash,
  GENESIS_HASH,
  IndelibleError,
  isIndelibleError,
  type LedgerRecord,
  parseRecord,
  type Receipt,
} from '@indelible/core';
import type { Head, LogStore } from '../stores/contract.ts';
import { BatchBuilder } from './batch.ts';
import type { PreparedEvent } from './encode.ts';
import { type IdempotencyKeys, receiptOfRetry } from './idempotency.ts';
import { IdSource, MonotonicClock } from './identity.ts';
import { lineOf } from './lines.ts';

const BATCH_RECORDS_MAX = 8192;
const BATCH_BYTES_MAX = 4 << 20;
/** About what preparing one event costs its caller and us, in milliseconds. */
const PREPARE_MS = 0.004;
/** After so many lost races for the head the store is asked to keep other writers out for a moment. */
const RACES_MAX = 2;
/** Only a store that cannot do so gets this far; each loss still means that another writer made progress. */
const HEAD_MOVED_TRIES_MAX = 1000;

export interface SequencerOptions {
  readonly store: LogStore;
  readonly keys: IdempotencyKeys;
  readonly clock: () => number;
  /** What a record behind this one (null: the first) is sealed with. Raises KEY_UNKNOWN, KEY_REQUIRED. */
  readonly sealingBehind: (last: LedgerRecord | null) => Sealing;
  readonly backlog_records_max: number;
  readonly backlog_bytes_max: number;
  /** Called after each durable append. */
  readonly onAppend: (records: number) => void;
  /** Called with each storage fault; the next `onAppend` says that it is over. */
  readonly onFault: (error: unknown) => void;
}

/** What new records are hashed with. */
export interface Sealing {
  readonly key_id: string | null;
  readonly hash: BodyHash;
}

interface Waiting {
  readonly event: PreparedEvent;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
  /** The last of its batch, because records behind it are sealed otherwise: a key rotation. */
  readonly ends_batch: boolean;
}

interface Placed {
  readonly waiting: Waiting;
  readonly receipt: Receipt;
}

export class Sequencer {
  readonly #options: SequencerOptions;
  readonly #ids = new IdSource();
  readonly #clock: MonotonicClock;
  readonly #builder = new BatchBuilder();
  #queue: Waiting[] = [];
  #queued_bytes = 0;
  #running: Promise<void> | null = null;
  #head: Head | null;
  /** The store's head must be read again before the next append. */
  #uncertain = true;
  #sealing: Sealing;
  /** Receipts of the batch that has just become durable, not handed out yet. */
  #answers: readonly Placed[] = [];
  /** How long the store takes for a batch, averaged over the last few. */
  #append_ms = 0;

  /** `head` is the head that `keys` knows everything up to. */
  constructor(options: SequencerOptions, head: Head | null) {
    this.#options = options;
    this.#clock = new MonotonicClock(options.clock);
    this.#head = head;
    this.#sealing = options.sealingBehind(null);
  }

  get waiting_records(): number {
    return this.#queue.length;
  }

  get waiting_bytes(): number {
    return this.#queued_bytes;
  }

  /** The last head known to be durable. */
  get head(): Head | null {
    return this.#head;
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
      this.#queue.push({ event, resolve, reject, ends_batch });
      this.#queued_bytes += event.length;
      // At the end of this turn, so that a burst of calls becomes one batch.
      this.#running ??= new Promise<void>((start) => process.nextTick(start)).then(() => this.#run());
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#take();
      const answers = this.#answers;
      this.#answers = [];
      const committing = this.#commit(group);
      // The store has the next batch by the end of this turn; only then do the callers of the last one go on. What
      // they prepare next is prepared while the store writes.
      process.nextTick(handOut, answers);
      try {
        await committing;
      } catch (error) {
        this.#uncertain = true;
        this.#options.onFault(error);
        for (const waiting of group) waiting.reject(error);
      }
    }
    this.#running = null;
    handOut(this.#answers);
    this.#answers = [];
  }

  /**
   * The next batch: everything that waits, or, where preparing events takes longer than writing them, half of all
   * callers, so that one half is written while the other prepares.
   */
  #take(): Waiting[] {
    const callers = this.#queue.length + this.#answers.length;
    const fair = callers * PREPARE_MS > this.#append_ms ? Math.ceil(callers / 2) : callers;
    const most = Math.min(this.#queue.length, fair, BATCH_RECORDS_MAX);
    let bytes = 0;
    let count = 0;
    while (count < most && (count === 0 || bytes < BATCH_BYTES_MAX)) {
      const waiting = this.#queue[count]!;
      bytes += waiting.event.length;
      count++;
      if (waiting.ends_batch) break;
    }
    const group = this.#queue.splice(0, count);
    this.#queued_bytes -= bytes;
    return group;
  }

  /** Appends the group, as often as other writers move the head before us. Settles every caller or throws. */
  async #commit(group: readonly Waiting[]): Promise<void> {
    for (let races = 0; races < RACES_MAX; races++) if (await this.#tryCommit(group)) return;
    const release = await this.#options.store.reserve?.();
    try {
      for (let races = 0; races < HEAD_MOVED_TRIES_MAX; races++) if (await this.#tryCommit(group)) return;
    } finally {
      await release?.();
    }
    throw new IndelibleError('STORE_UNAVAILABLE', 'other writers appended first, again and again');
  }

  /** False when another writer moved the head first. */
  async #tryCommit(group: readonly Waiting[]): Promise<boolean> {
    if (this.#uncertain) await this.#readHead();
    if (this.#options.keys.crowded) await this.#options.keys.makeRoom();
    const remaining = group.some(hasKey) ? await this.#answerRetries(group) : group;
    const { placed, followers } = this.#seal(remaining);
    if (placed.length === 0) return true;
    const started = performance.now();
    try {
      await this.#options.store.append(this.#builder.batch(), this.#head);
      this.#append_ms += (performance.now() - started - this.#append_ms) / 8;
    } catch (error) {
      this.#uncertain = true;
      if (isIndelibleError(error, 'HEAD_MOVED')) return false;
      if (!(await this.#landed(placed))) throw error;
    }
    this.#finish(placed, followers);
    return true;
  }

  /** Answers events whose idempotency key is taken; returns the others. */
  async #answerRetries(group: readonly Waiting[]): Promise<readonly Waiting[]> {
    const keys = group.flatMap(({ event }) => (event.idempotency === null ? [] : [event.idempotency.key]));
    const holders = await this.#options.keys.find(keys);
    if (holders.size === 0) return group;
    return group.filter((waiting) => {
      const idempotency = waiting.event.idempotency;
      const holder = idempotency === null ? undefined : holders.get(idempotency.key);
      if (idempotency === null || holder === undefined) return true;
      try {
        waiting.resolve(receiptOfRetry(holder, idempotency.key, idempotency.digest));
      } catch (error) {
        waiting.reject(error);
      }
      return false;
    });
  }

  /** Seals the group behind the head. Events that repeat a key of the same group follow the first one. */
  #seal(group: readonly Waiting[]): { placed: Placed[]; followers: Map<Waiting, Placed> } {
    const placed: Placed[] = [];
    const followers = new Map<Waiting, Placed>();
    const byKey = new Map<string, Placed>();
    const now = this.#clock.now();
    const { key_id, hash } = this.#sealing;
    this.#builder.begin(this.#head);
    for (const waiting of group) {
      const { event } = waiting;
      const first = event.idempotency === null ? undefined : byKey.get(event.idempotency.key);
      if (first !== undefined) {
        followers.set(waiting, first);
        continue;
      }
      const place = {
        seq: this.#builder.next_seq,
        id: this.#ids.next(now.time),
        key_id,
        prev_hash: this.#builder.head?.hash ?? GENESIS_HASH,
        recorded_at: now.text,
      };
      try {
        const digest = this.#builder.add(event, place, hash);
        const receipt: Receipt = {
          seq: place.seq,
          id: place.id,
          hash: digest,
          recorded_at: place.recorded_at,
          correlation_id: event.correlation_id,
        };
        const entry = { waiting, receipt };
        placed.push(entry);
        if (event.idempotency !== null) byKey.set(event.idempotency.key, entry);
      } catch (error) {
        waiting.reject(error);
      }
    }
    return { placed, followers };
  }

  /** The batch is durable: advance, remember keys, have the answers ready. */
  #finish(placed: readonly Placed[], followers: ReadonlyMap<Waiting, Placed>): void {
    this.#head = this.#builder.head;
    for (const { waiting, receipt } of placed) {
      const { idempotency } = waiting.event;
      if (idempotency !== null)
        this.#options.keys.add(idempotency.key, { digest: idempotency.digest, receipt });
      // Reading the head again adopts the key that the rotation announced.
      if (waiting.ends_batch) this.#uncertain = true;
    }
    this.#options.onAppend(placed.length);
    this.#answers = placed;
    for (const [waiting, first] of followers) {
      const { key, digest } = waiting.event.idempotency!;
      const holder = { digest: first.waiting.event.idempotency!.digest, receipt: first.receipt };
      try {
        waiting.resolve(receiptOfRetry(holder, key, digest));
      } catch (error) {
        waiting.reject(error);
      }
    }
  }

  /** After a failed append: is our batch in the log all the same? Raises when even that cannot be read. */
  async #landed(placed: readonly Placed[]): Promise<boolean> {
    const last = placed.at(-1)!.receipt;
    const head = await this.#options.store.head();
    if (head === null || head.seq < last.seq) return false;
    const [stored] = await this.#options.store.get([last.seq]);
    return stored !== undefined && lineOf(stored.line)[0] === last.hash;
  }

  /** Takes over the store's head, and the keys and times of what others appended since ours. */
  async #readHead(): Promise<void> {
    const { store, keys } = this.#options;
    const known = this.#head;
    const head = await store.head();
    if (known !== null) await this.#checkStillThere(known, head);
    if (head !== null) {
      const [stored] = await store.get([head.seq]);
      if (stored === undefined)
        throw new IndelibleError('LEDGER_DAMAGED', `the head, record ${head.seq}, is unreadable`);
      const last = parseRecord(lineOf(stored.line)[1]);
      this.#clock.advanceTo(last.recorded_at);
      this.#sealing = this.#options.sealingBehind(last);
      const next = known === null ? 0 : known.seq + 1;
      if (head.seq >= next) for await (const batch of store.read(next, head.seq + 1)) keys.learn(batch);
    }
    this.#head = head;
    this.#uncertain = false;
  }

  /** What was acknowledged must never vanish: going on behind a log that was cut would hide the cut. */
  async #checkStillThere(known: Head, head: Head | null): Promise<void> {
    if (head?.seq === known.seq && head.hash === known.hash) return;
    const [stored] = head !== null && head.seq > known.seq ? await this.#options.store.get([known.seq]) : [];
    if (stored !== undefined && lineOf(stored.line)[0] === known.hash) return;
    throw new IndelibleError(
      'LEDGER_DAMAGED',
      `record ${known.seq}, acknowledged before, is no longer in the log`,
      {
        details: { seq: known.seq },
      },
    );
  }
}

function handOut(answers: readonly Placed[]): void {
  for (const { waiting, receipt } of answers) waiting.resolve(receipt);
}

function hasKey({ event }: Waiting): boolean {
  return event.idempotency !== null;
}
