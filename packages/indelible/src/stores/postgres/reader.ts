/**
 * Reading lines: the database puts hundreds of them together at a time, a statement each, so that no snapshot is held
 * between.
 *
 * Rows are framed as they are: a damaged one gives a damaged line, and a verifier says so. Numbers stay text or bigint
 * because a tampered seq may be anything.
 *
 * Errors:  LEDGER_NOT_FOUND for a ledger that was there and is not to be seen any more; those of the link.
 */
import { IndelibleError } from '@indelible/core';
import type { Head, LineBatch } from '../contract.ts';
import type { Link, Row } from './link.ts';

/** What a page may hold, about; its first has so many rows. */
const PAGE_BYTES = 4 << 20;
const PAGE_ROWS = 512;
const PAGE_ROWS_MAX = 8192;
const SEQ_MIN = -(2n ** 63n);
const SEQ_MAX = 2n ** 63n - 1n;

export interface Page extends LineBatch {
  readonly ends: Uint32Array;
  readonly stored_seqs: Float64Array;
  /** Where to go on. */
  readonly next: bigint;
}

/** Null marks, should anybody have got some past NOT NULL, must not swallow the line. */
const LINE = `'{"hash":"' || coalesce(encode(hash, 'hex'), '') || '","record":' || coalesce(body, '') || E'}\\n'`;
/** Of safe numbers alone: COPY takes no parameters. */
const pageSql = (ledger_id: bigint, from: bigint, last: bigint, limit: number): string =>
  `COPY (SELECT string_agg(line, ''), string_agg(octet_length(line)::text, ','), string_agg(seq::text, ','),
      count(*)::text, min(seq)::text, max(seq)::text
    FROM (SELECT seq, convert_to(${LINE}, 'UTF8') AS line FROM indelible.records
      WHERE ledger_id = ${ledger_id} AND seq >= ${from} AND seq <= ${last} ORDER BY seq LIMIT ${limit}) AS page
  ) TO STDOUT (FORMAT binary)`;
const LINES = `SELECT seq, ${LINE} FROM indelible.records WHERE ledger_id = $1 AND seq = ANY($2::bigint[])`;
const HEAD = `SELECT seq, encode(hash, 'hex') FROM indelible.records WHERE ledger_id = $1 ORDER BY seq DESC LIMIT 1`;
const FIRST = 'SELECT seq FROM indelible.records WHERE ledger_id = $1 ORDER BY seq LIMIT 1';
const LEDGER = 'SELECT id FROM indelible.ledgers WHERE name = $1';

export class Reader {
  readonly #link: Link;
  readonly #ledger: string;
  #ledger_id: string | null = null;
  #seen = false;

  constructor(link: Link, ledger: string) {
    this.#link = link;
    this.#ledger = ledger;
  }

  /** Behind the next connection may be another database, restored in place of this one. */
  forget(): void {
    this.#ledger_id = null;
  }

  /** The ledger's number, or null when there is none yet. It never changes in a database. */
  async ledgerId(): Promise<string | null> {
    return this.#ledger_id ?? this.#lookForLedger();
  }

