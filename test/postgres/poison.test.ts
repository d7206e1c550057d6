/**
 * What one role does, by mistake or on purpose, that would keep others from recording or from being sealed.
 *
 * PITFALLS: a poisoned row at the head of a queue; a sealer that never gets its turn.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { leafHash } from '@indelible/core';
import type { Client } from 'pg';
import { openLedger, openOutboxSealer } from '../../packages/indelible/src/compose.ts';
import type { OutboxSealer } from '../../packages/indelible/src/outbox/sealer.ts';
import { noPostgres } from '../support/postgres.ts';
import { connected, refusal } from './schema-support.ts';
import { APP, Databases } from './support.ts';

const LEDGER = 'acme.example/poison';
const skip = noPostgres();
let databases: Databases;
let folder: string;
before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'indelible-poison-'));
  databases = await Databases.start([LEDGER], { settings: { max_prepared_transactions: '4' } });
});
after(async () => {
  await databases?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

interface Place {
  readonly url: string;
  readonly app: Client;
  readonly superuser: Client;
  /** Another connection, of any role. */
  as(role: string): Promise<Client>;
  sealer(): Promise<OutboxSealer>;
  /** Outbox rows that wait, and those that were set aside. */
  lag(): Promise<{ waiting: number; refused: number }>;
}

/** A ledger with its first record. */
async function place(t: TestContext): Promise<Place> {
  const database = await databases.create();
  const url = `${databases.url(database, LEDGER)}&local=${join(folder, database)}`;
  await (await openLedger(url)).close();
  const as = async (role: string): Promise<Client> => {
    const client = await connected(databases.server, database, role);
    t.after(() => client.end());
    return client;
  };
  const superuser = await as('postgres');
  return {
    url,
    app: await as(APP),
    superuser,
    as,
    async sealer() {
      const sealer = (await openOutboxSealer(url))!;
      t.after(() => sealer.close());
      return sealer;
    },
    async lag() {
      const { rows } = await superuser.query('SELECT waiting::int, refused::int FROM indelible.outbox_lag');
      return rows[0];
    },
  };
}

const hashOf = (text: string): string => leafHash(Buffer.from(text));
const never = (): AbortSignal => new AbortController().signal;

test('the sealer gets its turn while many clients insert by plain SQL', { skip }, async (t) => {
  const { app, as, sealer, lag } = await place(t);
  (await sealer()).start();
  const clients = await Promise.all(Array.from({ length: 12 }, () => as(APP)));
  await app.query("INSERT INTO indelible.outbox (action) SELECT 'waits' FROM generate_series(1, 20)");
  let inserted = 0;
  let is_sealed = false;
  const EVENTS_MAX = 6000;
  await Promise.all([
    ...clients.map(async (client) => {
      while (!is_sealed && inserted < EVENTS_MAX) {
        await client.query("INSERT INTO indelible.events (action) VALUES ('others')");
        inserted++;
      }
    }),
    (async () => {
      while (!is_sealed && inserted < EVENTS_MAX) is_sealed = (await lag()).waiting === 0;
    })(),
  ]);
  assert.ok(is_sealed, `${inserted} events were recorded, and the outbox still waits`);
});

test('an event whose refusal quotes what PostgreSQL cannot keep is set aside all the same', {
  skip,
}, async (t) => {
  const { app, sealer, superuser, lag } = await place(t);
  const insert = (column: string, text: string) =>
    app.query(`INSERT INTO indelible.outbox (action, ${column}) VALUES ('poison', $1)`, [text]);
  await insert('data', String.raw`{"\ud800":1}`);
  await insert('actor', String.raw`{"type":"u","id":"1","\u0000":1}`);
  await insert('actor', JSON.stringify({ type: 'u', id: '1', [`${'x'.repeat(63)}😀`]: 1 }));
  await app.query("INSERT INTO indelible.outbox (action) VALUES ('fine')");
  await (await sealer()).drain(never());
  assert.deepEqual(await lag(), { waiting: 0, refused: 3 });
  const { rows } = await superuser.query('SELECT message FROM indelible.outbox_refused ORDER BY position');
  assert.match(rows[1].message, /\ufffd/);
});

