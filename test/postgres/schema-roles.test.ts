/**
 * What each role cannot do: change or remove records, touch the schema, write what the ledger itself writes, or reach a
 * ledger that it is not bound to.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from 'pg';
import { SQLSTATES } from '../../packages/indelible/src/stores/postgres/schema/index.ts';
import { batchOf, sealChain } from '../support/chain.ts';
import { noPostgres } from '../support/postgres.ts';
import { connected, refusal } from './schema-support.ts';
import { Databases } from './support.ts';

const skip = noPostgres();
const NOT_PERMITTED = '42501';
/** Login roles by name; each has what its name says, and `server` has it all. */
const LOGINS = {
  writer: ['writer'],
  reader: ['reader'],
  sealer: ['sealer'],
  server: ['writer', 'reader', 'sealer'],
};
type Login = keyof typeof LOGINS;
let databases: Databases;
let owner: Client;
let as: Record<Login | 'stranger', Client>;

before(async () => {
  if (skip !== false) return;
  databases = await Databases.start([]);
  const database = await databases.create();
  owner = await connected(databases.server, database);
  await owner.query("SELECT indelible.create_ledger('ours'), indelible.create_ledger('theirs')");
  await owner.query('CREATE ROLE stranger LOGIN');
  const entries: [string, Client][] = [['stranger', await connected(databases.server, database, 'stranger')]];
  for (const [login, roles] of Object.entries(LOGINS)) {
    await owner.query(
      `CREATE ROLE ${login} LOGIN IN ROLE ${roles.map((role) => `indelible_${role}`).join(', ')}`,
    );
    await owner.query("SELECT indelible.bind('ours', $1)", [login]);
    entries.push([login, await connected(databases.server, database, login)]);
  }
  as = Object.fromEntries(entries) as typeof as;
  await as.server.query("INSERT INTO indelible.events (action) VALUES ('seen')");
  await owner.query("INSERT INTO indelible.events (ledger, action) VALUES ('theirs', 'secret')");
});

after(async () => {
  await Promise.all(Object.values(as ?? {}).map((client) => client.end()));
  await owner?.end();
  await databases?.stop();
});

async function assertRefused(client: Client, sql: string, code: string = NOT_PERMITTED): Promise<void> {
  await client.query('BEGIN');
  const answer = await refusal(client.query(sql)).finally(() => client.query('ROLLBACK'));
  assert.equal(answer.code, code, `${sql}: ${answer.message}`);
}

