/**
 * What a witness has seen: for each log the newest state that it vouches for. Everything that a cosignature means rests
 * on this file never going back: it must not be restored from a copy.
 *
 * Calls are synchronous and wait for the disk. A witness answers one checkpoint a second and log at most; what it gains
 * is that no other request of this process comes between comparing and persisting. Other processes are kept out by the
 * transaction.
 *
 * Shapes:  sizes are whole numbers below 2^53, roots 64 lower-case hex digits, times seconds since 1970.
 * Errors:  WITNESS_STATE.
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { EMPTY_ROOT, IndelibleError, isIndelibleError } from '@indelible/core';
import { createPrivateFile } from '../private-file.ts';

export interface LogState {
  readonly size: number;
  readonly root: string;
}

/** Before anything was seen. */
export const NOTHING_SEEN: LogState = { size: 0, root: EMPTY_ROOT };

const APPLICATION_ID = 0x1de1_0003;
const VERSION = 1;
const CONFLICTS_MAX = 100;
const SCHEMA = `
  CREATE TABLE logs (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL CHECK (size >= 0), root TEXT NOT NULL,
    note TEXT NOT NULL, seen_at INTEGER NOT NULL,
    cosigned TEXT, cosigned_size INTEGER NOT NULL DEFAULT -1
  ) STRICT;
  CREATE TABLE conflicts (
    origin TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL, note TEXT NOT NULL,
    held_root TEXT NOT NULL, held_note TEXT NOT NULL, seen_at INTEGER NOT NULL,
    PRIMARY KEY (origin, size, root)
  ) STRICT;
  CREATE TRIGGER logs_never_shrink BEFORE UPDATE OF size, root ON logs
    WHEN new.size < old.size OR (new.size = old.size AND new.root <> old.root)
    BEGIN SELECT RAISE(ABORT, 'a log never shrinks'); END;
  CREATE TRIGGER logs_never_vanish BEFORE DELETE ON logs
    BEGIN SELECT RAISE(ABORT, 'a log is never forgotten'); END;
`;

export class WitnessState {
  readonly #file: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Opens `witness.db` in the folder, and makes both when they are not there. Other processes are waited for. */
  constructor(folder: string, options: { readonly busy_ms_max?: number } = {}) {
    this.#file = join(folder, 'witness.db');
    this.#db = this.#guarded(() => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      createPrivateFile(this.#file);
      const db = openDatabase(this.#file, options.busy_ms_max ?? 5000);
      syncFolder(folder);
      return db;
    });
  }

  /**
   * Shows `decide` the state of a log and persists what it returns, with nothing in between. Null leaves all as it is.
   * Durable when it returns. What `decide` throws goes through.
   */
  transact(origin: string, decide: (state: LogState) => NewState | null): void {
    this.#guarded(() => {
      this.#db.exec('BEGIN IMMEDIATE');
      try {
        const held = this.#held(origin);
        const next = decide(held);
        if (next !== null) this.#persist(origin, held, next);
        this.#db.exec('COMMIT');
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** Keeps the cosigned note for those who ask, unless a larger one is kept. */
  publish(origin: string, size: number, cosigned: string): void {
    this.#guarded(() => {
      this.#prepared(
        'UPDATE logs SET cosigned = ?, cosigned_size = ? WHERE origin = ? AND cosigned_size <= ?',
      ).run(cosigned, size, origin, size);
    });
  }

  /** The newest note that we cosigned; null before the first. */
  published(origin: string): string | null {
    return this.#guarded(() => {
      const row = this.#prepared('SELECT cosigned FROM logs WHERE origin = ?').get(origin);
      return (row?.cosigned as string | null | undefined) ?? null;
    });
  }

  /** Keeps a note with another root than the one we hold for that size: the log signed both. True when it is new. */
  keepConflict(origin: string, { size, root, note, seen_at }: NewState): boolean {
    return this.#guarded(() => {
      const { changes } = this.#prepared(
        `INSERT OR IGNORE INTO conflicts (origin, size, root, note, held_root, held_note, seen_at)
         SELECT origin, ?, ?, ?, root, note, ? FROM logs WHERE origin = ? AND size = ? AND root <> ?
         AND (SELECT count(*) FROM conflicts WHERE origin = ?) < ${CONFLICTS_MAX}`,
      ).run(size, root, note, seen_at, origin, size, root, origin);
      return changes === 1;
    });
  }

  /** The notes that contradict what we hold, as pairs. */
  conflicts(origin: string): { readonly note: string; readonly held_note: string }[] {
    return this.#guarded(() =>
      this.#prepared('SELECT note, held_note FROM conflicts WHERE origin = ? ORDER BY seen_at, root')
        .all(origin)
        .map((row) => ({ note: String(row.note), held_note: String(row.held_note) })),
    );
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #held(origin: string): LogState {
    const row = this.#prepared('SELECT size, root FROM logs WHERE origin = ?').get(origin);
    return row === undefined ? NOTHING_SEEN : { size: Number(row.size), root: String(row.root) };
  }

  #persist(origin: string, held: LogState, { size, root, note, seen_at }: NewState): void {
    const { changes } = this.#prepared(
      `INSERT INTO logs (origin, size, root, note, seen_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note,
         seen_at = excluded.seen_at WHERE logs.size = ? AND logs.root = ?`,
    ).run(origin, size, root, note, seen_at, held.size, held.root);
    if (changes !== 1)
      throw new IndelibleError('WITNESS_STATE', `${this.#file} changed within a transaction`);
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (isIndelibleError(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new IndelibleError('WITNESS_STATE', `${this.#file}: ${reason}`, { cause: error });
    }
  }
}

/** A state to vouch for, and the note in which the log says so. */
export interface NewState extends LogState {
  readonly note: string;
  readonly seen_at: number;
}

function openDatabase(file: string, busy_ms_max: number): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: busy_ms_max });
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF');
    db.exec('BEGIN IMMEDIATE');
    const id = db.prepare('PRAGMA application_id').get()?.application_id;
    const version = db.prepare('PRAGMA user_version').get()?.user_version;
    if (id === 0 && version === 0) {
      db.exec(`${SCHEMA}; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${VERSION}`);
    } else if (id !== APPLICATION_ID || version !== VERSION) {
      throw new IndelibleError('WITNESS_STATE', `${file} is not the state of a witness, or of a newer one`);
    }
    db.exec('COMMIT');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** SQLite syncs the file, but not the name that we gave it: a crash might leave a witness without a past. */
function syncFolder(folder: string): void {
  // Windows cannot open folders, and needs no such call.
  if (process.platform === 'win32') return;
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
