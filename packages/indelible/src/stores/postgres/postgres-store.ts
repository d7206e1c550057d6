/**
 * The PostgreSQL store (`postgres://…?ledger=NAME`): one of the ledgers in a database, which any number of servers and
 * plain SQL may append to.
 *
 * Two sessions: one appends, the other reads, so that a long scan never delays a commit. A third listens once somebody
 * waits. The schema is made by `indelible pg install` (schema/); this only uses it.
 *
 * Errors:  as the contract says, and HEAD_MOVED, LEDGER_NOT_FOUND, LEDGER_TOO_NEW, SCHEMA_MISSING, DRIVER_MISSING.
 */
import { IndelibleError } from '@indelible/core';
import type { Head, LineBatch, LogStore, StoreFinding } from '../contract.ts';
import { APPENDED, Appender } from './appender.ts';
import { type Limits, limitsOf } from './limits.ts';
import { Link, type LinkSetup } from './link.ts';
import { Reader } from './reader.ts';
import { inspectLedger } from './schema/index.ts';
import { checkSchemaVersion } from './schema-version.ts';
import { parsePostgresUrl } from './url.ts';
import { Wake } from './wake.ts';

/** How soon appends are seen that nobody tells of: those of plain SQL. */
const POLL_MS = 250;

export interface PostgresStoreOptions extends Partial<Limits> {
  readonly url: string;
  /** The ledger when the URL names none. */
  readonly default_ledger: string;
  readonly read_only?: boolean;
  /** Take a ledger that is not there for an empty one (default), or raise LEDGER_NOT_FOUND. */
  readonly create?: boolean;
}

/** Opens the store; the schema must be installed. */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<LogStore> {
  const store = new PostgresStore(options);
  try {
    await store.open(options.create ?? true);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

class PostgresStore implements LogStore {
  readonly url: string;
  readonly read_only: boolean;
  readonly ledger_name: string;
  /** While the server commits one batch, the next is on its way. */
  readonly appends_in_flight = 2;
  /** Most of it is another process's work: it hashes, checks and indexes each record. */
  readonly event_ms = 0.05;
  readonly #appender: Appender | null;
  readonly #reading: Link;
  readonly #reader: Reader;
  readonly #wake: Wake;
  #closing: Promise<void> | null = null;

  constructor(options: PostgresStoreOptions) {
    const place = parsePostgresUrl(options.url);
    this.ledger_name = place.ledger ?? options.default_ledger;
    this.url = `${place.shown}?ledger=${this.ledger_name}`;
    this.read_only = options.read_only ?? false;
    const limits = limitsOf(options);
    // A writer reads heads where it appends: not on a standby that is behind.
    const on_primary = !this.read_only;
    const setup = (purpose: LinkSetup['purpose']): LinkSetup => ({ place, purpose, on_primary, ...limits });
    this.#reading = new Link({ ...setup('read'), onLost: () => this.#reader.forget() });
    this.#reader = new Reader(this.#reading, this.ledger_name);
    this.#wake = new Wake({ ...setup('listen'), patience_ms: 0 }, APPENDED, this.ledger_name);
    // A server that lost one session may no longer be the one to read from.
    this.#appender = this.read_only
      ? null
      : new Appender(setup('write'), this.ledger_name, () => this.#reading.drop());
  }

  async open(create: boolean): Promise<void> {
    await checkSchemaVersion(this.#reading, this.url);
    if (!create && (await this.#reader.ledgerId()) === null)
      throw new IndelibleError(
        'LEDGER_NOT_FOUND',
        `${this.url} is not there, or this role is not bound to it`,
      );
    await this.#appender?.open();
  }

  async head(): Promise<Head | null> {
    this.#checkOpen();
    // After an append that broke off: only then is it certain that it will not land later.
    await this.#appender?.settled();
    return this.#reader.head();
  }

  async append(batch: LineBatch, expected: Head | null): Promise<void> {
    this.#checkOpen();
    await this.#writer().append(batch, expected);
    this.#wake.wake();
  }

  reserve(): Promise<() => Promise<void>> {
    this.#checkOpen();
    return this.#writer().reserve();
  }

  async *read(from: number, to?: number): AsyncGenerator<LineBatch> {
    this.#checkOpen();
    for await (const { first_seq, bytes, ends, stored_seqs } of this.#reader.pages(from, to)) {
      yield { first_seq, bytes, ends, stored_seqs };
      this.#checkOpen();
    }
  }

  async get(seqs: readonly number[]): Promise<{ seq: number; line: Uint8Array }[]> {
    this.#checkOpen();
    return this.#reader.lines(seqs);
  }

  async firstSeq(): Promise<number> {
    this.#checkOpen();
    return this.#reader.firstSeq();
  }

  async waitForAppend(seq: number, signal: AbortSignal): Promise<void> {
    this.#checkOpen();
    while (!signal.aborted && this.#closing === null) {
      // Registers before it looks, so that no append falls between.
      const woken = this.#wake.next(POLL_MS, signal);
      try {
        const head = await this.head();
        if (head !== null && head.seq > seq) return;
        await woken.promise;
      } finally {
        woken.forget();
      }
    }
  }

  async inspect(): Promise<StoreFinding[]> {
    this.#checkOpen();
    return inspectLedger(this.#reading, await this.#reader.ledgerId());
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await Promise.all([this.#wake.close(), this.#appender?.close(), this.#reading.close()]);
  }

  #writer(): Appender {
    if (this.#appender !== null) return this.#appender;
    throw new IndelibleError('STORE_READ_ONLY', `${this.url} was opened for reading alone`);
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new IndelibleError('LEDGER_CLOSED', `${this.url} was closed`);
  }
}