const RECORDS = 'indelible.records';
const FORBIDDEN = [
  `UPDATE ${RECORDS} SET body = '{}'`,
  `UPDATE ${RECORDS} SET body = '{}' WHERE false`,
  `DELETE FROM ${RECORDS}`,
  `TRUNCATE ${RECORDS}`,
  `TRUNCATE indelible.ledgers CASCADE`,
  `INSERT INTO ${RECORDS} (ledger_id, seq, prev_hash, hash, body) VALUES (1, 99, '', '', '{}')`,
  `COPY ${RECORDS} FROM STDIN`,
  `ALTER TABLE ${RECORDS} ADD COLUMN more text`,
  `ALTER TABLE ${RECORDS} DISABLE TRIGGER ALL`,
  `ALTER TABLE ${RECORDS} DISABLE TRIGGER records_refuse_change`,
  `ALTER TABLE ${RECORDS} DISABLE ROW LEVEL SECURITY`,
  'DROP INDEX indelible.records_prev_hash_key',
  `ALTER TABLE ${RECORDS} DROP CONSTRAINT records_pkey`,
  `ALTER TABLE ${RECORDS} OWNER TO CURRENT_USER`,
  `DROP TABLE ${RECORDS}`,
  `DROP TRIGGER records_refuse_change ON ${RECORDS}`,
  `DROP SCHEMA indelible CASCADE`,
  `CREATE TABLE indelible.mine ()`,
  `CREATE TRIGGER mine BEFORE INSERT ON ${RECORDS} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
  `CREATE POLICY mine ON ${RECORDS} USING (true)`,
  `CREATE OR REPLACE FUNCTION indelible.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
  `SET session_replication_role = replica`,
  `SET ROLE indelible_owner`,
  `UPDATE indelible.ledgers SET keyed = NULL`,
  `INSERT INTO indelible.ledgers (name) VALUES ('mine')`,
  `INSERT INTO indelible.members VALUES (2, CURRENT_USER)`,
  `UPDATE indelible.members SET ledger_id = 2`,
  `DELETE FROM indelible.migrations`,
  `UPDATE indelible.events SET action = 'x'`,
  `DELETE FROM indelible.events`,
  `INSERT INTO indelible.events (action, seq) VALUES ('x', 99)`,
  `INSERT INTO indelible.events (action, hash) VALUES ('x', repeat('0', 64))`,
  `INSERT INTO indelible.events (action, prev_hash) VALUES ('x', repeat('0', 64))`,
  `INSERT INTO indelible.events (action, id) VALUES ('x', '019a9f3c-5d6e-7000-8000-000000000001')`,
  `INSERT INTO indelible.events (action, recorded_at) VALUES ('x', '2000-01-01Z')`,
  `INSERT INTO indelible.events (action, body) VALUES ('x', '{}')`,
  `INSERT INTO indelible.events (ledger, action, said_by) VALUES ('theirs', 'x', 'postgres')`,
  `INSERT INTO indelible.appends (ledger, said_by) VALUES ('theirs', 'postgres')`,
  `INSERT INTO indelible.seals (ledger, said_by) VALUES ('theirs', 'postgres')`,
  `INSERT INTO indelible.reservations (ledger, said_by) VALUES ('theirs', 'postgres')`,
  `INSERT INTO indelible.outbox (action, said_by) VALUES ('x', 'postgres')`,
  ...['position', 'company'].map(
    (column) => `INSERT INTO indelible.outbox (action, ${column}) VALUES ('x', 1)`,
  ),
  `INSERT INTO indelible.outbox (action, xid) VALUES ('x', '1')`,
  `INSERT INTO indelible.idempotency_keys VALUES (1, 'k', 1)`,
  `DELETE FROM indelible.idempotency_keys`,
  `SELECT nextval('indelible.outbox_positions')`,
  `SELECT setval('indelible.outbox_company', 1)`,
  `UPDATE indelible.outbox SET action = 'x'`,
  `DELETE FROM indelible.outbox`,
  `SELECT indelible.bind('theirs', CURRENT_USER)`,
  `SELECT indelible.unbind('ours', 'writer')`,
  `SELECT indelible.create_ledger('mine')`,
  `SELECT indelible.provision('mine')`,
  `SELECT indelible.lock_ledger(2)`,
  `SELECT indelible.append_lines(2, 'theirs', 0, '', '', '{}')`,
  `SELECT indelible.note_key(2, 0, '')`,
  `SELECT indelible.same_event(2, 'k', 'd')`,
  `SELECT indelible.holder_of(2, 'k')`,
  `SELECT indelible.refuse_rows('theirs', '[]')`,
];

for (const login of [...Object.keys(LOGINS), 'stranger'] as (Login | 'stranger')[]) {
  test(`${login}: nothing that changes what was recorded, and nothing that the ledger itself does`, {
    skip,
  }, async () => {
    for (const sql of FORBIDDEN) await assertRefused(as[login], sql);
  });
}

test('superusers and owners are refused, too, as long as they leave the triggers alone', {
  skip,
}, async () => {
  for (const sql of [
    `UPDATE ${RECORDS} SET body = '{}'`,
    `UPDATE ${RECORDS} SET body = '{}' WHERE false`,
    `DELETE FROM ${RECORDS}`,
    `TRUNCATE ${RECORDS}`,
    'DELETE FROM indelible.idempotency_keys',
    `SET LOCAL session_replication_role = replica; DELETE FROM ${RECORDS}`,
    `SET LOCAL ROLE indelible_owner; DELETE FROM ${RECORDS}`,
    'DELETE FROM indelible.ledgers',
    "UPDATE indelible.ledgers SET name = 'other'",
    'UPDATE indelible.ledgers SET keyed = true',
    "UPDATE indelible.events SET action = 'x'",
    'DELETE FROM indelible.events',
  ])
    await assertRefused(owner, sql, SQLSTATES.append_only);
});

