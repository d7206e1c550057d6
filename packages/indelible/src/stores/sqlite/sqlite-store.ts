/**
 * The SQLite store (`sqlite:FILE`): one table in one file, which several processes may append to.
 *
 * One thread appends, another one reads (started by the first read), so that a long scan never delays a commit.
 *
 * Errors:  as the contract says, and HEAD_MOVED, LEDGER_NOT_FOUND, LEDGER_TOO_NEW.
 */
import { EventEmitter } from 'node:events';
import { resolve } from 'node:path';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { Head, LineBatch, LogStore, Shard, StoreFinding, Threads } from '../contract.ts';
import type { WorkerSetup } from './operations.ts';
import { SEQ_MAX, SEQ_MIN } from './scan.ts';
import type { ShardInput } from './shard.ts';
import { closed, WorkerClient } from './worker-client.ts';

const SHARD_MODULE = new URL(import.meta.url.endsWith('.ts') ? './shard.ts' : './shard.js', import.meta.url)
  .href;
/** How soon appends of other processes are seen by those who wait; there is no notification to listen to. */
const POLL_MS = 250;
const BUSY_MS_MAX = 5000;

export interface SqliteStoreOptions {
  readonly path: string;
  /** Make the file, and its folder, when missing (default), or raise LEDGER_NOT_FOUND. */
  readonly create?: boolean;
  readonly read_only?: boolean;
  /** `one` reads in the thread that appends. */
  readonly threads?: Threads | undefined;
  /** How long an append waits for other processes; default 5,000 ms. */
  readonly busy_ms_max?: number;
  /** For tests only: shared memory (12 bytes) whose slots, see FAULT_SLOTS in append.ts, ask for faults. */
  readonly faults?: SharedArrayBuffer;
}