test('seal_outbox: a row of a role that was unbound or dropped meanwhile is sealed; its binding was checked at its insert', {
  skip,
}, async (t) => {
  const { as, superuser, lag } = await place(t);
  await superuser.query('CREATE ROLE leaver LOGIN IN ROLE indelible_writer');
  await superuser.query('SELECT indelible.bind($1, $2)', [LEDGER, 'leaver']);
  const leaver = await as('leaver');
  await leaver.query("INSERT INTO indelible.outbox (action) VALUES ('by.leaver')");
  await superuser.query('SELECT indelible.unbind($1, $2)', [LEDGER, 'leaver']);
  await superuser.query('SELECT indelible.seal_outbox($1)', [LEDGER]);
  await superuser.query('SELECT indelible.bind($1, $2)', [LEDGER, 'leaver']);
  await leaver.query("INSERT INTO indelible.outbox (action) VALUES ('by.leaver')");
  await leaver.end();
  await superuser.query('DROP ROLE leaver');
  await superuser.query('SELECT indelible.seal_outbox($1)', [LEDGER]);
  assert.deepEqual(await lag(), { waiting: 0, refused: 0 });
  const { rows } = await superuser.query(
    "SELECT actor_id FROM indelible.events WHERE action = 'by.leaver' ORDER BY seq",
  );
  assert.deepEqual(rows, [{ actor_id: 'leaver' }, { actor_id: 'leaver' }]);
});

test('no role says for itself that its row comes from the outbox', { skip }, async (t) => {
  const { app } = await place(t);
  const sql = "INSERT INTO indelible.events (action, sealed_for) VALUES ('forged', 1)";
  assert.equal((await refusal(app.query(sql))).code, '42501');
});

test('numbers at the ends of the range are refused by name, and keep nobody waiting', { skip }, async (t) => {
  const { app, superuser, lag } = await place(t);
  for (const values of [
    "(action, cost_usd) VALUES ('a', 1e-16383)",
    `(action, data) VALUES ('a', '{"n":1e-16383}')`,
  ]) {
    assert.equal((await refusal(app.query(`INSERT INTO indelible.events ${values}`))).code, 'ND007');
    await app.query(`INSERT INTO indelible.outbox ${values}`);
  }
  await app.query("INSERT INTO indelible.outbox (action) VALUES ('fine')");
  await superuser.query('SELECT indelible.seal_outbox($1)', [LEDGER]);
  assert.deepEqual(await lag(), { waiting: 0, refused: 2 });
});

test('a row that is far too large for a record is refused at once', { skip }, async (t) => {
  const { app, lag } = await place(t);
  const data = JSON.stringify({ text: 'x'.repeat(2 ** 20) });
  const { code, detail } = await refusal(
    app.query("INSERT INTO indelible.outbox (action, data) VALUES ('a', $1)", [data]),
  );
  assert.deepEqual([code, JSON.parse(detail!).code], ['ND007', 'RECORD_TOO_LARGE']);
  assert.deepEqual(await lag(), { waiting: 0, refused: 0 });
});

test('a transaction with a row in the outbox commits in two phases, also while a sealer sleeps', {
  skip,
}, async (t) => {
  const { app, superuser, sealer, lag } = await place(t);
  (await sealer()).start();
  const sleeps = 'SELECT FROM indelible.sealers WHERE idle_until > clock_timestamp()';
  while ((await superuser.query(sleeps)).rowCount === 0);
  await app.query("BEGIN; INSERT INTO indelible.outbox (action) VALUES ('two.phases')");
  await app.query("PREPARE TRANSACTION 'poison'");
  await app.query("COMMIT PREPARED 'poison'");
  while ((await lag()).waiting > 0);
});