test("another ledger's records cannot be read", { skip }, async () => {
  for (const login of ['reader', 'server'] as const) {
    for (const sql of [
      'SELECT DISTINCT ledger AS name FROM indelible.events',
      'SELECT DISTINCT l.name FROM indelible.records AS r JOIN indelible.ledgers AS l ON l.id = r.ledger_id',
      'SELECT name FROM indelible.ledgers',
      'SELECT ledger AS name FROM indelible.outbox_lag',
    ]) {
      const { rows } = await as[login].query(sql);
      assert.deepEqual(rows, [{ name: 'ours' }], sql);
    }
    const elsewhere = `SELECT count(*)::integer AS n FROM ${RECORDS} WHERE body LIKE '%secret%'`;
    assert.deepEqual((await as[login].query(elsewhere)).rows, [{ n: 0 }]);
    assert.deepEqual((await as[login].query("SELECT * FROM indelible.head('theirs')")).rows, []);
    const holders = "SELECT * FROM indelible.idempotency_holders('theirs', '[\"k\"]')";
    assert.deepEqual((await as[login].query(holders)).rows, []);
  }
  await assertRefused(as.writer, `SELECT * FROM ${RECORDS}`);
  await assertRefused(as.writer, 'SELECT body FROM indelible.events');
  await assertRefused(as.stranger, 'SELECT * FROM indelible.events');
});

test('a function of the reader cannot look behind the filter', { skip }, async () => {
  // Cheap, so that the planner would like to run it first.
  await as.reader.query(`CREATE FUNCTION pg_temp.peek(body text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
    BEGIN IF body LIKE '%secret%' THEN RAISE EXCEPTION 'seen: %', body; END IF; RETURN true; END $$`);
  for (const relation of ['indelible.records', 'indelible.events'])
    await as.reader.query(`SELECT count(*) FROM ${relation} WHERE pg_temp.peek(body)`);
});

test('another ledger cannot be written to, and the answer does not tell whether it is there', {
  skip,
}, async () => {
  const [line] = sealChain({ length: 1, ledger: 'theirs' });
  const text = Buffer.from(batchOf([line!]).bytes)
    .toString()
    .replaceAll("'", "''");
  for (const ledger of ['theirs', 'nobody’s']) {
    for (const sql of [
      `INSERT INTO indelible.events (ledger, action) VALUES ('${ledger}', 'x')`,
      `INSERT INTO indelible.outbox (ledger, action) VALUES ('${ledger}', 'x')`,
      `SELECT indelible.append('${ledger}', NULL, NULL, '${text}')`,
      `SELECT indelible.reserve('${ledger}')`,
      `SELECT indelible.lead('${ledger}', 'me', 5)`,
      `SELECT indelible.seal('${ledger}', 1, NULL, NULL, '', '{}')`,
      `SELECT indelible.set_aside('${ledger}', 1, '[]')`,
      `SELECT indelible.seal_outbox('${ledger}', 1)`,
    ])
      await assertRefused(as.server, sql, SQLSTATES.no_such_ledger);
  }
  const { rows } = await as.server.query("SELECT * FROM indelible.waiting('theirs', 10)");
  assert.deepEqual(rows, []);
});

test('each role has its own work', { skip }, async () => {
  await assertRefused(as.reader, "INSERT INTO indelible.events (action) VALUES ('x')");
  await assertRefused(as.reader, "INSERT INTO indelible.outbox (action) VALUES ('x')");
  await assertRefused(as.reader, "SELECT indelible.append('ours', NULL, NULL, '')");
  await assertRefused(as.reader, "SELECT indelible.reserve('ours')");
  for (const login of ['reader', 'writer'] as const) {
    await assertRefused(as[login], "SELECT indelible.lead('ours', 'me', 5)");
    await assertRefused(as[login], "SELECT indelible.seal('ours', 1, NULL, NULL, '', '{}')");
    await assertRefused(as[login], 'SELECT * FROM indelible.outbox');
  }
  await assertRefused(as.sealer, "INSERT INTO indelible.events (action) VALUES ('x')");
  await assertRefused(as.sealer, `SELECT * FROM ${RECORDS}`);
  await as.writer.query(
    "INSERT INTO indelible.events (action) VALUES ('x') RETURNING seq, recorded_at, hash",
  );
});

