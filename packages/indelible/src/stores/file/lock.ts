/**
 * One writer per ledger: an operating system lock that vanishes with its process, however that ends.
 *
 * Node has no file locks, SQLite has: an open `BEGIN EXCLUSIVE` on `lock.db` is the lock. Nothing is ever stored in
 * that file. POSIX locks end when the process closes any descriptor of the file, so nobody in this process may open
 * `lock.db` by other means.
 *
 * Errors:  LEDGER_LOCKED while another holds it, else the store's errors.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { IndelibleError } from '@indelible/core';
import { SQLITE_FULL, sqliteResult } from '../../sqlite-result.ts';
import { systemCode, writeFault } from './fault.ts';
import { type FileSystem, OPEN, readPiece, writeAll } from './file-system.ts';
import { reading } from './tail.ts';

const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CANTOPEN = 14;

/** Nothing else need refer to a held lock: without this, garbage collection would release it under a living writer. */
const heldLocks = new Set<DatabaseSync>();

export interface LedgerLock {
  release(): void;
}

export async function lockLedger(fs: FileSystem, directory: string): Promise<LedgerLock> {
  const path = join(directory, 'lock.db');
  createOnce(fs, path);
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path);
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    throw lockFault(fs, directory, error);
  }
  const held = database;
  heldLocks.add(held);
  await noteHolder(fs, directory);
  return {
    release: () => {
      heldLocks.delete(held);
      held.close();
    },
  };
}

/** With our permissions, and never opened here when it exists: closing it again would drop this process's lock. */
function createOnce(fs: FileSystem, path: string): void {
  try {
    fs.close(fs.open(path, OPEN.write | OPEN.create | OPEN.exclusive));
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw writeFault(error, `create ${path}`);
  }
}

function lockFault(fs: FileSystem, directory: string, error: unknown): IndelibleError {
  const code = sqliteResult(error);
  if (code === SQLITE_BUSY) {
    const pid = holder(fs, directory);
    return new IndelibleError(
      'LEDGER_LOCKED',
      `${directory} is open for writing${pid ? ` by process ${pid}` : ''}.`,
      {
        details: pid ? { pid } : {},
      },
    );
  }
  const read_only = code === SQLITE_READONLY || code === SQLITE_CANTOPEN;
  return new IndelibleError(
    read_only ? 'STORE_READ_ONLY' : code === SQLITE_FULL ? 'STORE_FULL' : 'STORE_UNAVAILABLE',
    `Cannot lock ${directory}: ${(error as Error).message}.`,
    { cause: error },
  );
}

async function noteHolder(fs: FileSystem, directory: string): Promise<void> {
  try {
    const fd = fs.open(join(directory, 'lock.pid'), OPEN.write | OPEN.create | OPEN.empty);
    try {
      await writeAll(fs, fd, new TextEncoder().encode(`${process.pid}\n`), 0);
    } finally {
      fs.close(fd);
    }
  } catch {
    // For messages only: the lock is held without it, and a full disk must not keep the ledger shut.
  }
}

function holder(fs: FileSystem, directory: string): number | null {
  try {
    const text = reading(fs, join(directory, 'lock.pid'), (fd) => readPiece(fs, fd, 0, 32)).toString(
      'latin1',
    );
    return /^\d+\n$/.test(text) ? Number(text) : null;
  } catch {
    // Unknown: the message does without it.
    return null;
  }
}
