/**
 * The checkpoints that were signed, in an SQLite file of their own. Several processes may use it.
 *
 * Not derived: a signed checkpoint that somebody has seen must never be forgotten, hence FULL synchronisation.
 *
 * Errors:  CHECKPOINT_FORK; STORE_* for faults of the disk, STORE_UNAVAILABLE also for a file that is none of ours.
 */
import { existsSync, statSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { type ErrorCode, formatNote, IndelibleError, isIndelibleError, parseNote } from '@indelible/core';
import { createPrivateFile } from '../private-file.ts';
import { SQLITE_FULL, sqliteResult } from '../sqlite-result.ts';
import type { CheckpointHistory, PublishedCheckpoint } from './contract.ts';

const VERSION = 2;
const SCHEMA = `
  CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY CHECK (size > 0),
    root TEXT NOT NULL,
    note TEXT NOT NULL,
    signed_at INTEGER NOT NULL,
    published INTEGER NOT NULL CHECK (published IN (0, 1))
  ) STRICT;
  CREATE INDEX checkpoints_published ON checkpoints (size) WHERE published = 1;
  -- Where the log speaks of signing keys: a hint, each record is read again.
  CREATE TABLE key_records (seq INTEGER PRIMARY KEY) STRICT;
  -- A row while checkpoints are withheld until witnesses have cosigned them: it binds every process that signs.
  CREATE TABLE withholding (yes INTEGER PRIMARY KEY CHECK (yes = 1)) STRICT;
`;
/** Version 2: the signed size up to which the tree beside is durable. Before, it was so up to the newest. */
const TREE_SYNCED = `
  CREATE TABLE tree_synced (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL) STRICT;
  INSERT INTO tree_synced SELECT 1, coalesce(max(size), 0) FROM checkpoints;
`;
const COLUMNS = 'size, root, note, signed_at, published';

/** Opens the file; `:memory:` for a ledger in memory. For reading alone it may be missing: then it is empty. */
export function openCheckpointHistory(
  path: string,
  { read_only = false }: { readonly read_only?: boolean } = {},
): CheckpointHistory {
  if (read_only && path !== ':memory:' && !existsSync(path)) return openCheckpointHistory(':memory:');
  const db = guarded(() => (read_only ? connectReader(path) : connect(path)));
  return db === null ? openCheckpointHistory(':memory:') : new SqliteHistory(db);
}

class SqliteHistory implements CheckpointHistory {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #closed = false;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  async add(checkpoint: PublishedCheckpoint, published: boolean, tree_synced = false): Promise<void> {
    this.#guarded(() =>
      transaction(this.#db, () => {
        const newest = this.#one(`SELECT ${COLUMNS} FROM checkpoints ORDER BY size DESC LIMIT 1`);
        if (newest !== null && newest.size > checkpoint.size && this.#of(checkpoint.size) === null)
          throw fork(checkpoint, newest);
        this.#keep(checkpoint, published);
        if (tree_synced) this.#noteTreeSynced(checkpoint.size);
      }),
    );
  }

  async addEarlier(
    checkpoints: readonly { readonly checkpoint: PublishedCheckpoint; readonly published: boolean }[],
  ): Promise<void> {
    this.#guarded(() =>
      transaction(this.#db, () => {
        for (const { checkpoint, published } of checkpoints) this.#keep(checkpoint, published);
      }),
    );
  }

  #keep(checkpoint: PublishedCheckpoint, published: boolean): void {
    const { size, root, signed_at } = checkpoint;
    const same = this.#of(size);
    if (same !== null && same.root !== root) throw fork(checkpoint, same);
    const note = same === null ? checkpoint.note : joined(same.note, checkpoint.note);
    this.#statement(
      `INSERT INTO checkpoints (${COLUMNS}) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (size) DO UPDATE SET note = excluded.note, published = max(published, excluded.published)`,
    ).run(size, root, note, signed_at, published ? 1 : 0);
  }

  #of(size: number): PublishedCheckpoint | null {
    return this.#one(`SELECT ${COLUMNS} FROM checkpoints WHERE size = ?`, size);
  }

  async newestSigned(): Promise<PublishedCheckpoint | null> {
    return this.#guarded(() => this.#one(`SELECT ${COLUMNS} FROM checkpoints ORDER BY size DESC LIMIT 1`));
  }

  async newest(): Promise<PublishedCheckpoint | null> {
    return this.#guarded(() =>
      this.#one(`SELECT ${COLUMNS} FROM checkpoints WHERE published = 1 ORDER BY size DESC LIMIT 1`),
    );
  }

  async newestSizes(count: number): Promise<number[]> {
    return this.#guarded(() =>
      this.#statement('SELECT size FROM checkpoints WHERE published = 1 ORDER BY size DESC LIMIT ?')
        .all(count)
        .map(({ size }) => Number(size))
        .reverse(),
    );
  }

  async newestSynced(): Promise<PublishedCheckpoint | null> {
    return this.#guarded(() =>
      this.#one(`SELECT ${COLUMNS} FROM checkpoints WHERE size = (SELECT size FROM tree_synced)`),
    );
  }

  async noteTreeSynced(size: number): Promise<void> {
    this.#guarded(() => this.#noteTreeSynced(size));
  }

  #noteTreeSynced(size: number): void {
    // Another process may have synced more.
    this.#statement('UPDATE tree_synced SET size = CASE ?1 WHEN 0 THEN 0 ELSE max(size, ?1) END').run(size);
  }

  async atLeast(size: number): Promise<PublishedCheckpoint | null> {
    return this.#guarded(() =>
      this.#one(
        `SELECT ${COLUMNS} FROM checkpoints WHERE published = 1 AND size >= ? ORDER BY size LIMIT 1`,
        size,
      ),
    );
  }

  async keyRecords(): Promise<number[]> {
    return this.#guarded(() =>
      this.#statement('SELECT seq FROM key_records ORDER BY seq')
        .all()
        .map((row) => Number(row.seq)),
    );
  }

  async noteKeyRecord(seq: number): Promise<void> {
    this.#guarded(() => this.#statement('INSERT OR IGNORE INTO key_records (seq) VALUES (?)').run(seq));
  }

  async withheld(): Promise<boolean> {
    return this.#guarded(() => this.#statement('SELECT 1 FROM withholding').get() !== undefined);
  }

  async setWithheld(withheld: boolean): Promise<void> {
    const change = withheld ? 'INSERT OR IGNORE INTO withholding VALUES (1)' : 'DELETE FROM withholding';
    this.#guarded(() => this.#statement(change).run());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#statements.clear();
    this.#db.close();
  }

  #guarded<T>(work: () => T): T {
    if (this.#closed) throw new IndelibleError('LEDGER_CLOSED', 'the history of checkpoints is closed');
    return guarded(work);
  }

  #one(sql: string, ...values: SQLInputValue[]): PublishedCheckpoint | null {
    const row = this.#statement(sql).get(...values);
    if (row === undefined) return null;
    const { size, root, note, signed_at } = row;
    return { size: Number(size), root: String(root), note: String(note), signed_at: Number(signed_at) };
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }
}

