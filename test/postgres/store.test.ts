/** The PostgreSQL store beyond the suite of all stores. */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import { sampleBatch, sampleLines } from '../../packages/indelible/src/stores/conformance.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { noPostgres } from '../support/postgres.ts';
import { APP, Databases } from './support.ts';

const LEDGER = 'conformance.example';
const skip = noPostgres();
let databases: Databases;
before(async () => {
  if (skip === false) databases = await Databases.start([LEDGER, 'local/ledger']);
});
after(() => databases?.stop());

const lines = sampleLines(8);
const headAt = (seq: number) => ({ seq, hash: lines[seq]!.hash });
const batch = (from: number, to: number) => sampleBatch(lines.slice(from, to));

async function openAt(t: TestContext, database: string, count = 1): Promise<LogStore[]> {
  const url = databases.url(database, LEDGER);
  const stores = await Promise.all(
    Array.from({ length: count }, () => openPostgresStore({ url, default_ledger: 'x' })),
  );
  t.after(() => Promise.all(stores.map((store) => store.close())));
  return stores;
}

test('a reservation keeps others from appending until the next append, or until it is released', {
  skip,
}, async (t) => {
  const database = await databases.create();
  const [ours, others] = await openAt(t, database, 2);
  await ours!.append(batch(0, 1), null);
  for (const released of [true, false]) {
    const head = (await ours!.head())!.seq;
    const release = await ours!.reserve!();
    let settled = false;
    const behind = others!
      .append(batch(head + (released ? 1 : 2), head + 3), headAt(head + (released ? 0 : 1)))
      .then(() => (settled = true));
    const waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while ((await databases.run(database, waits)).length === 0);
    assert.equal(settled, false, 'it waits');
    if (released) await release();
    else await ours!.append(batch(head + 1, head + 2), headAt(head));
    await behind;
    await release();
  }
  assert.deepEqual(await ours!.head(), headAt(4));
});

test('a reservation ends with an append that fails, too', { skip }, async (t) => {
  const [ours, others] = await openAt(t, await databases.create(), 2);
  await ours!.append(batch(0, 2), null);
  const release = await ours!.reserve!();
  await assert.rejects(ours!.append(batch(2, 3), headAt(0)), (error) =>
    isIndelibleError(error, 'HEAD_MOVED'),
  );
  await others!.append(batch(2, 3), headAt(1));
  await release();
  await ours!.append(batch(3, 4), headAt(2));
});

test('what another server appends is told, and what nobody tells of is seen', { skip }, async (t) => {
  const database = await databases.create();
  const [ours, others] = await openAt(t, database, 2);
  const past = async (seq: number) => {
    while (((await ours!.head())?.seq ?? -1) <= seq)
      await ours!.waitForAppend(seq, new AbortController().signal);
  };
  const first = past(0);
  await others!.append(batch(0, 2), null);
  await first;
  // Whoever listened is gone: looking has to do.
  const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'indelible listen%'`;
  const second = past(1);
  await databases.run(database, end);
  await others!.append(batch(2, 3), headAt(1));
  await second;
});

test('what plain SQL appends tells nobody, and is seen all the same', {
  skip,
  timeout: 10_000,
}, async (t) => {
  const database = await databases.create();
  const [ours] = await openAt(t, database);
  await ours!.append(batch(0, 1), null);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const woken = (async () => {
    while (((await ours!.head())?.seq ?? -1) < 1 && !stop.signal.aborted)
      await ours!.waitForAppend(0, stop.signal);
  })();
  await databases.run(
    database,
    `INSERT INTO indelible.events (ledger, action) VALUES ('${LEDGER}', 'sql.step')`,
  );
  await woken;
  assert.equal((await ours!.head())?.seq, 1);
});

test('a ledger has the name that its URL says, also when it is made', { skip }, async (t) => {
  const database = await databases.create();
  const local = `${process.env.TMPDIR ?? '/tmp'}/indelible-unused-${process.pid}`;
  const url = `${databases.url(database, LEDGER)}&local=${local}`;
  await assert.rejects(openLedger(url, { name: 'acme.example/other' }), (error) =>
    isIndelibleError(error, 'LEDGER_EXISTS'),
  );
  t.after(async () => (await import('node:fs/promises')).rm(local, { recursive: true, force: true }));
  const ledger = await openLedger(url);
  await ledger.record({ action: 'some.thing' });
  assert.equal(ledger.name, LEDGER);
  assert.equal(ledger.url, `postgres://127.0.0.1:${databases.server.port}/${database}?ledger=${LEDGER}`);
  await ledger.close();
  const plain = await openStore(databases.server.url(database, APP));
  assert.match(plain.url, /\?ledger=local\/ledger$/);
  await plain.close();
});

test('no schema, no database, no ledger: each its own error', { skip }, async () => {
  await databases.run('postgres', 'CREATE DATABASE bare');
  const open = (database: string, ledger: string, create = true) =>
    openPostgresStore({ url: databases.url(database, ledger), default_ledger: 'x', create });
  const database = await databases.create();
  for (const [opening, code] of [
    [() => open('bare', LEDGER), 'SCHEMA_MISSING'],
    [() => open('nowhere', LEDGER), 'LEDGER_NOT_FOUND'],
    [() => open(database, 'nobody/knows', false), 'LEDGER_NOT_FOUND'],
  ] as const)
    await assert.rejects(opening, (error) => isIndelibleError(error, code), code);
  // The role may not make ledgers.
  const store = await open(database, 'nobody/knows');
  await assert.rejects(store.append(batch(0, 1), null), (error) =>
    isIndelibleError(error, 'LEDGER_NOT_FOUND'),
  );
  await store.close();
});

test('an open store that nobody uses keeps no process alive', { skip }, async () => {
  const { spawnSync } = await import('node:child_process');
  const database = await databases.create();
  const { root } = await import('../support/root.ts');
  const script = `
    import { openStore } from './packages/indelible/src/compose.ts';
    const store = await openStore(process.argv[1]);
    console.log(await store.head());
  `;
  const args = ['--conditions=source', '--input-type=module', '-e', script, databases.url(database, LEDGER)];
  const { stdout, status } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: 10_000,
  });
  assert.deepEqual([stdout, status], ['null\n', 0]);
});
