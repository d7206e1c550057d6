/**
 * What the connector has begun and done, durable before and after each effect, and one effect at a time.
 *
 * Two SQLite files in a folder: the entries, and one whose lock is held during an effect. The lock ends with its
 * process, however that ends, so nobody need guess whether a lock is stale.
 *
 * Errors:  CONNECTOR_UNAVAILABLE, EFFECT_FENCED.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { IndelibleError } from '@indelible/core';
import type { Execution } from '../contract.ts';
import { beginWhenFree, tryExec } from '../shared/sqlite-lock.ts';
import type { BegunStep } from './steps.ts';

/** One effect key's entry. */
export type JournalEntry =
  | { readonly state: 'fenced' }
  | { readonly state: 'begun'; readonly steps: readonly BegunStep[] }
  | { readonly state: 'done'; readonly steps: readonly BegunStep[]; readonly execution: Execution };

export interface Journal {
  /** Read as it is now; null: nothing was ever begun under this key. */
  read(effect_key: string): JournalEntry | null;
  /**
   * Durable when it returns, and so is the epoch. With `soon`, only once something else is: for what a crash of the
   * machine may take back, because where the files' inodes are tells the same.
   */
  write(effect_key: string, entry: JournalEntry, options: WriteOptions): void;
  /** Marks the leftovers of a done effect as cleared away; durable as with `soon`. */
  cleared(effect_key: string): void;
  /** Done effects whose leftovers may still lie about. */
  uncleared(): { effect_key: string; steps: readonly BegunStep[] }[];
  /** Raises EFFECT_FENCED when a higher epoch was seen under this key. */
  assertNotFenced(effect_key: string, epoch: number): void;
  /** From now on, durably, lower epochs are fenced. Raises EFFECT_FENCED when this one is. */
  fence(effect_key: string, epoch: number): void;
  /** Runs alone among all that use this folder. Waits until the signal aborts. */
  exclusively<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T>;
  close(): void;
}

export interface WriteOptions {
  readonly epoch: number;
  readonly soon?: boolean;
  /** Whether something may still lie beside the targets. */
  readonly uncleared?: boolean;
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS effects (
  effect_key TEXT PRIMARY KEY, entry TEXT NOT NULL, uncleared INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epochs (effect_key TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS effects_uncleared ON effects (effect_key) WHERE uncleared = 1;
`;

/** While it is empty, SQLite makes a file beside it whenever it is locked, and removes that again. */
function openLock(path: string): DatabaseSync {
  const lock = new DatabaseSync(path, { timeout: 0 });
  // Busy: whoever holds it has been here.
  if (statSync(path).size === 0) tryExec(lock, 'PRAGMA user_version = 1');
  return lock;
}

export function openJournal(folder: string): Journal {
  const failed = (error: unknown): never => {
    if (error instanceof IndelibleError) throw error;
    throw new IndelibleError('CONNECTOR_UNAVAILABLE', 'the journal of the connector cannot be used', {
      cause: error,
    });
  };
  const tried = <T>(run: () => T): T => {
    try {
      return run();
    } catch (error) {
      return failed(error);
    }
  };
  const [entries, lock] = tried(() => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const database = new DatabaseSync(join(folder, 'journal.db'), { timeout: 5000 });
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${SCHEMA}`);
    return [database, openLock(join(folder, 'lock.db'))] as const;
  });
  const getEntry = entries.prepare('SELECT entry FROM effects WHERE effect_key = ?');
  const setEntry = entries.prepare('INSERT OR REPLACE INTO effects VALUES (?, ?, ?)');
  const setCleared = entries.prepare('UPDATE effects SET uncleared = 0 WHERE effect_key = ?');
  const getEpoch = entries.prepare('SELECT epoch FROM epochs WHERE effect_key = ?');
  const setEpoch = entries.prepare('INSERT OR REPLACE INTO epochs VALUES (?, ?)');

  function inTransaction(soon: boolean, run: () => void): void {
    // Not within the transaction: there it has no effect.
    entries.exec(
      soon ? 'PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE' : 'PRAGMA synchronous = FULL; BEGIN IMMEDIATE',
    );
    try {
      run();
      entries.exec('COMMIT');
    } finally {
      if (entries.isTransaction) entries.exec('ROLLBACK');
    }
  }

  function assertNotFenced(effect_key: string, epoch: number): void {
    const row = getEpoch.get(effect_key);
    const seen = row === undefined ? -1 : Number(row.epoch);
    if (seen > epoch) throw new IndelibleError('EFFECT_FENCED', `epoch ${seen} has taken over from ${epoch}`);
  }

  let closed = false;
  return {
    read: (effect_key) =>
      tried(() => {
        const row = getEntry.get(effect_key);
        return row === undefined ? null : (JSON.parse(row.entry as string) as JournalEntry);
      }),
    write: (effect_key, entry, { epoch, soon = false, uncleared = false }) =>
      tried(() =>
        inTransaction(soon, () => {
          setEntry.run(effect_key, JSON.stringify(entry), uncleared ? 1 : 0);
          setEpoch.run(effect_key, epoch);
        }),
      ),
    cleared: (effect_key) => tried(() => inTransaction(true, () => void setCleared.run(effect_key))),
    uncleared: () =>
      tried(() =>
        entries
          .prepare('SELECT effect_key, entry FROM effects WHERE uncleared = 1')
          .all()
          .map((row) => ({
            effect_key: row.effect_key as string,
            steps: (JSON.parse(row.entry as string) as { steps: BegunStep[] }).steps,
          })),
      ),
    assertNotFenced: (effect_key, epoch) => tried(() => assertNotFenced(effect_key, epoch)),
    fence: (effect_key, epoch) =>
      tried(() =>
        inTransaction(false, () => {
          assertNotFenced(effect_key, epoch);
          setEpoch.run(effect_key, epoch);
        }),
      ),
    exclusively: async (signal, run) => {
      await beginWhenFree(lock, 'EXCLUSIVE', signal).catch(failed);
      try {
        return await run();
      } finally {
        if (!closed) lock.exec('ROLLBACK');
      }
    },
    close: () => {
      if (closed) return;
      closed = true;
      entries.close();
      lock.close();
    },
  };
}