function fork(checkpoint: PublishedCheckpoint, other: PublishedCheckpoint): IndelibleError {
  return new IndelibleError(
    'CHECKPOINT_FORK',
    `a checkpoint of ${other.size} records with the root ${other.root.slice(0, 16)}… was signed before; ` +
      `one of ${checkpoint.size} with ${checkpoint.root.slice(0, 16)}… does not continue it`,
    {
      details: {
        size: checkpoint.size,
        root: checkpoint.root,
        known_size: other.size,
        known_root: other.root,
      },
    },
  );
}

/** The signatures of both notes, which have one text because size and root agree. */
function joined(old_note: string, new_note: string): string {
  const [before, now] = [parseNote(old_note), parseNote(new_note)];
  if (before.text !== now.text) return new_note;
  const added = now.signatures.filter(
    (one) => !before.signatures.some(({ name, key_id }) => name === one.name && key_id === one.key_id),
  );
  return formatNote({ text: now.text, signatures: [...before.signatures, ...added] });
}

function connect(path: string): DatabaseSync {
  if (path !== ':memory:') createPrivateFile(path);
  const db = new DatabaseSync(path, { timeout: 30_000 });
  try {
    db.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA trusted_schema = OFF');
    // It fails with "busy" at once while another process does the same; that one then has done it.
    if (pragma(db, 'journal_mode') !== 'wal') enterWal(db);
    transaction(db, () => {
      const version = Number(pragma(db, 'user_version'));
      if (version === 0) db.exec(SCHEMA);
      if (version < VERSION) db.exec(`${TREE_SYNCED}; PRAGMA user_version = ${VERSION}`);
    });
    checkVersion(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * A reader of a write-ahead log needs a file beside it; where that cannot be made, nobody can be writing either. Null for
 * a file that a crash or a full disk left empty when it was made.
 */
function connectReader(path: string): DatabaseSync | null {
  try {
    return checkedReader(path, path);
  } catch (error) {
    const result = sqliteResult(error);
    const pending = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if ((result !== SQLITE_CANTOPEN && result !== SQLITE_READONLY) || pending > 0) throw error;
    return checkedReader(path, new URL(`${pathToFileURL(path).href}?immutable=1`));
  }
}

function checkedReader(path: string, place: string | URL): DatabaseSync | null {
  const db = new DatabaseSync(place, { readOnly: true, timeout: 30_000 });
  try {
    if (db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined) {
      db.close();
      return null;
    }
    checkVersion(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function checkVersion(db: DatabaseSync, path: string): void {
  const version = Number(pragma(db, 'user_version'));
  // The older version differs in what readers do not ask for.
  if (version === VERSION || version === 1) return;
  throw new IndelibleError(
    version > VERSION ? 'LEDGER_TOO_NEW' : 'STORE_UNAVAILABLE',
    `${path} is no history of checkpoints that this version reads`,
  );
}

const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CANTOPEN = 14;

function enterWal(db: DatabaseSync): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; ; waited += 10) {
    try {
      pragma(db, 'journal_mode = WAL');
      return;
    } catch (error) {
      if (sqliteResult(error) !== SQLITE_BUSY || waited >= 10_000) throw error;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}

function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}

function transaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    work();
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  [SQLITE_READONLY]: 'STORE_READ_ONLY',
  [SQLITE_FULL]: 'STORE_FULL',
};
const BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'STORE_READ_ONLY',
  EROFS: 'STORE_READ_ONLY',
  EPERM: 'STORE_READ_ONLY',
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
};

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isIndelibleError(error)) throw error;
    const { code, message } = error as { code?: unknown; message?: unknown };
    const known =
      BY_ERRNO[typeof code === 'string' ? code : ''] ??
      CODES[sqliteResult(error) ?? 0] ??
      'STORE_UNAVAILABLE';
    throw new IndelibleError(known, `the history of checkpoints failed: ${String(message)}`, {
      cause: error,
    });
  }
}
