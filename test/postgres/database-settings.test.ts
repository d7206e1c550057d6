/**
 * Settings that somebody gave a whole database: they change neither what `verify` says of the schema nor what an error is
 * called.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { storeFault } from '../../packages/indelible/src/stores/postgres/faults.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { noPostgres } from '../support/postgres.ts';
import { Databases } from './support.ts';

const LEDGER = 'acme.example/settings';
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
