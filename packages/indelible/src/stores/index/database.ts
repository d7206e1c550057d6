/**
 * The index file: its tables, how it is opened, and what its faults are called.
 *
 * Everything in it is derived from the log, so a file of another version is emptied, not migrated. In WAL mode
 * with synchronous=NORMAL a crash may lose the newest rows together with the position, never one of the two.
 *
 * Errors:  INDEX_DAMAGED when the file is no database, is corrupt, or (read-only) missing or of another version;
 *          STORE_FULL, STORE_READ_ONLY, STORE_UNAVAILABLE for faults of the disk.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type ErrorCode, IndelibleError, isIndelibleError } from '@indelible/core';
import { createPrivateFile } from '../../private-file.ts';
import { SQLITE_FULL, sqliteResult } from '../../sqlite-result.ts';
import { COLUMNS } from './columns.ts';
import type { IndexTip } from './contract.ts';

/** Change it with anything that changes rows, terms or blocks: files of another version are rebuilt. */
const INDEX_VERSION = 2;

const SCHEMA = `
  CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- Records from first_seq up to, not including, position are indexed.
    first_seq INTEGER NOT NULL,
    position INTEGER NOT NULL,
    -- Of the record before position: an index of another log is told by it.
    last_hash TEXT,
    seed BLOB NOT NULL
  );
  CREATE TABLE records (
    seq INTEGER PRIMARY KEY,
    ${COLUMNS.map((name) => `${name} TEXT`).join(',\n    ')}
  );
  CREATE INDEX records_idempotency_key ON records (idempotency_key) WHERE idempotency_key IS NOT NULL;
  -- Every action ever seen, for filters by prefix.
  CREATE TABLE actions (action TEXT PRIMARY KEY) WITHOUT ROWID;
  -- Terms and their postings: see segment.ts.
  CREATE TABLE segments (
    first INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    bits INTEGER NOT NULL,
    postings INTEGER NOT NULL
  );
  CREATE TABLE blocks (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
`;
const TABLES = ['state', 'records', 'actions', 'segments', 'blocks'];

export interface State extends IndexTip {
  readonly seed: Uint8Array;
}

/** Opens the file, and for writing creates or empties it as needed. */
export function openDatabase(path: string, readOnly: boolean): DatabaseSync {
  return guarded(() => {
    if (readOnly && path !== ':memory:' && !existsSync(path))
      throw new IndelibleError('INDEX_DAMAGED', 'There is no index beside this ledger yet.');
    // SQLite gives its write-ahead log the same permissions.
    if (!readOnly && path !== ':memory:') createPrivateFile(path);
    const database = new DatabaseSync(path, { readOnly });
    try {
      prepare(database, readOnly);
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  });
}

function prepare(database: DatabaseSync, readOnly: boolean): void {
  database.exec('PRAGMA busy_timeout = 30000');
  if (!readOnly) {
    database.exec('PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    database.exec('PRAGMA cache_size = -8192; PRAGMA journal_size_limit = 67108864');
    transaction(database, () => {
      if (versionOf(database) !== INDEX_VERSION) recreate(database);
    });
  } else if (versionOf(database) !== INDEX_VERSION) {
    throw new IndelibleError('INDEX_DAMAGED', 'The index was written by another version of Indelible.');
  }
  readState(database);
}

/** Drops whatever the file holds and starts empty at sequence number 0. */
function recreate(database: DatabaseSync): void {
  const objects = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  for (const { name } of objects) {
    if (!TABLES.includes(String(name)))
      throw new IndelibleError('INDEX_DAMAGED', `The index file holds a foreign table: ${String(name)}.`);
    database.exec(`DROP TABLE ${String(name)}`);
  }
  database.exec(SCHEMA);
  database.prepare('INSERT INTO state VALUES (1, 0, 0, NULL, ?)').run(randomBytes(8));
  database.exec(`PRAGMA user_version = ${INDEX_VERSION}`);
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.user_version);
}

export function readState(database: DatabaseSync): State {
  const row = database.prepare('SELECT first_seq, position, last_hash, seed FROM state').get();
  const state = row as Record<keyof State, unknown> | undefined;
  if (
    state === undefined ||
    typeof state.first_seq !== 'number' ||
    typeof state.position !== 'number' ||
    (state.last_hash !== null && typeof state.last_hash !== 'string') ||
    !(state.seed instanceof Uint8Array) ||
    state.seed.length !== 8
  )
    throw new IndelibleError('INDEX_DAMAGED', 'The index does not say how far it reaches.');
  return state as unknown as State;
}

/** Runs `work` in one write transaction; any error undoes all of it. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  return within(database, 'BEGIN IMMEDIATE', work);
}

/** Runs `work` on one unchanging view of the file. */
export function snapshot<T>(database: DatabaseSync, work: () => T): T {
  return within(database, 'BEGIN', work);
}

function within<T>(database: DatabaseSync, begin: string, work: () => T): T {
  database.exec(begin);
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // A full disk makes SQLite roll back by itself; a second rollback would hide the first error.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Runs `work` and turns SQLite's errors into ours. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isIndelibleError(error) ? error : typedError(error);
  }
}

const CODES: Record<number, ErrorCode> = {
  1: 'INDEX_DAMAGED', // SQLITE_ERROR: a table or column of ours is not there
  8: 'STORE_READ_ONLY',
  11: 'INDEX_DAMAGED', // SQLITE_CORRUPT
  [SQLITE_FULL]: 'STORE_FULL',
  24: 'INDEX_DAMAGED', // SQLITE_FORMAT
  26: 'INDEX_DAMAGED', // SQLITE_NOTADB
};

function typedError(error: unknown): unknown {
  const { code } = error as { code?: unknown };
  const result = sqliteResult(error);
  // From creating the file; anything else that is not SQLite's is a fault of ours.
  if (code === 'EACCES' || code === 'EROFS')
    return new IndelibleError('STORE_READ_ONLY', 'The index cannot be created here.', { cause: error });
  if (code === 'ENOSPC')
    return new IndelibleError('STORE_FULL', 'The index cannot be created: the disk is full.', {
      cause: error,
    });
  if (result === null) return error;
  const message = error instanceof Error ? error.message : 'unknown fault';
  return new IndelibleError(CODES[result] ?? 'STORE_UNAVAILABLE', `The index failed: ${message}.`, {
    cause: error,
  });
}
