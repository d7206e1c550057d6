/**
 * Compare-and-append: the transaction that makes a batch durable if the head is the expected one.
 *
 * BEGIN IMMEDIATE takes SQLite's write lock before the head is read, so that of several processes with the same
 * expectation exactly one wins. Rows go in 32 to a statement, bound as bytes: no text is decoded on the way.
 *
 * Errors:  HEAD_MOVED, and what faults.ts maps.
 */
import { IndelibleError, isLine, LINE_BODY_START, LINE_HASH_START, LINE_TAIL } from '@indelible/core';
import type { Head } from '../contract.ts';
import type { Connection } from './connection.ts';

/** Measured: 32 rows to a statement are a fifth faster than one, more gain nothing. The rest goes in powers of two. */
const ROWS_PER_STATEMENT = [32, 16, 8, 4, 2, 1] as const;
const ROW_SQL = '(?, CAST(? AS TEXT), CAST(? AS TEXT))';
const INSERTS = ROWS_PER_STATEMENT.map((rows) => ({
  rows,
  sql: `INSERT INTO records (seq, hash, body) VALUES ${Array(rows).fill(ROW_SQL).join(', ')}`,
}));

/** Where tests ask for a fault, as slots of shared memory: see `FaultInjection` in sqlite-store.ts. */
export const FAULT_SLOTS = { before_commit: 0, after_commit: 1, page_count_max: 2 } as const;

export interface AppendRequest {
  readonly first_seq: number;
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  readonly expected: Head | null;
}

/** The last row. */
export function readHead(connection: Connection): Head | null {
  const row = connection.statement('SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1').get();
  if (row === undefined) return null;
  const [seq, hash] = row as unknown as [bigint, string];
  return { seq: Number(seq), hash };
}

/** Takes SQLite's write lock, unless it is already ours. */
export function reserve(connection: Connection): void {
  if (!connection.db().isTransaction) connection.statement('BEGIN IMMEDIATE').run();
}

/** Gives the write lock back, if it is still ours. */
export function release(connection: Connection): void {
  const db = connection.db();
  if (db.isTransaction) db.exec('ROLLBACK');
}

/** Commits the whole batch or changes nothing. */
export function append(connection: Connection, request: AppendRequest, faults: Int32Array | null): void {
  const db = connection.db();
  const page_count_max = faults?.[FAULT_SLOTS.page_count_max] ?? 0;
  if (page_count_max > 0) db.exec(`PRAGMA max_page_count = ${page_count_max}`);
  try {
    reserve(connection);
    const head = readHead(connection);
    const { expected } = request;
    if (head?.seq !== expected?.seq || head?.hash !== expected?.hash) {
      throw new IndelibleError('HEAD_MOVED', 'another writer appended first', { details: { head } });
    }
    insert(connection, request, head);
    if (faults !== null) raiseOnce(faults, FAULT_SLOTS.before_commit);
    connection.statement('COMMIT').run();
    if (faults !== null) raiseOnce(faults, FAULT_SLOTS.after_commit);
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function insert(connection: Connection, { first_seq, bytes, ends }: AppendRequest, head: Head | null): void {
  if (head !== null && first_seq !== head.seq + 1) {
    throw new IndelibleError('INTERNAL', `a batch from ${first_seq} cannot follow record ${head.seq}`);
  }
  let start = 0;
  let i = 0;
  for (const { rows, sql } of INSERTS) {
    for (; i + rows <= ends.length; i += rows) {
      const values: (number | Uint8Array)[] = [];
      for (let row = i; row < i + rows; row++) {
        const end = ends[row] as number;
        if (!isLine(bytes, start, end))
          throw new IndelibleError('INTERNAL', `line ${row} of the batch is not a line`);
        values.push(
          first_seq + row,
          bytes.subarray(start + LINE_HASH_START, start + LINE_HASH_START + 64),
          bytes.subarray(start + LINE_BODY_START, end - LINE_TAIL),
        );
        start = end;
      }
      connection.statement(sql).run(...values);
    }
  }
}

/** A disk error made to order: the slot counts how many appends still fail. */
function raiseOnce(faults: Int32Array, slot: number): void {
  if (Atomics.load(faults, slot) === 0) return;
  Atomics.sub(faults, slot, 1);
  throw Object.assign(new Error('disk I/O error (injected)'), { errcode: 10 });
}
