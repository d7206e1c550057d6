/**
 * The NATS JetStream store: a ledger in one stream, `nats://HOST:PORT,…/STREAM` (docs/format/store-jetstream.md).
 *
 * An append is acknowledged when a quorum of the servers has it. That is not a sync to their disks: see the format page
 * for what survives what.
 *
 * Errors:  those of the contract; LEDGER_URL, DRIVER_MISSING; LEDGER_NOT_FOUND when there is nothing to open and
 *          `create` is false; STORE_UNSUITABLE when a setting of the stream lacks what a ledger needs, or for reading
 *          when it has fewer replicas than the URL says.
 */
import { EventEmitter } from 'node:events';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { Head, LineBatch, LogStore, StoreFinding } from '../contract.ts';
import { parseAddress, type StreamAddress } from './address.ts';
import { Appender } from './appender.ts';
import { Connection, type Times } from './connection.ts';
import type { Environment } from './credentials.ts';
import { loadDriver } from './driver.ts';
import { checkFit, checkKeeps, checkReplicas, inspect } from './inspect.ts';
import { locate } from './locate.ts';
import { lineEnds, type RecordsMessage, type StreamMessage } from './message.ts';
import { MessageCache } from './message-cache.ts';
import { MessageMap } from './message-map.ts';
import { readLog } from './read-log.ts';
import { StreamClient } from './stream.ts';
import type { Tail } from './tail.ts';

export interface JetStreamStoreOptions {
  readonly url: string;
  /** Appends nothing, and opens a stream whose other settings or messages are not as they should be. */
  readonly read_only?: boolean;
  /** Make the stream when it is missing (default), or raise LEDGER_NOT_FOUND. */
  readonly create?: boolean;
  /** Where credentials are; default the process's own. */
  readonly env?: Environment;
  /** Other than usual for tests. */
  readonly times?: Partial<Times>;
}

/** The second waits here while the first is on its way; the ledger seals it meanwhile. */
const APPENDS_IN_FLIGHT = 2;
/** Should a signal get lost. */
const LOOK_AGAIN_MS = 1000;
/** Elections take 5 to 10 s (nats-server 2.9), and a cut-off server is noticed by its silence. */
export const TIMES: Times = { patience_ms: 15_000, answer_ms: 2000, recheck_ms: 1000 };