  async #lookForLedger(): Promise<string | null> {
    const [row] = await this.#query('ledger', LEDGER, [this.#ledger]);
    const id = row?.[0] ?? null;
    if (id === null && this.#seen) {
      throw new IndelibleError(
        'LEDGER_NOT_FOUND',
        `the ledger ${this.#ledger} is no longer there, or this role is no longer bound to it`,
      );
    }
    this.#seen ||= id !== null;
    this.#ledger_id = id;
    return id;
  }

  async head(): Promise<Head | null> {
    const [row] = await this.#ofLedger('head', HEAD);
    return row === undefined ? null : { seq: Number(row[0]), hash: row[1] ?? '' };
  }

  async firstSeq(): Promise<number> {
    const [row] = await this.#ofLedger('first', FIRST);
    return Number(row?.[0] ?? 0);
  }

  /** Single lines, in the order asked for; those that are missing are left out. */
  async lines(seqs: readonly number[]): Promise<{ seq: number; line: Uint8Array }[]> {
    if (seqs.length === 0) return [];
    const rows = await this.#ofLedger('lines', LINES, [`{${seqs.join(',')}}`]);
    const found = new Map(rows.map(([seq, line]) => [Number(seq), line ?? '']));
    return seqs.flatMap((seq) => {
      const line = found.get(seq);
      return line === undefined ? [] : [{ seq, line: toBytes(line) }];
    });
  }

  /** The lines with `from` <= seq < `to` that are there at the beginning, a page ahead of the caller. */
  async *pages(from: number, to = Number.POSITIVE_INFINITY): AsyncGenerator<Page> {
    const head = await this.head();
    if (head === null) return;
    const last = to > head.seq ? clamp(head.seq) : clamp(to - 1);
    // Rows below zero can only be somebody's doing: whoever reads from the start must meet them.
    let next = from <= 0 ? SEQ_MIN : clamp(from);
    let rows = PAGE_ROWS;
    const fetch = () => (next > last ? null : this.page(next, last, rows));
    let page = await fetch();
    while (page !== null) {
      next = page.next;
      const mean = page.bytes.length / page.ends.length;
      rows = Math.max(1, Math.min(PAGE_ROWS_MAX, Math.floor(PAGE_BYTES / mean)));
      const ahead = fetch();
      ahead?.catch(() => {}); // Met below, unless the caller leaves early.
      yield page;
      page = await ahead;
    }
  }

  /** At most `limit` lines with `from` <= seq <= `last`, or null when there are none. */
  async page(from: bigint, last: bigint, limit: number): Promise<Page | null> {
    const id = await this.ledgerId();
    if (id === null) return null;
    const [bytes, ...rest] = await this.#link.copyRow(pageSql(BigInt(id), from, last, limit));
    if (bytes === null || bytes === undefined) {
      await this.#lookForLedger();
      return null;
    }
    const [lengths, seqs, count, min, max] = rest.map(toText) as [string, string, string, string, string];
    const ends = new Uint32Array(Number(count));
    let end = 0;
    for (const [i, length] of lengths.split(',').entries()) ends[i] = end += Number(length);
    const first_seq = Number(min);
    const is_gapless = BigInt(max) - BigInt(min) + 1n === BigInt(count);
    const stored_seqs = is_gapless
      ? countedFrom(first_seq, ends.length)
      : Float64Array.from(seqs.split(','), Number);
    return { first_seq, bytes, ends, stored_seqs, next: BigInt(max) + 1n };
  }

  async #ofLedger(name: string, text: string, values: (string | number)[] = []): Promise<readonly Row[]> {
    const id = await this.ledgerId();
    const rows = id === null ? [] : await this.#query(name, text, [id, ...values]);
    // A role that was renamed or unbound meanwhile sees nothing, which must not look as if records were gone.
    if (id !== null && rows.length === 0) await this.#lookForLedger();
    return rows;
  }

  async #query(name: string, text: string, values: (string | number)[]): Promise<readonly Row[]> {
    return (await this.#link.ask({ name, text, values })).rows;
  }
}

function toText(field: Uint8Array | null): string {
  return field === null ? '' : Buffer.from(field.buffer, field.byteOffset, field.length).toString('latin1');
}

function countedFrom(first: number, count: number): Float64Array {
  const numbers = new Float64Array(count);
  for (let i = 0; i < count; i++) numbers[i] = first + i;
  return numbers;
}

/** Memory of its own: callers may keep it, and hand it over. */
function toBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function clamp(seq: number): bigint {
  if (seq >= Number(SEQ_MAX)) return SEQ_MAX;
  return seq <= Number(SEQ_MIN) ? SEQ_MIN : BigInt(Math.trunc(seq));
}
