/**
 * Waiting for a SQLite lock without blocking this process, whose own work may be what holds it.
 *
 * Errors:  CONNECTOR_UNAVAILABLE once the signal has aborted; otherwise those of SQLite.
 */
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertInTime } from './checks.ts';

const POLL_MS = 4;
const SQLITE_BUSY = 5;

/** Begins a transaction as soon as neither another process nor this connection is in one. Needs `timeout: 0`. */
export async function beginWhenFree(
  database: DatabaseSync,
  kind: 'IMMEDIATE' | 'EXCLUSIVE',
  signal: AbortSignal,
): Promise<void> {
  // Nothing wakes a waiter in another process, so it asks again and again.
  for (;;) {
    assertInTime(signal);
    if (!database.isTransaction && tryExec(database, `BEGIN ${kind}`)) return;
    await sleep(POLL_MS);
  }
}

/** Commits as soon as readers let it. */
export async function commitWhenFree(database: DatabaseSync, signal: AbortSignal): Promise<void> {
  while (!tryExec(database, 'COMMIT')) {
    assertInTime(signal);
    await sleep(POLL_MS);
  }
}

/** False when somebody else holds the lock. */
export function tryExec(database: DatabaseSync, sql: string): boolean {
  try {
    database.exec(sql);
    return true;
  } catch (error) {
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY) return false;
    throw error;
  }
}