/** Opens, and by default creates, the store. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<LogStore> {
  const store = new SqliteStore(options);
  try {
    await store.open();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

class SqliteStore implements LogStore {
  readonly url: string;
  readonly read_only: boolean;
  /** The thread has the next batch at hand when it has committed one. */
  readonly appends_in_flight = 2;
  readonly #setup: WorkerSetup;
  readonly #threads: Threads | undefined;
  readonly #writer: WorkerClient;
  readonly #appended = new EventEmitter();
  /** The last record that this store appended itself, and the last that it was asked to. */
  #appended_seq = -1;
  #asked_seq = -1;
  #reader: WorkerClient | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: SqliteStoreOptions) {
    const file = resolve(options.path);
    this.url = `sqlite:${options.path}`;
    this.read_only = options.read_only ?? false;
    this.#setup = {
      file,
      read_only: this.read_only,
      create: !this.read_only && (options.create ?? true),
      busy_ms_max: options.busy_ms_max ?? BUSY_MS_MAX,
      faults: options.faults === undefined ? null : new Int32Array(options.faults),
    };
    this.#threads = options.threads;
    this.#writer = new WorkerClient(this.#setup, options.threads === 'none');
    this.#appended.setMaxListeners(0);
  }

  async open(): Promise<void> {
    await this.#writer.call('open', null);
  }

  head(): Promise<Head | null> {
    return this.#writer.call('head', null);
  }

  async append(batch: LineBatch, expected: Head | null): Promise<void> {
    if (this.#closing !== null) throw closed(this.#setup.file);
    if (this.read_only)
      throw new IndelibleError('STORE_READ_ONLY', `${this.url} was opened for reading alone`);
    if (batch.ends.length === 0) return;
    // Own copies, which can be handed over: the caller goes on using its buffer.
    const ends = Uint32Array.from(batch.ends);
    const bytes = batch.bytes.slice(0, ends.at(-1));
    const request = { first_seq: batch.first_seq, bytes, ends, expected };
    // Readers may see it before we are told that it is there.
    const last = batch.first_seq + ends.length - 1;
    this.#asked_seq = last;
    await this.#writer.call('append', request, [bytes.buffer, ends.buffer]);
    this.#appended_seq = last;
    this.#appended.emit('append');
  }

  async reserve(): Promise<() => Promise<void>> {
    await this.#writer.call('reserve', null);
    return async () => {
      await this.#writer.call('release', null);
    };
  }

  async *read(from: number, to?: number): AsyncGenerator<LineBatch> {
    const reader = this.#readingThread();
    // Rows below zero can only be somebody's doing: whoever reads from the start must meet them.
    let next = from <= 0 ? SEQ_MIN : BigInt(from);
    const most = to === undefined || to > Number(SEQ_MAX) ? SEQ_MAX : BigInt(to) - 1n;
    // Where the table's end cannot be read, everything before it still can.
    const begun = await reader.call('begin', { from: next, last: most }).catch((error: unknown) => {
      if (isIndelibleError(error, 'LEDGER_DAMAGED')) return null;
      throw error;
    });
    const last = begun?.last ?? most;
    const fetch = () => (next > last ? null : reader.call('chunk', { from: next, last }));
    let chunk = begun === null ? await fetch() : begun.chunk;
    while (chunk !== null) {
      next = chunk.next;
      // The thread works on the next chunk while the caller works on this one.
      const ahead = fetch();
      ahead?.catch(() => {}); // Met below, unless the caller leaves early.
      const { first_seq, bytes, ends, stored_seqs } = chunk;
      yield { first_seq, bytes, ends, stored_seqs };
      chunk = await ahead;
    }
  }

  get(seqs: readonly number[]): Promise<{ seq: number; line: Uint8Array }[]> {
    return this.#readingThread().call('lines', seqs);
  }

  async firstSeq(): Promise<number> {
    return Number((await this.#writer.call('bounds', null))?.first ?? 0);
  }

  async waitForAppend(seq: number, signal: AbortSignal): Promise<void> {
    // Whoever has all that was appended here waits for the next: what others append is looked for later, as ever.
    let looks = this.#asked_seq !== seq;
    while (!signal.aborted && this.#closing === null) {
      // Listens before it looks, so that no append falls between.
      const woken = this.#nextAppend(signal);
      try {
        if (this.#appended_seq > seq) return;
        if (looks && ((await this.head())?.seq ?? -1) > seq) return;
        looks = true;
        await woken.promise;
      } finally {
        woken.forget();
      }
    }
  }

  /** Settles on an append here, on abort, on close, or when it is time to look for those of other processes. */
  #nextAppend(signal: AbortSignal): { promise: Promise<void>; forget(): void } {
    const { promise, resolve: wake } = Promise.withResolvers<void>();
    const timer = setTimeout(wake, POLL_MS);
    this.#appended.once('append', wake);
    signal.addEventListener('abort', () => wake(), { once: true });
    const forget = () => {
      clearTimeout(timer);
      this.#appended.off('append', wake);
    };
    return { promise, forget };
  }

  async shards(count: number): Promise<Shard[]> {
    const bounds = await this.#readingThread().call('bounds', null);
    if (bounds === null) return [];
    const { first, last } = bounds;
    const total = last - first + 1n;
    const parts = BigInt(Math.max(1, Math.floor(count)));
    const shards: Shard[] = [];
    const { file, busy_ms_max } = this.#setup;
    for (let part = 0n; part < parts; part++) {
      const from = first + (total * part) / parts;
      const end = first + (total * (part + 1n)) / parts - 1n;
      if (from > end) continue;
      const input: ShardInput = { file, from, last: end, busy_ms_max };
      shards.push({ module: SHARD_MODULE, input, bytes: Math.ceil(bounds.bytes / Number(parts)) });
    }
    return shards;
  }

  inspect(): Promise<StoreFinding[]> {
    return this.#readingThread().call('inspect', null);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  /** The writer goes last: SQLite folds the log into the file when the last connection closes. */
  async #end(): Promise<void> {
    this.#appended.emit('append');
    await this.#reader?.close();
    await this.#writer.close();
  }

  #readingThread(): WorkerClient {
    if (this.#closing !== null) throw closed(this.#setup.file);
    if (this.#threads !== undefined) return this.#writer;
    this.#reader ??= new WorkerClient({ ...this.#setup, read_only: true, create: false });
    return this.#reader;
  }
}
