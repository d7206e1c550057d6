/** A primary that dies and a standby that takes over: the writer finds it, and nothing acknowledged is lost. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { sampleBatch, sampleLines } from '../../packages/indelible/src/stores/conformance.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { noPostgres, type PostgresServer } from '../support/postgres.ts';
import { APP, Databases } from './support.ts';

const LEDGER = 'conformance.example';
const skip = noPostgres();
const lines = sampleLines(6);
const headAt = (seq: number) => ({ seq, hash: lines[seq]!.hash });
let databases: Databases;
let standby: PostgresServer;
let database: string;

before(async () => {
  if (skip !== false) return;
  databases = await Databases.start([LEDGER], {});
  database = await databases.create();
  await databases.server.kill();
  standby = await databases.server.startStandby();
  await databases.server.start({ synchronous_standby_names: 'standby' });
});
after(async () => {
  await standby?.stop();
  await databases?.stop();
});

test('failover', { skip }, async (t) => {
  const { server } = databases;
  const both = `postgres://${APP}@127.0.0.1:${standby.port},127.0.0.1:${server.port}/${database}?ledger=${LEDGER}`;
  const on_standby = `${standby.url(database, APP)}?ledger=${LEDGER}`;

  await t.test('a writer passes over the standby', async (t) => {
    const store = await openPostgresStore({ url: both, default_ledger: LEDGER });
    t.after(() => store.close());
    await store.append(sampleBatch(lines.slice(0, 2)), null);
    assert.deepEqual(await store.head(), headAt(1));
  });

  await t.test('a writer that knows the standby alone: STORE_READ_ONLY', async () => {
    const opening = openPostgresStore({ url: on_standby, default_ledger: LEDGER, patience_ms: 0 });
    await assert.rejects(opening, (error) => isIndelibleError(error, 'STORE_READ_ONLY'));
  });

  await t.test('a reader reads from the standby, and is woken although it cannot listen there', async (t) => {
    const reader = await openPostgresStore({ url: on_standby, default_ledger: LEDGER, read_only: true });
    const writer = await openPostgresStore({ url: server.url(database, APP), default_ledger: LEDGER });
    t.after(() => Promise.all([reader.close(), writer.close()]));
    const woken = (async () => {
      while (((await reader.head())?.seq ?? -1) < 2)
        await reader.waitForAppend(1, new AbortController().signal);
    })();
    await writer.append(sampleBatch(lines.slice(2, 3)), headAt(1));
    await woken;
    const [third] = await reader.get([2]);
    assert.equal(Buffer.from(third!.line).toString(), lines[2]!.text);
    assert.deepEqual(await reader.inspect(), []);
  });

  await t.test('the primary dies: the writer goes on with the one that was promoted', async (t) => {
    const store = await openPostgresStore({ url: both, default_ledger: LEDGER, patience_ms: 100 });
    t.after(() => store.close());
    await store.append(sampleBatch(lines.slice(3, 4)), headAt(2));
    await server.kill();
    const broken = store.append(sampleBatch(lines.slice(4, 5)), headAt(3));
    await assert.rejects(
      broken,
      (error) => isIndelibleError(error, 'STORE_UNAVAILABLE') || isIndelibleError(error, 'STORE_READ_ONLY'),
    );
    await databases.promote(standby);
    assert.deepEqual(await store.head(), headAt(3));
    await store.append(sampleBatch(lines.slice(4, 6)), headAt(3));
    const stored = await store.get(lines.map(({ seq }) => seq));
    assert.deepEqual(
      stored.map(({ line }) => Buffer.from(line).toString()),
      lines.map(({ text }) => text),
    );
  });
});