test('the last line of a batch says when it was recorded: what follows goes on from there', {
  skip,
}, async (t) => {
  const { app, superuser } = await place(t);
  const { rows } = await superuser.query(
    "SELECT seq::int, encode(hash, 'hex') AS hash FROM indelible.records ORDER BY seq DESC LIMIT 1",
  );
  const head = rows[0] as { seq: number; hash: string };
  const body = (after: { seq: number; hash: string }, recorded_at: string): string =>
    `{"action":"a","ledger":"${LEDGER}","prev_hash":"${after.hash}","recorded_at":"${recorded_at}","seq":${after.seq + 1},"v":1}`;
  const line = (text: string): string => `{"hash":"${hashOf(text)}","record":${text}}\n`;
  const append = (lines: string) =>
    app.query('SELECT indelible.append($1, $2, $3, $4)', [LEDGER, head.seq, head.hash, lines]);
  const now = new Date().toISOString();
  const first = body(head, now);
  const second = (recorded_at: string): string =>
    line(first) + line(body({ seq: head.seq + 1, hash: hashOf(first) }, recorded_at));
  for (const lines of [line(body(head, 'zzzz')), second('zzzz'), second('2000-01-01T00:00:00.000Z')])
    assert.match(
      (await refusal(append(lines))).message,
      /has no time of recording|is earlier than a record before/,
    );
  await append(second(now));
  await app.query("INSERT INTO indelible.events (action) VALUES ('goes.on')");
});

test('append in a transaction that sees the log as it was asks to be tried again', { skip }, async (t) => {
  const { app, as, superuser } = await place(t);
  const reader = await as(APP);
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM indelible.records');
  const { rows } = await superuser.query(
    "SELECT seq::int, encode(hash, 'hex') AS hash FROM indelible.records ORDER BY seq DESC LIMIT 1",
  );
  const { seq, hash } = rows[0] as { seq: number; hash: string };
  await app.query("INSERT INTO indelible.events (action) VALUES ('first')");
  const text = `{"action":"a","ledger":"${LEDGER}","prev_hash":"${hash}","recorded_at":"${new Date().toISOString()}","seq":${seq + 1},"v":1}`;
  const lines = `{"hash":"${hashOf(text)}","record":${text}}\n`;
  const append = reader.query('SELECT indelible.append($1, $2, $3, $4)', [LEDGER, seq, hash, lines]);
  assert.equal((await refusal(append)).code, '40001');
});

test('whose types and casts come first in the search path sees no bindings but its own', {
  skip,
}, async (t) => {
  const { as, superuser } = await place(t);
  await superuser.query('CREATE ROLE neighbour LOGIN IN ROLE indelible_writer');
  await superuser.query("SELECT indelible.create_ledger('other/secret', 'neighbour')");
  const app = await as(APP);
  for (const sql of [
    'CREATE TYPE pg_temp.oid AS (x integer)',
    "CREATE FUNCTION pg_temp.f(regrole) RETURNS pg_temp.oid LANGUAGE sql IMMUTABLE AS 'SELECT row(1)::pg_temp.oid'",
    `CREATE FUNCTION pg_temp.g(pg_temp.oid) RETURNS pg_catalog.oid LANGUAGE sql IMMUTABLE
     AS $$ SELECT '${APP}'::regrole::pg_catalog.oid $$`,
    'CREATE CAST (regrole AS pg_temp.oid) WITH FUNCTION pg_temp.f(regrole)',
    'CREATE CAST (pg_temp.oid AS pg_catalog.oid) WITH FUNCTION pg_temp.g(pg_temp.oid) AS IMPLICIT',
  ])
    await app.query(sql);
  const { rows } = await app.query('SELECT DISTINCT role FROM indelible.members');
  assert.deepEqual(rows, [{ role: APP }]);
});
