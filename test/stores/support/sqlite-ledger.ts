/** A folder with an SQLite ledger in it, and looks at it from outside the store. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { GENESIS_HASH, leafHash, parseRecord } from '@indelible/core';
import { sampleBatch, sampleLines } from '../../../packages/indelible/src/stores/conformance.ts';
import {
  openSqliteStore,
  type SqliteStoreOptions,
} from '../../../packages/indelible/src/stores/sqlite/sqlite-store.ts';

const steps = new WeakMap<TestContext, (() => unknown)[]>();

/** Like `t.after`, but last in, first out: a store is closed before its folder goes. */
export function cleanUp(t: TestContext, step: () => unknown): void {
  const known = steps.get(t);
  if (known !== undefined) {
    known.push(step);
    return;
  }
  const mine = [step];
  steps.set(t, mine);
  t.after(async () => {
    for (const one of mine.reverse()) await one();
  });
}

/** The path of a ledger that is not there yet; removed with the test. */
export function ledgerPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'indelible-sqlite-'));
  cleanUp(t, () => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'ledger.db');
}

/** An open store, closed with the test. */
export async function openAt(t: TestContext, path: string, options: Omit<SqliteStoreOptions, 'path'> = {}) {
  const store = await openSqliteStore({ path, ...options });
  cleanUp(t, () => store.close());
  return store;
}

/** Makes a ledger of `count` records and closes it. */
export async function makeLedger(path: string, count: number) {
  const store = await openSqliteStore({ path });
  const lines = sampleLines(count);
  if (count > 0) await store.append(sampleBatch(lines), null);
  await store.close();
  return lines;
}

/** Runs SQL as somebody with another SQLite client would. */
export function runSql(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

export interface Row {
  readonly seq: number;
  readonly hash: string;
  readonly body: string;
}

/** All rows, after checking that they are one unbroken chain. */
export function chainRows(path: string): Row[] {
  const db = new DatabaseSync(path);
  try {
    const rows = db.prepare('SELECT seq, hash, body FROM records ORDER BY seq').all() as unknown as Row[];
    let prev_hash = GENESIS_HASH;
    for (const [i, { seq, hash, body }] of rows.entries()) {
      const bytes = new TextEncoder().encode(body);
      const record = parseRecord(bytes);
      assert.equal(seq, i, 'no gap');
      assert.equal(record.seq, i, 'the record has its own number');
      assert.equal(record.prev_hash, prev_hash, `record ${i} follows the one before: no fork`);
      assert.equal(leafHash(bytes), hash, `the hash of record ${i}`);
      prev_hash = hash;
    }
    return rows;
  } finally {
    db.close();
  }
}
