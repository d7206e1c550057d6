/** Installing the schema: by whom, twice, over an older one, never over a newer one; and `indelible pg …`. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ErrorCode, isIndelibleError } from '@indelible/core';
import {
  connectPostgres,
  type PostgresConnection,
} from '../../packages/indelible/src/stores/postgres/connection.ts';
import { openPostgresOutbox } from '../../packages/indelible/src/stores/postgres/postgres-outbox.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import {
  inspectSchema,
  installSchema,
  installSql,
  SCHEMA_VERSION,
} from '../../packages/indelible/src/stores/postgres/schema/index.ts';
import { MIGRATIONS } from '../../packages/indelible/src/stores/postgres/schema/migrations.ts';
import { makeHere } from '../cli/run-here.ts';
import { noPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { DASHBOARD, hostedDatabase } from './hosted.ts';

const skip = noPostgres();
let server: PostgresServer;
let superuser: PostgresConnection;
before(async () => {
  if (skip !== false) return;
  server = await startPostgres();
  superuser = await connectPostgres(server.url());
});
after(async () => {
  await superuser?.end();
  await server?.stop();
});

/** Works in a new database, as a superuser. */
async function inDatabase(
  name: string,
  work: (connection: PostgresConnection, url: string) => Promise<void>,
): Promise<void> {
  await superuser.query(`CREATE DATABASE ${name}`);
  const url = server.url(name);
  const connection = await connectPostgres(url);
  try {
    await work(connection, url);
  } finally {
    await connection.end();
  }
}

const isCode = (code: ErrorCode) => (error: unknown) => isIndelibleError(error, code);

/** Neither the ledger nor its outbox can be opened. */
async function assertRefused(url: string, code: ErrorCode): Promise<void> {
  const place = { url: `${url}?ledger=a`, default_ledger: 'a' };
  await assert.rejects(openPostgresStore(place), isCode(code));
  await assert.rejects(openPostgresOutbox(place), isCode(code));
}

// First, while the server knows none of our roles.
test('the script, pasted by a role that is no superuser, makes the schema', { skip }, async () => {
  const name = await hostedDatabase(server);
  const pasted = await connectPostgres(server.url(name, DASHBOARD));
  const looking = await connectPostgres(server.url(name, DASHBOARD), 'read');
  try {
    await pasted.query('RESET search_path');
    await pasted.query(installSql());
    assert.deepEqual(await inspectSchema(looking), []);
    await pasted.query(installSql());
    await pasted.query("SELECT indelible.create_ledger('acme.example/hosted')");
    await pasted.query("INSERT INTO indelible.events (ledger, action) VALUES ('acme.example/hosted', 'a')");
    assert.deepEqual(await inspectSchema(looking), []);
  } finally {
    await pasted.end();
    await looking.end();
  }
});

test('pg install makes the schema once; pg sql prints what it runs; pg seal seals', { skip }, async (t) => {
  const here = await makeHere(t);
  await superuser.query('CREATE DATABASE from_command_line');
  const url = `${server.url('from_command_line')}?ledger=acme.example/prod&local=${here.folder}/local`;
  const { applied, version } = await here.json(['pg', 'install', '--ledger', url]);
  assert.deepEqual([applied.length, applied.at(-1)], [version, version]);
  const again = await here.run(['pg', 'install', '--ledger', url]);
  assert.equal(again.stdout, `the schema is up to date (${version})\n`);
  assert.equal(again.stderr, '');
  const script = await here.run(['pg', 'sql']);
  assert.equal(script.stdout.trimEnd(), installSql().trimEnd());
  await here.json(['record', 'first.thing', '--ledger', url]);
  const connection = await connectPostgres(server.url('from_command_line'));
  t.after(() => connection.end());
  await connection.query(
    "INSERT INTO indelible.outbox (ledger, action) VALUES ('acme.example/prod', 'order.paid')",
  );
  assert.deepEqual(await here.json(['pg', 'seal', '--once', '--ledger', url]), {
    sealed: 1,
    duplicates: 0,
    refused: 0,
  });
  const nothing = await here.run(['pg', 'seal', '--once', '--ledger', url]);
  assert.equal(nothing.stdout, '0 events sealed, 0 there already, 0 set aside\n');
  await connection.query(
    `INSERT INTO indelible.outbox (ledger, action, actor) VALUES ('acme.example/prod', 'by.nobody', '{"type":"user"}')`,
  );
  const partly = await here.run(['pg', 'seal', '--once', '--ledger', url]);
  assert.deepEqual([partly.code, partly.stdout], [3, '0 events sealed, 0 there already, 1 set aside\n']);
  const { checks } = await here.json(['doctor', '--ledger', url]);
  const told = checks.filter(({ name }: { name: string }) => name === 'outbox');
  assert.deepEqual(
    told.map(({ status, detail }: Record<string, string>) => [status, detail]),
    [
      ['ok', '0 events wait to be sealed'],
      ['warn', '1 event set aside, which cannot be sealed'],
    ],
  );
  await connection.query('ALTER TABLE indelible.records DISABLE TRIGGER records_refuse_change');
  const verified = await here.run(['verify', '--ledger', url]);
  assert.equal(verified.code, 1, verified.stderr);
  assert.match(verified.stdout, /trigger records_refuse_change on records .*disabled/);
  const altered = await here.run(['pg', 'install', '--ledger', url]);
  assert.match(altered.stderr, /not what was installed: 1 difference/);
  for (const command of ['install', 'seal']) {
    const elsewhere = await here.run(['pg', command, '--ledger', 'memory:']);
    assert.equal(elsewhere.code, 2);
    assert.match(elsewhere.stderr, /only ledgers in PostgreSQL/);
  }
});

