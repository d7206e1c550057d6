/**
 * A pooler in transaction mode: plain SQL goes through it; a server of Indelible is refused, and leaves nothing behind for
 * the others who use it.
 *
 * PITFALLS: settings of one client that another one finds on the backend they share.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import pg from 'pg';
import { openPostgresOutbox } from '../../packages/indelible/src/stores/postgres/postgres-outbox.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { noPostgres } from '../support/postgres.ts';
import { TransactionPooler } from '../support/transaction-pooler.ts';
import { APP, Databases } from './support.ts';

const LEDGER = 'acme.example/pooled';
const SETTINGS = ['default_transaction_read_only', 'statement_timeout', 'enable_seqscan', 'search_path'];
const skip = noPostgres();
let databases: Databases;
before(async () => {
  if (skip === false) databases = await Databases.start([LEDGER]);
});
after(() => databases?.stop());

test('PITFALL transaction mode: a server is refused with the way out; others find the pool as it was', {
  skip,
}, async (t) => {
  const database = await databases.create();
  await databases.run(database, `SELECT indelible.create_ledger('${LEDGER}2', '${APP}')`);
  const pooler = await TransactionPooler.start(databases.server.port, APP, database);
  t.after(() => pooler.close());
  const url = databases.server.url(database, APP, pooler.port);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.after(() => client.end());
  const settings = async () => {
    const list = SETTINGS.map((name) => `current_setting('${name}')`).join(', ');
    return (await client.query({ text: `SELECT ${list}`, rowMode: 'array' })).rows;
  };
  const before = await settings();

  for (const open of [openPostgresStore, openPostgresOutbox])
    await assert.rejects(open({ url: `${url}?ledger=${LEDGER}`, default_ledger: LEDGER }), (error) => {
      assert.ok(isIndelibleError(error, 'STORE_UNSUITABLE'), String(error));
      assert.match(error.message, /transaction mode is between; use its session mode/);
      return true;
    });
  assert.deepEqual(await settings(), before);

  await client.query(`INSERT INTO indelible.events (ledger, action) VALUES ('${LEDGER}2', 'a')`);
  await client.query(`INSERT INTO indelible.outbox (ledger, action) VALUES ('${LEDGER}2', 'b')`);
  const { rows } = await client.query(`SELECT indelible.seal_outbox('${LEDGER}2') AS sealed`);
  assert.deepEqual(rows, [{ sealed: 1 }]);
});