export async function openJetStreamStore(options: JetStreamStoreOptions): Promise<LogStore> {
  const { url, read_only = false, create = true, env = process.env } = options;
  const address = parseAddress(url);
  const driver = await loadDriver();
  const connection = new Connection({ driver, address, env, times: { ...TIMES, ...options.times } });
  const stream = new StreamClient({ connection, stream: address.stream, driver });
  try {
    if (create && !read_only) await createUnlessThere(stream, address);
    await (read_only ? checkReplicas : checkFit)(stream, address);
    return new JetStreamStore(stream, address, read_only);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function createUnlessThere(stream: StreamClient, { replicas }: StreamAddress): Promise<void> {
  try {
    await stream.info();
  } catch (error) {
    if (!isIndelibleError(error, 'LEDGER_NOT_FOUND')) throw error;
    await stream.create(replicas);
  }
}

class JetStreamStore implements LogStore {
  readonly url: string;
  readonly read_only: boolean;
  readonly appends_in_flight = APPENDS_IN_FLIGHT;
  readonly #address: StreamAddress;
  readonly #stream: StreamClient;
  readonly #connection: Connection;
  readonly #map = new MessageMap();
  readonly #cache = new MessageCache();
  readonly #appender: Appender;
  readonly #appended = new EventEmitter().setMaxListeners(0);
  #listening = false;
  #closing: Promise<void> | null = null;

  constructor(stream: StreamClient, address: StreamAddress, read_only: boolean) {
    this.#stream = stream;
    this.#connection = stream.connection;
    this.#address = address;
    this.read_only = read_only;
    this.url = this.#connection.place;
    this.#appender = new Appender(stream, this.#map, (info) => checkKeeps(info, address, this.url));
  }

  async head(): Promise<Head | null> {
    this.#checkOpen();
    return this.#appender.head();
  }

  async append(batch: LineBatch, expected: Head | null): Promise<void> {
    this.#checkOpen();
    if (this.read_only)
      throw new IndelibleError('STORE_READ_ONLY', `${this.url} was opened for reading alone`);
    if (batch.ends.length === 0) return;
    await this.#appender.append(batch, expected);
    this.#stream.signal();
    this.#appended.emit('append');
  }

  async *read(from: number, to?: number): AsyncGenerator<LineBatch> {
    this.#checkOpen();
    const tail = await this.#appender.tail();
    const end = to ?? Number.POSITIVE_INFINITY;
    if (tail.number === 0 || end <= from || (from > 0 && from > (tail.head?.seq ?? -1))) return;
    const whole = from <= 0;
    const place = whole ? null : await locate(this.#searched(tail), from);
    const first_number =
      place === null ? Math.max(1, (await this.#stream.info()).state.first_seq) : place.number;
    yield* readLog(
      { place: this.url, map: this.#map, message: (number) => this.#stream.message(number) },
      { first_number, last_number: tail.number, from: whole ? null : from, to: end },
    );
  }

  async get(seqs: readonly number[]): Promise<{ seq: number; line: Uint8Array }[]> {
    this.#checkOpen();
    if (seqs.length === 0) return [];
    const searched = this.#searched(await this.#appender.tail());
    const found: { seq: number; line: Uint8Array }[] = [];
    for (const seq of seqs) {
      const place = seq < 0 ? null : await locate(searched, seq);
      if (place === null || seq >= place.first_seq + place.count) continue;
      const message = await searched.message(place.number);
      if (message?.kind !== 'records') continue;
      const line = lineIn(message, seq);
      if (line !== null) found.push({ seq, line });
    }
    return found;
  }

  async firstSeq(): Promise<number> {
    this.#checkOpen();
    for await (const { first_seq } of this.read(0)) return first_seq;
    return 0;
  }

  async waitForAppend(seq: number, signal: AbortSignal): Promise<void> {
    this.#checkOpen();
    if (!this.#listening) {
      this.#listening = true;
      this.#stream.onSignal(() => this.#appended.emit('append'));
    }
    while (!signal.aborted && this.#closing === null) {
      // Listens before it looks, so that no append falls between.
      const woken = this.#nextAppend(signal);
      try {
        const { head } = await this.#appender.tail();
        if (head !== null && head.seq > seq) return;
        await woken.promise;
      } finally {
        woken.forget();
      }
    }
  }

  async inspect(): Promise<StoreFinding[]> {
    this.#checkOpen();
    return inspect(this.#stream, this.#address);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  /** An append that is on its way is let through. */
  async #end(): Promise<void> {
    this.#appended.emit('append');
    await this.#appender.idle();
    await this.#connection.close();
  }

  #searched(tail: Tail) {
    const message = (number: number): Promise<StreamMessage | null> =>
      this.#cache.get(number, () => this.#stream.message(number));
    return { map: this.#map, tail, message };
  }

  /** Settles on an append, on abort, on close, or when it is time to look again. */
  #nextAppend(signal: AbortSignal): { promise: Promise<void>; forget(): void } {
    const { promise, resolve: wake } = Promise.withResolvers<void>();
    const timer = setTimeout(wake, LOOK_AGAIN_MS);
    const stop = (): void => wake();
    this.#appended.once('append', stop);
    signal.addEventListener('abort', stop, { once: true });
    const forget = (): void => {
      clearTimeout(timer);
      this.#appended.off('append', stop);
      signal.removeEventListener('abort', stop);
    };
    return { promise, forget };
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new IndelibleError('LEDGER_CLOSED', `${this.url} was closed`);
  }
}

function lineIn(message: RecordsMessage, seq: number): Uint8Array | null {
  const ends = lineEnds(message.bytes);
  const i = seq - message.first_seq;
  if (i >= ends.length) return null;
  // A copy, lest a line keep all of its message alive.
  return new Uint8Array(message.bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]));
}
