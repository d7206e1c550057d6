/**
 * The S3 store (`s3://bucket/prefix`): each batch an object that nobody can change, which several processes may append.
 *
 * Errors:  as the contract says, and HEAD_MOVED, LEDGER_NOT_FOUND, LEDGER_TOO_NEW, LEDGER_URL, DRIVER_MISSING,
 *          STORE_NOT_WORM, STORE_WITHOUT_CONDITIONS.
 */
import { EventEmitter } from 'node:events';
import { IndelibleError } from '@indelible/core';
import { Server, type ServerOptions } from '../../s3/client.ts';
import { parseS3Url } from '../../s3/place.ts';
import type { Head, LineBatch, LogStore, StoreFinding } from '../contract.ts';
import { Appender } from './appender.ts';
import { type HeadTracker, headOf } from './head.ts';
import { inspectLog } from './inspect.ts';
import { type OpenedLog, openLog } from './open-log.ts';
import { LogReader } from './reader.ts';

/** How soon appends of other processes are seen by those who wait: each look is a request. */
const POLL_MS = 1000;

export interface S3StoreOptions {
  readonly url: string;
  readonly read_only?: boolean;
  /** Make the ledger when missing (default), or raise LEDGER_NOT_FOUND. Buckets are never made. */
  readonly create?: boolean;
  /** Milliseconds since 1970, for retention; default Date.now. */
  readonly clock?: () => number;
  /** For tests. */
  readonly poll_ms?: number;
  readonly server?: ServerOptions;
}

/** Opens, and by default creates, the store. */
export async function openS3Store(options: S3StoreOptions): Promise<LogStore> {
  const { read_only = false, create = true, clock = Date.now, poll_ms = POLL_MS } = options;
  const place = parseS3Url(options.url, 'LEDGER_URL', { head_bucket: true });
  const server = await Server.connect(place, options.server);
  try {
    const log = await openLog({ place, server, read_only, create: create && !read_only, clock });
    return new S3Store({ url: place.url, read_only, server, log, poll_ms, clock });
  } catch (error) {
    server.close();
    throw error;
  }
}

interface StoreParts {
  readonly url: string;
  readonly read_only: boolean;
  readonly server: Server;
  readonly log: OpenedLog;
  readonly poll_ms: number;
  readonly clock: () => number;
}

class S3Store implements LogStore {
  readonly url: string;
  readonly read_only: boolean;
  readonly appends_in_flight: number;
  readonly #parts: StoreParts;
  readonly #head: HeadTracker;
  readonly #appender: Appender;
  readonly #reader: LogReader;
  readonly #appended = new EventEmitter().setMaxListeners(0);
  #closing: Promise<void> | null = null;

  constructor(parts: StoreParts) {
    const { commits, bucket, prefix } = parts.log;
    this.url = parts.url;
    this.read_only = parts.read_only;
    this.appends_in_flight = commits.in_flight;
    this.#parts = parts;
    this.#head = parts.log.head;
    this.#appender = new Appender(commits, this.#head, () => this.#appended.emit('append'));
    this.#reader = new LogReader({ bucket, prefix: `${prefix}log/`, commits, head: this.#head });
  }

  async head(): Promise<Head | null> {
    this.#checkOpen();
    return headOf(await this.#head.fresh());
  }

  async append(batch: LineBatch, expected: Head | null): Promise<void> {
    this.#checkOpen();
    if (this.read_only)
      throw new IndelibleError('STORE_READ_ONLY', `${this.url} was opened for reading alone`);
    if (batch.ends.length > 0) await this.#appender.append(batch, expected);
  }

  async *read(from: number, to?: number): AsyncGenerator<LineBatch> {
    this.#checkOpen();
    const head = await this.#head.fresh();
    if (head === null) return;
    const stop = Math.min(to ?? Number.POSITIVE_INFINITY, head.last_seq + 1);
    if (from >= stop) return;
    for await (const batch of this.#reader.read(from, stop, head)) {
      this.#checkOpen();
      yield batch;
    }
  }

  async get(seqs: readonly number[]): Promise<{ seq: number; line: Uint8Array }[]> {
    this.#checkOpen();
    if (seqs.length === 0) return [];
    const known = this.#head.last;
    // What is there stays there: only what may have come since is worth a look.
    const head =
      known !== null && seqs.every((seq) => seq <= known.last_seq) ? known : await this.#head.fresh();
    return head === null ? [] : this.#reader.get(seqs, head);
  }

  async firstSeq(): Promise<number> {
    this.#checkOpen();
    return this.#reader.firstSeq();
  }

  async waitForAppend(seq: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#closing === null) {
      // Listens before it looks, so that no append falls between.
      const woken = this.#nextAppend(signal);
      try {
        const head = await this.head();
        if (head !== null && head.seq > seq) return;
        await woken.promise;
      } finally {
        woken.forget();
      }
    }
  }

  /** Settles on an append here, on abort, on close, or when it is time to look for those of other processes. */
  #nextAppend(signal: AbortSignal): { promise: Promise<void>; forget(): void } {
    const { promise, resolve: wake } = Promise.withResolvers<void>();
    const timer = setTimeout(wake, this.#parts.poll_ms);
    this.#appended.once('append', wake);
    signal.addEventListener('abort', wake as () => void, { once: true });
    const forget = () => {
      clearTimeout(timer);
      this.#appended.off('append', wake);
      signal.removeEventListener('abort', wake as () => void);
    };
    return { promise, forget };
  }

  async inspect(verifier_keys: readonly string[] = []): Promise<StoreFinding[]> {
    this.#checkOpen();
    const { log, clock } = this.#parts;
    return inspectLog(log, { now: clock(), verifier_keys });
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#appended.emit('append');
    await this.#appender.idle();
    this.#parts.server.close();
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new IndelibleError('LEDGER_CLOSED', `${this.url} was closed`);
  }
}
