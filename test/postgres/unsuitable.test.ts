/**
 * Databases and sessions in which nothing can be recorded: they say so, instead of losing what they are told.
 *
 * PITFALLS: triggers that do not fire where another server's changes are applied.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Client } from 'pg';
import { openLedger, openOutboxSealer } from '../../packages/indelible/src/compose.ts';
import { storeFault } from '../../packages/indelible/src/stores/postgres/faults.ts';
import { installSchema } from '../../packages/indelible/src/stores/postgres/schema/index.ts';
import { noPostgres } from '../support/postgres.ts';
import { connected, refusal } from './schema-support.ts';
import { Databases } from './support.ts';

const LEDGER = 'acme.example/replica';
const skip = noPostgres();
let databases: Databases;
before(async () => {
  if (skip === false) databases = await Databases.start([LEDGER]);
});
after(() => databases?.stop());

async function lines(client: Client): Promise<number> {
  const { rows } = await client.query('SELECT count(*)::int AS count FROM indelible.records');
  return rows[0].count;
}

test('PITFALL replica role: a session that applies another server’s changes is refused, not silently ignored', {
  skip,
}, async (t) => {
  const database = await databases.create();
  const folder = mkdtempSync(join(tmpdir(), 'indelible-replica-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const url = `${databases.url(database, LEDGER)}&local=${folder}`;
  await (await openLedger(url)).close();
  const client = await connected(databases.server, database);
  t.after(() => client.end());
  await client.query('SET session_replication_role = replica');
  for (const statement of [
    `INSERT INTO indelible.events (ledger, action) VALUES ('${LEDGER}', 'a') RETURNING seq`,
    `SELECT indelible.reserve('${LEDGER}')`,
    `SELECT indelible.append('${LEDGER}', 0, repeat('0', 64), 'x')`,
    `SELECT indelible.seal_outbox('${LEDGER}')`,
  ])
    assert.equal((await refusal(client.query(statement))).code, 'ND009', statement);
  assert.equal(await lines(client), 1);

  await client.query(
    `INSERT INTO indelible.outbox (ledger, action, correlation_id) VALUES ('${LEDGER}', 'applied', repeat('a', 32))`,
  );
  const sealer = (await openOutboxSealer(url))!;
  t.after(() => sealer.close());
  await sealer.drain(new AbortController().signal);
  const { rows } = await client.query('SELECT action, actor_id FROM indelible.events WHERE seq = 1');
  assert.deepEqual(rows, [{ action: 'applied', actor_id: 'postgres' }]);
});

test('a database with another encoding is refused, with the way to make one', { skip }, async (t) => {
  const superuser = await connected(databases.server, 'postgres');
  await superuser.query(
    `CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
  );
  const client = await connected(databases.server, 'latin');
  t.after(async () => {
    await client.end();
    await superuser.query('DROP DATABASE latin');
    await superuser.end();
  });
  await assert.rejects(installSchema(client), (cause) => {
    const { code, message } = storeFault(cause, 'the database');
    assert.equal(code, 'STORE_UNSUITABLE');
    assert.match(message, /UTF8, this one has LATIN1/);
    return true;
  });
});

test('a ledger that is there already is not made again: what to do instead is said', { skip }, async (t) => {
  const client = await connected(databases.server, await databases.create());
  t.after(() => client.end());
  const { code, message } = await refusal(client.query(`SELECT indelible.create_ledger('${LEDGER}')`));
  assert.deepEqual([code, message], ['23505', `there is a ledger '${LEDGER}' already`]);
});