test('the version of the schema, and what it consists of', () => {
  // Once released, a migration is never changed: what is new comes behind.
  assert.deepEqual(
    MIGRATIONS.map(({ number, name }) => `${number} ${name}`),
    [
      '1 roles and schema',
      '2 ledgers and records',
      '3 append',
      '4 canonical JSON',
      '5 sealed on insert',
      '6 outbox',
      '7 attachments',
    ],
  );
  assert.equal(SCHEMA_VERSION, 7);
});

test('an older schema is brought up to date, each missing migration once', { skip }, async () => {
  for (const [i, older] of [1, 2, MIGRATIONS.length - 1].entries()) {
    await inDatabase(`older_${i}`, async (connection, url) => {
      const first = await installSchema(connection, MIGRATIONS.slice(0, older));
      assert.deepEqual(first, {
        applied: MIGRATIONS.slice(0, older).map(({ number }) => number),
        version: older,
      });
      // A program does not work with less than it needs.
      await assertRefused(url, 'SCHEMA_MISSING');
      const second = await installSchema(connection);
      assert.deepEqual(
        second.applied,
        MIGRATIONS.slice(older).map(({ number }) => number),
      );
      assert.deepEqual((await installSchema(connection)).applied, []);
      assert.deepEqual(await inspectSchema(connection), []);
    });
  }
});

test('a newer schema is left alone: LEDGER_TOO_NEW, also for whoever opens a ledger', { skip }, async () => {
  await inDatabase('newer', async (connection, url) => {
    const more = {
      number: SCHEMA_VERSION + 1,
      name: 'of the future',
      sql: 'CREATE TABLE indelible.future ()',
    };
    await installSchema(connection, [...MIGRATIONS, more]);
    await assert.rejects(installSchema(connection), isCode('LEDGER_TOO_NEW'));
    await assertRefused(url, 'LEDGER_TOO_NEW');
  });
});

test('a migration that fails leaves nothing of itself, and can be tried again', { skip }, async () => {
  await inDatabase('failing', async (connection) => {
    const failing = {
      number: SCHEMA_VERSION + 1,
      name: 'half',
      sql: 'CREATE TABLE indelible.half (); SELECT 1 / 0',
    };
    await assert.rejects(installSchema(connection, [...MIGRATIONS, failing]), isCode('INTERNAL'));
    assert.deepEqual(await inspectSchema(connection), []);
    assert.deepEqual(await installSchema(connection), { applied: [], version: SCHEMA_VERSION });
  });
});

test('of two who install at once one does the work', { skip }, async () => {
  await inDatabase('twice', async (one, url) => {
    const other = await connectPostgres(url);
    try {
      await Promise.all([installSchema(one), installSchema(other)]);
      assert.deepEqual(await inspectSchema(one), []);
    } finally {
      await other.end();
    }
  });
});

test('another schema of this name, and another encoding than UTF8, are refused', { skip }, async () => {
  await inDatabase('occupied', async (connection) => {
    await connection.query('CREATE SCHEMA indelible');
    await assert.rejects(installSchema(connection), /it is not ours/);
  });
  const provider = server.version < 15 ? '' : 'LOCALE_PROVIDER libc';
  await superuser.query(
    `CREATE DATABASE latin ENCODING 'LATIN1' ${provider} LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
  );
  const latin = await connectPostgres(server.url('latin'));
  try {
    await assert.rejects(installSchema(latin), /encoding is UTF8/);
  } finally {
    await latin.end();
  }
});
