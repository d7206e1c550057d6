/**
 * Connections that break, go silent or come back elsewhere. Every fault both ways: failed and lost, failed but landed.
 */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import {
  type SampleLine,
  sampleBatch,
  sampleLines,
} from '../../packages/indelible/src/stores/conformance.ts';
import type { Head, LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { connectPostgres } from '../../packages/indelible/src/stores/postgres/connection.ts';
import {
  openPostgresStore,
  type PostgresStoreOptions,
} from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { noPostgres } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { APP, Databases } from './support.ts';

const LEDGER = 'conformance.example';
const skip = noPostgres();
let databases: Databases;
before(async () => {
  if (skip === false) databases = await Databases.start([LEDGER]);
});
after(() => databases?.stop());

interface Place {
  readonly database: string;
  readonly store: LogStore;
  readonly proxy: TcpProxy;
  /** Asks the database past the store and its proxy. */
  rows(sql: string): Promise<Record<string, unknown>[]>;
}

/** A ledger with two records, behind a wire that can be cut. */
async function place(t: TestContext, options: Partial<PostgresStoreOptions> = {}): Promise<Place> {
  const database = await databases.create();
  const proxy = await TcpProxy.start(databases.server.port);
  const url = `${databases.server.url(database, APP, proxy.port)}?ledger=${LEDGER}`;
  const store = await openPostgresStore({ url, default_ledger: LEDGER, ...options });
  t.after(async () => {
    await store.close();
    await proxy.close();
  });
  await store.append(sampleBatch(lines.slice(0, 2)), null);
  return { database, store, proxy, rows: (sql) => databases.run(database, sql) };
}

const lines = sampleLines(8);
const headAt = (seq: number): Head => ({ seq, hash: lines[seq]!.hash });
const next = (from: number, to: number): SampleLine[] => lines.slice(from, to);

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing',
    (error: unknown) => (isIndelibleError(error) ? error.code : String(error)),
  );
}

/** Waits until the database says so. */
async function until(rows: () => Promise<Record<string, unknown>[]>): Promise<void> {
  while ((await rows()).length === 0) await new Promise(setImmediate);
}

async function assertStored(store: LogStore, count: number): Promise<void> {
  assert.deepEqual(await store.head(), headAt(count - 1));
  const stored = await store.get(lines.map(({ seq }) => seq));
  assert.deepEqual(
    stored.map(({ line }) => Buffer.from(line).toString()),
    lines.slice(0, count).map(({ text }) => text),
  );
}

for (const how of ['end', 'reset'] as const) {
  test(`connections that break (${how}) between appends are made again`, { skip }, async (t) => {
    const { store, proxy } = await place(t);
    proxy.cut(how);
    assert.deepEqual(await store.head(), headAt(1));
    proxy.cut(how);
    // The store may only learn of it from this append; nothing was sent on a wire that is known to be cut.
    const code = await codeOf(store.append(sampleBatch(next(2, 4)), headAt(1)));
    if (code !== 'nothing') {
      assert.equal(code, 'STORE_UNAVAILABLE');
      assert.deepEqual(await store.head(), headAt(1));
      await store.append(sampleBatch(next(2, 4)), headAt(1));
    }
    await assertStored(store, 4);
  });
}

test('an append that failed and was lost: head() says so, and it can be appended again', {
  skip,
}, async (t) => {
  const { store, proxy } = await place(t);
  proxy.silence({ towards_server: true });
  const append = store.append(sampleBatch(next(2, 4)), headAt(1));
  const lost = codeOf(append);
  await new Promise(setImmediate);
  proxy.cut();
  proxy.restore();
  assert.equal(await lost, 'STORE_UNAVAILABLE');
  assert.deepEqual(await store.head(), headAt(1));
  await store.append(sampleBatch(next(2, 4)), headAt(1));
  await assertStored(store, 4);
});