test('a binding counts for members of the bound role, and ends with it', { skip }, async () => {
  await owner.query("CREATE ROLE team; SELECT indelible.bind('theirs', 'team'); GRANT team TO reader");
  const read = "SELECT count(*)::integer AS n FROM indelible.events WHERE ledger = 'theirs'";
  assert.deepEqual((await as.reader.query(read)).rows, [{ n: 2 }]);
  await owner.query('DROP ROLE team');
  assert.deepEqual(
    (await as.reader.query(read)).rows,
    [{ n: 0 }],
    'the binding of a role that is gone counts for nobody',
  );
  await as.reader.query('SELECT * FROM indelible.members');
  await owner.query("SELECT indelible.unbind('theirs', 'team')");
  assert.equal((await refusal(owner.query("SELECT indelible.bind('ours', 'nobody')"))).code, '42704');
});

test('who acts is the role at the time, also behind SET ROLE and in a function of its own', {
  skip,
}, async () => {
  await owner.query('GRANT writer TO stranger');
  const sql =
    "INSERT INTO indelible.events (ledger, action) VALUES ('ours', 'x') RETURNING actor ->> 'id' AS id";
  await as.stranger.query('SET ROLE writer');
  await as.stranger.query("INSERT INTO indelible.events (ledger, action) VALUES ('ours', 'as writer')");
  await as.stranger.query('RESET ROLE');
  await owner.query('REVOKE writer FROM stranger');
  await assertRefused(as.stranger, "INSERT INTO indelible.events (ledger, action) VALUES ('ours', 'x')");
  // As an application does with row-level security of its own: strangers record through a function alone.
  await owner.query(`CREATE FUNCTION public.note(what text) RETURNS void LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$ INSERT INTO indelible.events (ledger, action) VALUES ('ours', what) $$;
    ALTER FUNCTION public.note OWNER TO writer; GRANT USAGE ON SCHEMA public TO stranger`);
  await as.stranger.query("SELECT public.note('through a function')");
  const { rows } = await as.reader.query(
    'SELECT action, actor_id FROM indelible.events ORDER BY seq DESC LIMIT 2',
  );
  assert.deepEqual(rows, [
    { action: 'through a function', actor_id: 'writer' },
    { action: 'as writer', actor_id: 'writer' },
  ]);
  assert.ok(sql);
});

test('a hostile search_path changes nothing', { skip }, async () => {
  await as.server.query(
    `CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT '\\x00'::bytea $$`,
  );
  await as.server.query(`CREATE TEMP TABLE records AS SELECT 1 AS seq`);
  await as.server.query('SET search_path = pg_temp, public');
  const { rows } = await as.server.query(
    "INSERT INTO indelible.events (ledger, action) VALUES ('ours', 'x') RETURNING length(hash) AS n",
  );
  assert.deepEqual(rows, [{ n: 64 }]);
  await as.server.query('RESET search_path');
});

test('every function that runs as the owner pins its search_path, and nothing is for everyone', {
  skip,
}, async () => {
  const { rows } =
    await owner.query(`SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'indelible'::regnamespace
    AND (p.prosecdef AND p.proconfig[1] IS DISTINCT FROM 'search_path=pg_catalog, pg_temp'
      OR p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) WHERE grantee = 0))`);
  assert.deepEqual(rows, []);
  const relations =
    await owner.query(`SELECT relname FROM pg_class WHERE relnamespace = 'indelible'::regnamespace
    AND EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = 0)`);
  assert.deepEqual(relations.rows, []);
});
