/**
 * Opens the SQLite file of a ledger, and makes it when asked to.
 *
 * A file that was moved, deleted or replaced while it is open would go on accepting rows that nobody will ever find
 * again, because a file without a name still works on Unix. `Connection.db()` therefore compares the inode before
 * each use and opens again.
 *
 * Errors:  LEDGER_NOT_FOUND, LEDGER_DAMAGED, LEDGER_TOO_NEW and what faults.ts maps.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { StatementSync } from 'node:sqlite';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { IndelibleError } from '@indelible/core';
import { createPrivateFile } from '../../private-file.ts';
import { sqliteResult } from '../../sqlite-result.ts';
import { SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_READONLY } from './faults.ts';
import { APPLICATION_ID, PAGE_SIZE, SCHEMA, SCHEMA_VERSION } from './schema.ts';

export interface ConnectionOptions {
  readonly file: string;
  readonly read_only: boolean;
  /** Make the file if it is not there. */
  readonly create: boolean;
  /** How long to wait for other processes before STORE_UNAVAILABLE. */
  readonly busy_ms_max: number;
}

/** The checkpoint runs inside a commit; 16 MiB keeps that pause to some 20 ms and its share of the work small. */
const CHECKPOINT_PAGES = 2048;
const WAL_BYTES_KEPT = 64 * 1024 * 1024;

export class Connection {
  readonly options: ConnectionOptions;
  #db: DatabaseSync | null = null;
  #identity = '';
  #create: boolean;
  readonly #statements = new Map<string, StatementSync>();

  constructor(options: ConnectionOptions) {
    this.options = options;
    this.#create = options.create;
  }

  /** The open database, for the file that has the name now. */
  db(): DatabaseSync {
    const identity = fileIdentity(this.options.file);
    if (this.#db !== null && identity === this.#identity) return this.#db;
    this.drop();
    this.#db = openDatabase({ ...this.options, create: this.#create });
    this.#identity = fileIdentity(this.options.file);
    // A ledger that vanishes later must be reported, never silently begun anew.
    this.#create = false;
    return this.#db;
  }

  /** A prepared statement, kept as long as the connection. Rows come as arrays, integers as bigint. */
  statement(sql: string): StatementSync {
    const db = this.db();
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = db.prepare(sql);
      statement.setReadBigInts(true);
      statement.setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Closes; the next use opens again. For after a fault, when the state of the connection is in doubt. */
  drop(): void {
    this.#statements.clear();
    const db = this.#db;
    this.#db = null;
    db?.close();
  }
}

function fileIdentity(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev}:${stat.ino}`;
}

function openDatabase(options: ConnectionOptions): DatabaseSync {
  const { file, read_only, create } = options;
  if (!existsSync(file)) {
    if (!create || read_only) throw new IndelibleError('LEDGER_NOT_FOUND', `${file} does not exist`);
    touch(file);
  }
  const db = read_only ? connectReader(file, options.busy_ms_max) : connect(file, options.busy_ms_max);
  try {
    if (isEmpty(db)) {
      if (!create || read_only)
        throw new IndelibleError('LEDGER_NOT_FOUND', `${file} is empty: no ledger was created in it`);
      createSchema(db, file, options.busy_ms_max);
    }
    checkIdentity(db, file);
    if (!read_only) prepareWriter(db, file, options.busy_ms_max);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function connect(file: string | URL, timeout: number, readOnly = false): DatabaseSync {
  return new DatabaseSync(file, { timeout, readOnly, enableForeignKeyConstraints: false });
}

/**
 * A reader of a write-ahead log needs a shared memory file beside it. Where that cannot be made (a read-only
 * medium) and no log is pending, nobody can be writing either, and SQLite may take the file as immutable.
 */
function connectReader(file: string, timeout: number): DatabaseSync {
  const db = connect(file, timeout, true);
  try {
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return db;
  } catch (error) {
    db.close();
    const result = sqliteResult(error);
    const pending = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if ((result !== SQLITE_CANTOPEN && result !== SQLITE_READONLY) || pending > 0) throw error;
    return connect(new URL(`${pathToFileURL(file).href}?immutable=1`), timeout, true);
  }
}

/** Makes an empty file that only its owner may read, and its name durable. */
function touch(file: string): void {
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  createPrivateFile(file);
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}

function isEmpty(db: DatabaseSync): boolean {
  const row = db.prepare('SELECT count(*) AS objects FROM sqlite_schema').get();
  return row?.objects === 0 && pragma(db, 'application_id') === 0;
}

/** Refuses files that are no ledger, that are from the future, or whose records are gone. */
function checkIdentity(db: DatabaseSync, file: string): void {
  const ours = pragma(db, 'application_id') === APPLICATION_ID;
  const table = db.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'records'`).get();
  if (!ours && table === undefined) {
    throw new IndelibleError('LEDGER_NOT_FOUND', `${file} is an SQLite file of something else, not a ledger`);
  }
  if (table === undefined) {
    throw new IndelibleError('LEDGER_DAMAGED', `${file} is a ledger whose table of records is missing`);
  }
  const version = pragma(db, 'user_version') as number;
  if (ours && version > SCHEMA_VERSION) {
    throw new IndelibleError(
      'LEDGER_TOO_NEW',
      `${file} has layout ${version}; this program knows ${SCHEMA_VERSION}`,
    );
  }
}

function createSchema(db: DatabaseSync, file: string, busy_ms_max: number): void {
  db.exec(`PRAGMA page_size = ${PAGE_SIZE}`);
  useWriteAheadLog(db, file, busy_ms_max);
  db.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have been quicker.
    if (isEmpty(db)) {
      for (const object of SCHEMA) db.exec(object.sql);
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`);
    }
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function prepareWriter(db: DatabaseSync, file: string, busy_ms_max: number): void {
  // What may only be read, SQLite opens for reading alone, and does not say so before the first row.
  accessSync(file, constants.W_OK);
  if (pragma(db, 'journal_mode') !== 'wal') useWriteAheadLog(db, file, busy_ms_max);
  // FULL: the log is synced before COMMIT returns. fullfsync matters on macOS alone.
  db.exec(`PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
    PRAGMA journal_size_limit = ${WAL_BYTES_KEPT}`);
}

/** Changing the journal mode ignores the busy timeout in places, so it is tried until the same bound. */
function useWriteAheadLog(db: DatabaseSync, file: string, busy_ms_max: number): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; ; waited += 10) {
    try {
      const mode = pragma(db, 'journal_mode = WAL');
      if (mode === 'wal') return;
      throw new IndelibleError(
        'STORE_UNAVAILABLE',
        `${file}: no write-ahead log is possible here (mode ${mode})`,
      );
    } catch (error) {
      if (sqliteResult(error) !== SQLITE_BUSY || waited >= busy_ms_max) throw error;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}