test('an append that failed but landed: head() says so, and once more raises HEAD_MOVED', {
  skip,
}, async (t) => {
  const { store, proxy, rows } = await place(t);
  proxy.silence({ towards_client: true });
  const landed = codeOf(store.append(sampleBatch(next(2, 4)), headAt(1)));
  await until(() => rows('SELECT 1 FROM indelible.records WHERE seq = 3'));
  proxy.cut();
  proxy.restore();
  assert.equal(await landed, 'STORE_UNAVAILABLE');
  assert.deepEqual(await store.head(), headAt(3));
  assert.equal(await codeOf(store.append(sampleBatch(next(2, 4)), headAt(1))), 'HEAD_MOVED');
  await store.append(sampleBatch(next(4, 5)), headAt(3));
  await assertStored(store, 5);
});

test('two appends under way when the wire is cut: what head() says is what there is', { skip }, async (t) => {
  const { store, proxy, rows } = await place(t);
  proxy.silence({ towards_client: true });
  const first = codeOf(store.append(sampleBatch(next(2, 4)), headAt(1)));
  const second = codeOf(store.append(sampleBatch(next(4, 6)), headAt(3)));
  await until(() => rows('SELECT 1 FROM indelible.records WHERE seq = 5'));
  proxy.cut();
  proxy.restore();
  // HEAD_MOVED would say that it has not landed, and that is not so.
  assert.deepEqual(await Promise.all([first, second]), ['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE']);
  await assertStored(store, 6);
});

test('an append still at work on the server when its connection breaks never lands behind head()', {
  skip,
}, async (t) => {
  const { database, store, proxy, rows } = await place(t);
  // Somebody holds the ledger, so that the append waits inside the server.
  const holder = await connectPostgres(databases.server.url(database));
  t.after(() => holder.end());
  await holder.query(`BEGIN; SELECT indelible.reserve('${LEDGER}')`);
  const broken = codeOf(store.append(sampleBatch(next(2, 4)), headAt(1)));
  const waits = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%append%'`;
  await until(() => rows(waits));
  // The server does not learn that nobody is there any more, and would go on.
  proxy.abandon();
  assert.equal(await broken, 'STORE_UNAVAILABLE');
  assert.deepEqual(await store.head(), headAt(1));
  assert.deepEqual(await rows(waits), [], 'the backend was ended');
  await holder.query('ROLLBACK');
  await store.append(sampleBatch(next(2, 4)), headAt(1));
  await assertStored(store, 4);
});

test('a server that says nothing any more is given up after a while', { skip }, async (t) => {
  const { store, proxy } = await place(t, { answer_ms_max: 200, patience_ms: 0 });
  proxy.silence({ towards_server: true, towards_client: true });
  assert.equal(await codeOf(store.append(sampleBatch(next(2, 3)), headAt(1))), 'STORE_UNAVAILABLE');
  proxy.restore();
  proxy.cut();
  assert.deepEqual(await store.head(), headAt(1));
  await store.append(sampleBatch(next(2, 3)), headAt(1));
  await assertStored(store, 3);
});

test('a ledger that somebody holds for too long: STORE_UNAVAILABLE, and then it works', {
  skip,
}, async (t) => {
  const { database, store } = await place(t, { lock_ms_max: 50 });
  const holder = await connectPostgres(databases.server.url(database));
  t.after(() => holder.end());
  await holder.query(`BEGIN; SELECT indelible.reserve('${LEDGER}')`);
  assert.equal(await codeOf(store.append(sampleBatch(next(2, 3)), headAt(1))), 'STORE_UNAVAILABLE');
  assert.deepEqual(await store.head(), headAt(1));
  await holder.query('COMMIT');
  await store.append(sampleBatch(next(2, 3)), headAt(1));
  await assertStored(store, 3);
});

test('nothing listens there: STORE_UNAVAILABLE, and never a secret', { skip }, async (t) => {
  const proxy = await TcpProxy.start(1);
  t.after(() => proxy.close());
  for (const port of [proxy.port, 1]) {
    const url = `postgres://somebody:geheim%21@127.0.0.1:${port}/nowhere?ledger=${LEDGER}`;
    const error = await openPostgresStore({ url, default_ledger: LEDGER, patience_ms: 0 }).catch(
      (raised) => raised,
    );
    assert.equal(error.code, 'STORE_UNAVAILABLE');
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)} ${error.cause?.stack}`, /geheim/);
  }
});
