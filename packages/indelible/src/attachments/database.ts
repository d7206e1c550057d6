/**
 * Attachments in the database of a ledger in PostgreSQL: every server that has the ledger has them, and a backup of the
 * database holds them. Nobody but the schema's owner can remove one.
 *
 * Errors:  those of the contract and of the driver; LEDGER_URL, SCHEMA_MISSING; LEDGER_NOT_FOUND for one that is not there
 *          or that this role is not bound to. An owner's first attachment makes the ledger, as the first record would.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { limitsOf } from '../stores/postgres/limits.ts';
import type { Link, Row } from '../stores/postgres/link.ts';
import { type PostgresPlace, parsePostgresUrl } from '../stores/postgres/url.ts';
import type { AttachmentFinding, AttachmentStore } from './contract.ts';
import { altered, digestOf, digestOfHex, hexOf, hexOrNull, missing, tooLarge } from './digest.ts';
import { checkBytesMax } from './memory.ts';

export interface DatabaseAttachmentsOptions {
  /** The ledger's. */
  readonly url: string;
  /** The ledger when the URL names none. */
  readonly default_ledger: string;
  readonly read_only?: boolean;
  /** Default 16 MiB. */
  readonly bytes_max?: number;
}

const PROVISION = 'SELECT indelible.provision($1)';
const LEDGER = 'SELECT id FROM indelible.ledgers WHERE name = $1';
const HAS = 'SELECT 1 FROM indelible.attachments WHERE ledger_id = $1 AND digest = $2 LIMIT 1';
const IS_RIGHT =
  'SELECT 1 FROM indelible.attachments WHERE ledger_id = $1 AND digest = $2 AND sha256(bytes) = $2 LIMIT 1';
const PUT = 'INSERT INTO indelible.attachments (ledger_id, digest, bytes) VALUES ($1, $2, $3)';
const REMOVE = 'DELETE FROM indelible.attachments WHERE ledger_id = $1 AND digest = $2';
const PAGE_ROWS = 1000;
const PAGE = `SELECT DISTINCT encode(digest, 'hex') FROM (SELECT digest FROM indelible.attachments
    WHERE ledger_id = $1 AND digest > $2 ORDER BY digest LIMIT ${PAGE_ROWS}) AS page ORDER BY 1`;

/** Opens the place; nothing is asked of the server before the first use. */
export function openDatabaseAttachments(options: DatabaseAttachmentsOptions): AttachmentStore {
  return new DatabaseAttachments(options);
}

class DatabaseAttachments implements AttachmentStore {
  readonly url: string;
  readonly read_only: boolean;
  readonly bytes_max: number;
  readonly #place: PostgresPlace;
  readonly #ledger: string;
  #link: Link | null = null;
  #ledger_id: string | null = null;
  #closed = false;

  constructor(options: DatabaseAttachmentsOptions) {
    this.#place = parsePostgresUrl(options.url);
    this.#ledger = this.#place.ledger ?? options.default_ledger;
    this.url = `${this.#place.shown}?ledger=${this.#ledger}`;
    this.read_only = options.read_only ?? false;
    this.bytes_max = checkBytesMax(options.bytes_max);
  }

  async put(bytes: Uint8Array): Promise<string> {
    this.#checkWritable();
    if (bytes.length > this.bytes_max) throw tooLarge(bytes.length, this.bytes_max);
    // The caller's bytes may change while this waits.
    const copy = Buffer.from(bytes);
    const digest = await digestOf(copy);
    const id = await this.#writableId();
    const name = bytesOf(digest);
    // A second row of the same bytes would do no harm, but for the room it takes.
    if ((await this.#ask('is_right', IS_RIGHT, [id, name])).length > 0) return digest;
    await this.#ask('put', PUT, [id, name, copy]);
    return digest;
  }

  async get(digest: string): Promise<Uint8Array> {
    const hex = hexOf(digest);
    const id = await this.#id();
    if (id === null) throw missing(digest);
    // COPY takes no parameters: a number and hex digits. What has the right bytes comes first.
    const [bytes] = await (await this.#opened()).copyRow(
      `COPY (SELECT (SELECT bytes FROM indelible.attachments WHERE ledger_id = ${BigInt(id)} AND digest = '\\x${hex}'
        ORDER BY sha256(bytes) = digest DESC LIMIT 1)) TO STDOUT (FORMAT binary)`,
    );
    if (bytes === null || bytes === undefined) throw missing(digest);
    if ((await digestOf(bytes)) !== digest)
      throw altered(digest, 'has other bytes than those it is named by');
    return bytes;
  }

  async has(digest: string): Promise<boolean> {
    const id = await this.#id();
    if (id === null || hexOrNull(digest) === null) return false;
    return (await this.#ask('has', HAS, [id, bytesOf(digest)])).length > 0;
  }

  async *list(): AsyncGenerator<string> {
    const id = await this.#id();
    let after = Buffer.alloc(0);
    while (id !== null) {
      const rows = await this.#ask('page', PAGE, [id, after]);
      for (const [hex] of rows) yield digestOfHex(hex!);
      if (rows.length === 0) return;
      after = Buffer.from(rows.at(-1)![0]!, 'hex');
    }
  }

  async remove(digest: string): Promise<boolean> {
    this.#checkWritable();
    const found = await this.has(digest);
    if (found) await this.#ask('remove', REMOVE, [await this.#id(), bytesOf(digest)]);
    return found;
  }

  /** The schema's own inspection tells of a table that was altered; whether bytes are right, `get` says. */
  async inspect(): Promise<AttachmentFinding[]> {
    this.#checkOpen();
    return [];
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#link?.close();
  }

  /** The ledger's number; null before its first record. */
  async #id(): Promise<string | null> {
    this.#checkOpen();
    this.#ledger_id ??= (await this.#ask('ledger', LEDGER, [this.#ledger]))[0]?.[0] ?? null;
    return this.#ledger_id;
  }

  async #writableId(): Promise<string> {
    const id = await this.#id();
    if (id !== null) return id;
    // Whoever may make ledgers makes this one, as the first record would.
    await this.#ask('provision', PROVISION, [this.#ledger]).catch((error: unknown) => {
      if (!isIndelibleError(error, 'STORE_READ_ONLY')) throw error;
    });
    const made = await this.#id();
    if (made !== null) return made;
    throw new IndelibleError('LEDGER_NOT_FOUND', `${this.url} is not there, or this role is not bound to it`);
  }

  async #ask(
    name: string,
    text: string,
    values: readonly (string | Buffer | null)[],
  ): Promise<readonly Row[]> {
    const link = await this.#opened();
    return (await link.ask({ text, name: `attachments_${name}`, values })).rows;
  }

  /** Loaded by the first use: most commands need no attachment. */
  async #opened(): Promise<Link> {
    const { Link } = await import('../stores/postgres/link.ts');
    this.#checkOpen();
    const purpose = this.read_only ? 'read' : 'write';
    const setup = { place: this.#place, purpose, on_primary: !this.read_only, ...limitsOf({}) } as const;
    this.#link ??= new Link(setup);
    return this.#link;
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.read_only) throw new IndelibleError('STORE_READ_ONLY', `${this.url} was opened for reading`);
  }

  #checkOpen(): void {
    if (this.#closed) throw new IndelibleError('LEDGER_CLOSED', `${this.url} is closed`);
  }
}

function bytesOf(digest: string): Buffer {
  return Buffer.from(hexOf(digest), 'hex');
}
