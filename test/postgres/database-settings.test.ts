/**
 * Settings that somebody gave a whole database: they change neither what `verify` says of the schema nor what an error is
 * called.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectPostgres } from '../../packages/indelible/src/stores/postgres/connection.ts';
import { storeFault } from '../../packages/indelible/src/stores/postgres/faults.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { noPostgres } from '../support/postgres.ts';
import { APP, Databases } from './support.ts';

const LEDGER = 'acme.example/settings';
const RENUMBERED = 'acme.example/renumbered';
const skip = noPostgres();
let databases: Databases;
before(async () => {
  if (skip === false) databases = await Databases.start([LEDGER]);
});
after(() => databases?.stop());

for (const setting of ['quote_all_identifiers = on', 'standard_conforming_strings = off']) {
  test(`${setting}: the schema is as it was made, and verify says so`, { skip }, async (t) => {
    const database = await databases.create();
    await databases.run('postgres', `ALTER DATABASE ${database} SET ${setting}`);
    const store = await openPostgresStore({ url: databases.url(database, LEDGER), default_ledger: LEDGER });
    t.after(() => store.close());
    assert.deepEqual(await store.inspect(), []);
  });
}

test('what a server of ours acknowledges is durable, also where commits need not be', { skip }, async () => {
  for (const [set, used] of [
    ['off', 'on'],
    ['local', 'local'],
  ]) {
    const database = await databases.create();
    await databases.run('postgres', `ALTER DATABASE ${database} SET synchronous_commit = ${set}`);
    const connection = await connectPostgres(databases.server.url(database));
    const { rows } = await connection.query('SHOW synchronous_commit');
    await connection.end();
    assert.deepEqual(rows, [{ synchronous_commit: used }]);
  }
});

test('row_security = off: what the role may read is read', { skip }, async (t) => {
  const database = await databases.create();
  await databases.run('postgres', `ALTER DATABASE ${database} SET row_security = off`);
  const store = await openPostgresStore({ url: databases.url(database, LEDGER), default_ledger: LEDGER });
  t.after(() => store.close());
  assert.equal(await store.head(), null);
});

test('a database restored in place of another, with other numbers: its own ledger is read', {
  skip,
}, async (t) => {
  const [before, restored] = [await databases.create(), await databases.create()];
  await databases.run(before, 'SELECT indelible.create_ledger($1, $2)', [RENUMBERED, APP]);
  // In the other database this one has the number.
  for (const name of ['acme.example/another', RENUMBERED])
    await databases.run(restored, 'SELECT indelible.create_ledger($1, $2)', [name, APP]);
  const [head] = await databases.run(restored, 'SELECT hash FROM indelible.head($1)', [RENUMBERED]);
  const store = await openPostgresStore({ url: databases.url(before, RENUMBERED), default_ledger: LEDGER });
  t.after(() => store.close());
  assert.equal((await store.head())?.seq, 0);
  await databases.run(
    'postgres',
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '${before}'`,
  );
  await databases.run('postgres', `ALTER DATABASE ${before} RENAME TO ${before}_gone`);
  await databases.run('postgres', `ALTER DATABASE ${restored} RENAME TO ${before}`);
  assert.equal((await store.head())?.hash, head!.hash);
});

test('how full an index is kept is a matter of storage, and no damage', { skip }, async (t) => {
  const database = await databases.create();
  await databases.run(database, 'ALTER INDEX indelible.records_prev_hash_key SET (fillfactor = 80)');
  const store = await openPostgresStore({ url: databases.url(database, LEDGER), default_ledger: LEDGER });
  t.after(() => store.close());
  assert.deepEqual(await store.inspect(), []);
});

test('sessions that the server ended, or that others used: STORE_UNAVAILABLE, and why', () => {
  for (const [state, why] of [
    ['25P03', /idle for too long/],
    ['25P04', /transaction_timeout/],
    ['57P05', /idle_session_timeout/],
    ['42P05', /pooler in transaction mode/],
  ] as const) {
    const { code, message } = storeFault({ code: state, severity: 'ERROR', message: 'x' }, 'the database');
    assert.equal(code, 'STORE_UNAVAILABLE', state);
    assert.match(message, why);
  }
});
