/**
 * Reads stored rows as lines.
 *
 * SQLite itself puts the lines together, hundreds per call: one million rows per second and core, against a third
 * of that row by row. Each chunk is one statement, so that no read transaction stays open between chunks and the
 * write-ahead log can be taken back.
 *
 * Rows are framed as they are: a damaged one gives a damaged line, and a verifier says so. Integers are 64 bits
 * wide here because a tampered seq may be anything.
 */

import { sqliteResult } from '../../sqlite-result.ts';
import type { LineBatch } from '../contract.ts';
import type { Connection } from './connection.ts';
import { SQLITE_CORRUPT } from './faults.ts';

/** Bounds the memory of a chunk: at most 34 MB, were all records of the greatest size. */
const CHUNK_ROWS = 512; // A power of two: it is halved where pages are damaged.
export const SEQ_MIN = -(2n ** 63n);
export const SEQ_MAX = 2n ** 63n - 1n;

export interface Chunk extends LineBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
  readonly stored_seqs: Float64Array<ArrayBuffer>;
  /** Where to go on. */
  readonly next: bigint;
}

/** Null marks, should anybody have got some past NOT NULL, must not swallow the line. */
export const LINE_SQL = `'{"hash":"' || ifnull(hash, '') || '","record":' || ifnull(body, '') || '}' || char(10)`;
/** The fixed parts of a line are 22 bytes. */
const LENGTH_SQL = `22 + octet_length(ifnull(hash, '')) + octet_length(ifnull(body, ''))`;

const chunkSql = (seqs: string): string => `
  SELECT CAST(group_concat(line, '') AS BLOB), group_concat(length), count(*), min(seq), max(seq), ${seqs}
  FROM (SELECT seq, ${LINE_SQL} AS line, ${LENGTH_SQL} AS length
    FROM records WHERE seq >= ? AND seq <= ? ORDER BY seq LIMIT ?)`;
const CHUNK_SQL = chunkSql('NULL');
const CHUNK_WITH_GAPS_SQL = chunkSql('group_concat(seq)');

type Row = [
  bytes: Uint8Array<ArrayBuffer>,
  lengths: string,
  count: bigint,
  first: bigint,
  last: bigint,
  seqs: string | null,
];

/** The next lines with `from` <= seq <= `last`, or null when there are none. */
export function readChunk(connection: Connection, from: bigint, last: bigint): Chunk | null {
  const row = fetchRow(connection, from, last, CHUNK_ROWS);
  if (row === null) return null;
  const [bytes, lengths, count, first_seq, last_seq, seqs] = row;
  const ends = new Uint32Array(Number(count));
  let end = 0;
  for (const [i, length] of lengths.split(',').entries()) ends[i] = end += Number(length);
  const stored_seqs =
    seqs === null
      ? Float64Array.from(ends, (_, i) => Number(first_seq) + i)
      : Float64Array.from(seqs.split(','), Number);
  return { first_seq: Number(first_seq), bytes, ends, stored_seqs, next: last_seq + 1n };
}

/** Where SQLite cannot read a page, takes fewer rows at a time, so that all rows before it are still read. */
function fetchRow(connection: Connection, from: bigint, last: bigint, rows: number): Row | null {
  const fetch = (sql: string) => connection.statement(sql).get(from, last, rows) as unknown as Row;
  try {
    const row = fetch(CHUNK_SQL);
    if (row[2] === 0n) return null;
    return row[4] - row[3] + 1n === row[2] ? row : fetch(CHUNK_WITH_GAPS_SQL);
  } catch (error) {
    if (sqliteResult(error) !== SQLITE_CORRUPT || rows === 1) throw error;
    return fetchRow(connection, from, last, rows / 2);
  }
}

/** All chunks with `from` <= seq <= `last`. */
export function* readChunks(connection: Connection, from: bigint, last: bigint): Generator<Chunk> {
  let next = from;
  while (next <= last) {
    const chunk = readChunk(connection, next, last);
    if (chunk === null) return;
    next = chunk.next;
    yield chunk;
  }
}

/** Where reading ends as of now, and the first of its chunks. */
export function beginReading(
  connection: Connection,
  from: bigint,
  most: bigint,
): { last: bigint; chunk: Chunk | null } {
  const found = bounds(connection)?.last ?? SEQ_MIN;
  const last = found < most ? found : most;
  return { last, chunk: from > last ? null : readChunk(connection, from, last) };
}

/** Two subqueries: asked for both at once, SQLite would read the whole table instead of its two ends. */
const BOUNDS_SQL = 'SELECT (SELECT min(seq) FROM records), (SELECT max(seq) FROM records)';

/** The lowest and highest stored seq and the file's size, or null without rows. */
export function bounds(connection: Connection): { first: bigint; last: bigint; bytes: number } | null {
  const [first, last] = connection.statement(BOUNDS_SQL).get() as unknown as (bigint | null)[];
  if (first == null || last == null) return null;
  const [pages] = connection.statement('PRAGMA page_count').get() as unknown as [bigint];
  const [size] = connection.statement('PRAGMA page_size').get() as unknown as [bigint];
  return { first, last, bytes: Number(pages * size) };
}

/** Single lines, in the order asked for; those that are missing are left out. */
export function readLines(
  connection: Connection,
  seqs: readonly number[],
): { seq: number; line: Uint8Array<ArrayBuffer> }[] {
  const statement = connection.statement(`SELECT CAST(${LINE_SQL} AS BLOB) FROM records WHERE seq = ?`);
  const lines = [];
  for (const seq of seqs) {
    const row = statement.get(seq) as unknown as [Uint8Array<ArrayBuffer>] | undefined;
    if (row !== undefined) lines.push({ seq, line: row[0] });
  }
  return lines;
}
