/**
 * The table in a SQLite file.
 *
 * Statements run on the calling thread: a checkpoint a day is not worth a worker. SQLite itself waits for other
 * processes only for moments; waiting longer is done here, without holding up anything else.
 *
 * Errors:  ANCHOR_UNAVAILABLE, ANCHOR_DAMAGED.
 */
import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { createPrivateFile } from '../../private-file.ts';
import type { AnchoredCheckpoint } from '../contract.ts';
import { placeFault } from '../shared/fault.ts';
import { ANCHOR_SCHEMA } from './sqlite-schema.ts';
import { type CheckpointTable, checkpointOfRow } from './table.ts';

export interface SqliteTableOptions {
  readonly path: string;
  /** How messages name it. */
  readonly name: string;
  /** How long to wait for other processes. */
  readonly busy_ms_max?: number;
}

const BUSY_MS_MAX = 5_000;
const BUSY_PAUSE_MS = 25;
const SQLITE_BUSY = 5;
/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const SQLITE_DAMAGED = [11, 26];
const PAGE_ROWS = 500;

const COLUMNS = 'SELECT origin, size, root, note, anchored_at FROM indelible_anchors WHERE origin = ?';
const SELECT = {
  at: `${COLUMNS} AND size = ?`,
  newest: `${COLUMNS} ORDER BY size DESC LIMIT 1`,
  page: `${COLUMNS} AND size > ? ORDER BY size LIMIT ${PAGE_ROWS}`,
} as const;

interface Row {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  readonly note: string;
  readonly anchored_at: string;
}

/** Opens the file when it is first needed, and makes it when something is added. */
export function openSqliteTable(options: SqliteTableOptions): CheckpointTable {
  return new SqliteTable(options);
}

class SqliteTable implements CheckpointTable {
  readonly #options: SqliteTableOptions;
  #db: DatabaseSync | null = null;

  constructor(options: SqliteTableOptions) {
    this.#options = options;
  }

  add(row: AnchoredCheckpoint, allows: (newest: AnchoredCheckpoint | null) => boolean) {
    return this.#try(() => {
      const db = this.#open(true) as DatabaseSync;
      db.exec('BEGIN IMMEDIATE');
      try {
        const { origin, size, root, note } = row.checkpoint;
        const newest = one(db, SELECT.newest, origin);
        const added = allows(newest);
        if (added) {
          db.prepare('INSERT INTO indelible_anchors VALUES (?, ?, ?, ?, ?)').run(
            origin,
            size,
            root,
            note,
            row.anchored_at,
          );
        }
        db.exec('COMMIT');
        return added ? row : (newest as AnchoredCheckpoint);
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK');
        throw error;
      }
    });
  }

  at(origin: string, size: number) {
    return this.#try(() => one(this.#open(false), SELECT.at, origin, size));
  }

  newest(origin: string) {
    return this.#try(() => one(this.#open(false), SELECT.newest, origin));
  }

  async *all(origin: string): AsyncGenerator<AnchoredCheckpoint> {
    for (let after = -1; ; ) {
      const rows = await this.#try(() => many(this.#open(false), SELECT.page, origin, after));
      yield* rows;
      if (rows.length < PAGE_ROWS) return;
      after = (rows.at(-1) as AnchoredCheckpoint).checkpoint.size;
    }
  }

  async close(): Promise<void> {
    this.#db?.close();
    this.#db = null;
  }

  /** Null when there is no file, and none is to be made. */
  #open(create: boolean): DatabaseSync | null {
    const { path, name } = this.#options;
    const there = existsSync(path);
    // A file that was moved away while it is open would go on taking rows that nobody finds again.
    if (!there) void this.close();
    if (this.#db !== null) return this.#db;
    if (!there && !create) {
      // A folder that is not there is another matter: then nobody can say what the anchor holds.
      closeSync(openSync(dirname(path), 'r'));
      return null;
    }
    createPrivateFile(path);
    const db = new DatabaseSync(path, { timeout: BUSY_PAUSE_MS });
    try {
      db.exec('PRAGMA synchronous = EXTRA; PRAGMA trusted_schema = OFF');
      checkSchema(db, name, create);
    } catch (error) {
      db.close();
      throw error;
    }
    if (!there) syncFolder(dirname(path));
    this.#db = db;
    return db;
  }

  async #try<T>(work: () => T): Promise<T> {
    const { name, busy_ms_max = BUSY_MS_MAX } = this.#options;
    for (let waited_ms = 0; ; waited_ms += 2 * BUSY_PAUSE_MS) {
      try {
        return work();
      } catch (error) {
        const result = resultOf(error);
        if (result === null && (error as Error).name === 'AbortError') throw error;
        if (result !== SQLITE_BUSY || waited_ms >= busy_ms_max) throw fault(error, result, name);
      }
      await sleep(BUSY_PAUSE_MS);
    }
  }
}

function one(
  db: DatabaseSync | null,
  sql: string,
  ...values: (string | number)[]
): AnchoredCheckpoint | null {
  return many(db, sql, ...values)[0] ?? null;
}

function many(db: DatabaseSync | null, sql: string, ...values: (string | number)[]): AnchoredCheckpoint[] {
  if (db === null) return [];
  const rows = db.prepare(sql).all(...values) as unknown as Row[];
  return rows.map((row) => ({ checkpoint: checkpointOfRow(row), anchored_at: row.anchored_at }));
}

/** Makes what is missing in a file that has nothing of ours; refuses one that has it otherwise. */
function checkSchema(db: DatabaseSync, name: string, create: boolean): void {
  const found = new Map(
    (
      db.prepare(`SELECT name, sql FROM sqlite_schema WHERE tbl_name = 'indelible_anchors'`).all() as {
        name: string;
        sql: string | null;
      }[]
    )
      // The index of a primary key has no text.
      .filter(({ sql }) => sql !== null)
      .map((one) => [one.name, one.sql]),
  );
  if (found.size === 0 && create) {
    const statements = ANCHOR_SCHEMA.map(({ sql }) =>
      sql.replace(/^CREATE (TABLE|TRIGGER)/, '$& IF NOT EXISTS'),
    );
    db.exec(`BEGIN IMMEDIATE; ${statements.join('; ')}; COMMIT`);
    return;
  }
  for (const { name: object, sql } of ANCHOR_SCHEMA) {
    if (found.get(object) !== sql) throw damaged(`${name}: ${object} is missing or was altered`);
    found.delete(object);
  }
  for (const object of found.keys()) {
    throw damaged(`${name}: ${object} was added to the table of anchors`);
  }
}

function syncFolder(path: string): void {
  // Windows cannot open folders, and needs no such call.
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** The primary result code of an error that SQLite raised, else null. */
function resultOf(error: unknown): number | null {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : null;
}

function fault(error: unknown, result: number | null, name: string): unknown {
  if (isIndelibleError(error) || result === null) return placeFault(error, name);
  const { message } = error as Error;
  if (SQLITE_DAMAGED.includes(result) || /^indelible: |no such (table|column)|malformed/.test(message)) {
    return damaged(`${name} is damaged: ${message}`);
  }
  return new IndelibleError('ANCHOR_UNAVAILABLE', `${name} could not be used: ${message}`, { cause: error });
}

function damaged(message: string): IndelibleError {
  return new IndelibleError('ANCHOR_DAMAGED', message);
}
