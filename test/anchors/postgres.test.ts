/** The anchor in PostgreSQL, on a real server: it conforms, and what the database refuses, or what was done to it, shows. */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { runAnchorConformance, sampleCheckpoint } from '../../packages/indelible/src/anchors/conformance.ts';
import type { Anchor } from '../../packages/indelible/src/anchors/contract.ts';
import { ANCHOR_SQL } from '../../packages/indelible/src/anchors/database/postgres-schema.ts';
import { createAnchors } from '../../packages/indelible/src/compose.ts';
import {
  connectPostgres,
  type PostgresConnection,
} from '../../packages/indelible/src/stores/postgres/connection.ts';
import { makeHere } from '../cli/run-here.ts';
import { noPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { collect, publish } from './support.ts';

const ORIGIN = 'acme.example/prod';
const TABLE = 'indelible_anchors.checkpoints';
const skip = noPostgres();
let server: PostgresServer;
let superuser: PostgresConnection;

before(async () => {
  if (skip !== false) return;
  server = await startPostgres();
  superuser = await connectPostgres(server.url());
  await superuser.query('CREATE ROLE anchoring LOGIN');
});
after(async () => {
  await superuser?.end();
  await server?.stop();
});

const open = async (user = 'postgres', more = ''): Promise<Anchor> =>
  (await createAnchors([`${server.url('postgres', user)}${more}`], {}))[0]!;
const remove = async () => {
  await superuser.query('DROP SCHEMA IF EXISTS indelible_anchors CASCADE');
};

if (skip !== false) test('PostgreSQL as an anchor', { skip }, () => {});
else {
  runAnchorConformance(test, 'postgres', async () => ({
    open: () => open(),
    kept: async () => {
      const there = `SELECT to_regclass('${TABLE}') AS name`;
      if ((await superuser.query(there)).rows[0]?.name === null) return '';
      return JSON.stringify((await superuser.query(`SELECT * FROM ${TABLE} ORDER BY 1, 2`)).rows);
    },
    remove,
  }));
}

/** An anchor that was made beforehand by its owner, for a role that may only add to it. */
async function prepared(t: TestContext): Promise<Anchor> {
  t.after(remove);
  await superuser.query(ANCHOR_SQL);
  await superuser.query(
    `GRANT USAGE ON SCHEMA indelible_anchors TO anchoring; GRANT SELECT, INSERT ON ${TABLE} TO anchoring`,
  );
  const anchor = await open('anchoring', '#elsewhere');
  t.after(() => anchor.close());
  return anchor;
}

const isCode = (code: Parameters<typeof isIndelibleError>[1]) => (error: unknown) =>
  isIndelibleError(error, code);

test('a role that may only add anchors, and cannot take anything back', { skip }, async (t) => {
  const anchor = await prepared(t);
  assert.equal(anchor.name, 'database:elsewhere');
  for (const size of [4, 8]) await publish(anchor, sampleCheckpoint(size));
  const role = await connectPostgres(server.url('postgres', 'anchoring'));
  t.after(() => role.end());
  const { root, note } = sampleCheckpoint(6);
  for (const sql of [
    `UPDATE ${TABLE} SET root = ''`,
    `DELETE FROM ${TABLE}`,
    `TRUNCATE ${TABLE}`,
    `DROP TABLE ${TABLE}`,
    `ALTER TABLE ${TABLE} DISABLE TRIGGER ALL`,
    `INSERT INTO ${TABLE} VALUES ('${ORIGIN}', 6, '${root}', '${note}', '2026-11-21T02:14:00Z')`,
  ])
    await assert.rejects(role.query(sql), isCode('STORE_READ_ONLY'), sql);
  for (const sql of [`UPDATE ${TABLE} SET root = ''`, `DELETE FROM ${TABLE}`, `TRUNCATE ${TABLE}`])
    await assert.rejects(superuser.query(sql), isCode('STORE_READ_ONLY'), `as the owner: ${sql}`);
  const kept = await collect(anchor.all!(ORIGIN));
  assert.deepEqual(
    kept.map(({ checkpoint }) => checkpoint),
    [4, 8].map((size) => sampleCheckpoint(size)),
  );
});

test('of writers at once each sees what the others added: sizes only grow', { skip }, async (t) => {
  await prepared(t);
  const anchors = await Promise.all([1, 2, 3, 4].map(() => open('anchoring')));
  t.after(() => Promise.all(anchors.map((anchor) => anchor.close())));
  const outcomes = await Promise.all(
    anchors.flatMap((anchor, i) =>
      [1, 2, 3].map((round) =>
        publish(anchor, sampleCheckpoint(10 * round + i)).then(
          () => 10 * round + i,
          (error: unknown) => {
            if (!isIndelibleError(error, 'ANCHOR_CONFLICT')) throw error;
            return null;
          },
        ),
      ),
    ),
  );
  const added = outcomes.filter((size) => size !== null).sort((a, b) => a - b);
  const kept = await collect(anchors[0]!.all!(ORIGIN));
  assert.deepEqual(
    kept.map(({ checkpoint }) => checkpoint.size),
    added,
  );
});

for (const [what, sql] of [
  ['a trigger dropped', `DROP TRIGGER refuse_change ON ${TABLE}`],
  ['a trigger disabled', `ALTER TABLE ${TABLE} DISABLE TRIGGER refuse_rewind`],
  [
    'a trigger added',
    `CREATE TRIGGER more AFTER INSERT ON ${TABLE} FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger()`,
  ],
  ['a rule added', `CREATE RULE more AS ON INSERT TO ${TABLE} DO INSTEAD NOTHING`],
  [
    'a function replaced',
    `CREATE OR REPLACE FUNCTION indelible_anchors.refuse_change() RETURNS trigger LANGUAGE plpgsql
      SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NEW; END'`,
  ],
  ['a column added', `ALTER TABLE ${TABLE} ADD COLUMN more text`],
  ['the primary key dropped', `ALTER TABLE ${TABLE} DROP CONSTRAINT checkpoints_pkey`],
  ['no longer logged', `ALTER TABLE ${TABLE} SET UNLOGGED`],
] as const) {
  test(`${what}: ANCHOR_DAMAGED when it is opened again`, { skip }, async (t) => {
    await publish(await prepared(t), sampleCheckpoint(4));
    await superuser.query(sql);
    const later = await open('anchoring');
    t.after(() => later.close());
    await assert.rejects(later.newest!(ORIGIN), isCode('ANCHOR_DAMAGED'));
    await assert.rejects(publish(later, sampleCheckpoint(5)), isCode('ANCHOR_DAMAGED'));
  });
}

test('a row that was edited is ANCHOR_DAMAGED, one that is gone is told by its receipt', {
  skip,
}, async (t) => {
  const anchor = await prepared(t);
  const receipt = await publish(anchor, sampleCheckpoint(4));
  const edit = (sql: string) =>
    superuser.query(`ALTER TABLE ${TABLE} DISABLE TRIGGER refuse_change; ${sql};
      ALTER TABLE ${TABLE} ENABLE ALWAYS TRIGGER refuse_change`);
  await edit(`UPDATE ${TABLE} SET root = '${sampleCheckpoint(5).root}'`);
  await assert.rejects(anchor.newest!(ORIGIN), isCode('ANCHOR_DAMAGED'));
  await assert.rejects(collect(anchor.all!(ORIGIN)), isCode('ANCHOR_DAMAGED'));
  await edit(`DELETE FROM ${TABLE}`);
  assert.match((await anchor.check(receipt, sampleCheckpoint(4))).detail, /no longer holds/);
});

test('a role that may not make the schema says so; a database that is not there is ANCHOR_UNAVAILABLE', {
  skip,
}, async (t) => {
  const anchor = await open('anchoring');
  t.after(() => anchor.close());
  assert.equal(await anchor.newest!(ORIGIN), null);
  await assert.rejects(
    publish(anchor, sampleCheckpoint(1)),
    (error) => isIndelibleError(error, 'ANCHOR_UNAVAILABLE') && /not permit .*\(42501/.test(error.message),
  );
  const [nowhere] = await createAnchors([server.url('nowhere')], {});
  t.after(() => nowhere!.close());
  await assert.rejects(nowhere!.newest!(ORIGIN), isCode('ANCHOR_UNAVAILABLE'));
});

test('on the command line: anchored, asked, and compared by verify', { skip }, async (t) => {
  await prepared(t);
  const here = await makeHere(t);
  const env = { INDELIBLE_SIGNING_KEY: Buffer.alloc(32, 5).toString('base64') };
  const url = server.url('postgres', 'anchoring');
  await here.json(['init'], env);
  const { outcomes } = await here.json(['anchor', '--anchor', url], env);
  const { compared } = await here.json(['anchors', '--anchor', url]);
  const { graded } = await here.json(['verify', '--anchor', url]);
  const anchor = `database:127.0.0.1:${server.port}/postgres`;
  assert.deepEqual(
    [outcomes[0].result, outcomes[0].anchor, compared[0].verdict, compared[0].held, graded.grade],
    ['anchored', anchor, 'agrees', 1, 'anchored'],
  );
});

test('options that the driver does not know, and a ledger, are ANCHOR_URL', async () => {
  for (const url of ['postgres://u@h/d?colour=red', 'postgres://u@h/d?ledger=acme.example/prod'])
    await assert.rejects(createAnchors([url], {}), isCode('ANCHOR_URL'));
});
