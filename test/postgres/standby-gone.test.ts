/**
 * The synchronous standby is gone: commits wait for it. What was not acknowledged is not said to be there either, until it
 * is as durable as what was.
 *
 * PITFALLS: a backend that is ended while it waits for a standby has committed all the same.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { sampleBatch, sampleLines } from '../../packages/indelible/src/stores/conformance.ts';
import type { Head, LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { noPostgres } from '../support/postgres.ts';
import { Databases } from './support.ts';

const LEDGER = 'conformance.example';
const skip = noPostgres();
const lines = sampleLines(500);
const headAt = (seq: number): Head | null => (seq < 0 ? null : { seq, hash: lines[seq]!.hash });
const isUnavailable = (error: unknown): boolean => isIndelibleError(error, 'STORE_UNAVAILABLE');
let databases: Databases;
before(async () => {
  if (skip === false) databases = await Databases.start([LEDGER], {});
});
after(() => databases?.stop());

/** Of a server that takes such a setting up whenever it likes. */
async function settle(sql: string): Promise<void> {
  await databases.run('postgres', sql);
  await databases.run('postgres', 'SELECT pg_reload_conf()');
}

/** Appends until the server waits for the standby; the number of the record that was not acknowledged. */
async function appendUntilItWaits(store: LogStore): Promise<number> {
  for (let seq = 0; ; seq++) {
    try {
      await store.append(sampleBatch(lines.slice(seq, seq + 1)), headAt(seq - 1));
    } catch (error) {
      assert.ok(isUnavailable(error), String(error));
      return seq;
    }
  }
}

test('PITFALL synchronous standby: a commit that did not reach it is no head yet', { skip }, async (t) => {
  const database = await databases.create();
  const url = databases.url(database, LEDGER);
  const limits = { answer_ms_max: 400, patience_ms: 0 };
  const store = await openPostgresStore({ url, default_ledger: LEDGER, ...limits });
  t.after(() => store.close());
  await settle("ALTER SYSTEM SET synchronous_standby_names = 'gone'");
  const seq = await appendUntilItWaits(store);
  const stored = () => databases.run(database, `SELECT FROM indelible.records WHERE seq = ${seq}`);
  await assert.rejects(store.head(), isUnavailable);
  await assert.rejects(store.head(), isUnavailable);
  assert.equal((await stored()).length, 1);
  const waits = "SELECT FROM pg_stat_activity WHERE application_name ~ 'write' AND wait_event = 'SyncRep'";
  assert.equal((await databases.run('postgres', waits)).length, 1, 'sessions that wait pile up');

  // As when the standby is back; what changes nothing else waits for nobody.
  await settle('ALTER SYSTEM RESET synchronous_standby_names');
  let head: Head | null = null;
  while (head === null) head = await store.head().catch(() => null);
  assert.deepEqual(head, headAt(seq));
  await store.append(sampleBatch(lines.slice(seq + 1, seq + 2)), head);
});
