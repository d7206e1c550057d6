/**
 * The snapshot of the schema, and that `inspect` and `verify` name whatever is otherwise in a database.
 *
 * INDELIBLE_UPDATE_DOCS=1 writes the snapshot anew.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openStore } from '../../packages/indelible/src/compose.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { sampleBatch, sampleLines } from '../../packages/indelible/src/stores/conformance.ts';
import {
  connectPostgres,
  type PostgresConnection,
} from '../../packages/indelible/src/stores/postgres/connection.ts';
import { readCatalogue } from '../../packages/indelible/src/stores/postgres/schema/catalogue.ts';
import { inspectSchema } from '../../packages/indelible/src/stores/postgres/schema/index.ts';
import { formatCatalogue } from '../../packages/indelible/src/stores/postgres/schema/inspect.ts';
import { SNAPSHOT } from '../../packages/indelible/src/stores/postgres/schema/snapshot.ts';
import { noPostgres } from '../support/postgres.ts';
import { root } from '../support/root.ts';
import { Databases } from './support.ts';

const LEDGER = 'conformance.example';
const PLACE = join(root, 'packages/indelible/src/stores/postgres/schema/snapshot.ts');
const skip = noPostgres();
const UPDATING = Boolean(process.env.INDELIBLE_UPDATE_DOCS);
/** What was read before it is written cannot be compared with. */
const skip_unless_read = skip || (UPDATING && 'the snapshot is being written');
let databases: Databases;
let database: string;
let superuser: PostgresConnection;

before(async () => {
  if (skip !== false) return;
  databases = await Databases.start([LEDGER]);
  database = await databases.create();
  superuser = await connectPostgres(databases.server.url(database));
});
after(async () => {
  await superuser?.end();
  await databases?.stop();
});

test('the snapshot is what installing makes', { skip }, async () => {
  const live = formatCatalogue(await readCatalogue(superuser));
  assert.doesNotMatch(live, /`|\$\{|\\/, 'it can stand in a template');
  if (UPDATING) {
    const before = readFileSync(PLACE, 'utf8');
    const text = before.replace(/ = `[^`]*`/, () => ` = \`${live}\``);
    writeFileSync(PLACE, text);
    return;
  }
  assert.deepEqual(live.split('\n'), SNAPSHOT.split('\n'), 'run this with INDELIBLE_UPDATE_DOCS=1');
  assert.deepEqual(await inspectSchema(superuser), []);
});

const RECORDS = 'indelible.records';
/** What somebody does to the schema, and what is said of it. */
const ALTERATIONS: readonly (readonly [sql: string, said: RegExp])[] = [
  [
    `DROP TRIGGER records_refuse_change ON ${RECORDS}`,
    /^trigger records_refuse_change on records is missing$/,
  ],
  [
    `ALTER TABLE ${RECORDS} DISABLE TRIGGER records_refuse_change`,
    /^trigger records_refuse_change on records is not as it was made: disabled instead of always$/,
  ],
  [`ALTER TABLE ${RECORDS} DISABLE TRIGGER ALL`, /^trigger records_refuse_change .* disabled/],
  // Works again in every session but those of replication: not what it was.
  [
    `ALTER TABLE ${RECORDS} ENABLE TRIGGER records_refuse_change`,
    /records_refuse_change .* enabled instead of always/,
  ],
  [
    `DROP TRIGGER records_refuse_change ON ${RECORDS};
     CREATE TRIGGER records_refuse_change BEFORE UPDATE OR TRUNCATE ON ${RECORDS}
     FOR EACH STATEMENT EXECUTE FUNCTION indelible.refuse_change();
     ALTER TABLE ${RECORDS} ENABLE ALWAYS TRIGGER records_refuse_change`,
    /^trigger records_refuse_change on records is not as it was made: CREATE TRIGGER/,
  ],
  ['DROP TRIGGER events_insert ON indelible.events', /^trigger events_insert on events is missing$/],
  [
    `CREATE FUNCTION public.drop_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
     CREATE TRIGGER quiet BEFORE INSERT ON ${RECORDS} FOR EACH ROW EXECUTE FUNCTION public.drop_row()`,
    /^trigger quiet on records was added: CREATE TRIGGER .*public\.drop_row\(\) \| enabled$/,
  ],
  [
    `CREATE RULE quiet AS ON INSERT TO ${RECORDS} DO INSTEAD NOTHING`,
    /^rule quiet on records was added: .*INSTEAD NOTHING/,
  ],
  ['ALTER TABLE indelible.members DISABLE TRIGGER ALL', /^checks of \w+ on members was added: disabled$/],
  [
    `CREATE OR REPLACE FUNCTION indelible.refuse_change() RETURNS trigger LANGUAGE plpgsql
     SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN OLD; END'`,
    /^function refuse_change\(\) is not as it was made: source [0-9a-f]{12}… instead of source [0-9a-f]{12}…$/,
  ],
  [
    'ALTER FUNCTION indelible.events_insert() SECURITY INVOKER',
    /^function events_insert\(\) .* lacks security definer$/,
  ],
  [
    'ALTER FUNCTION indelible.events_insert() RESET ALL',
    /^function events_insert\(\) .* lacks set (?:search_path|enable_seqscan)=/,
  ],
  [
    "ALTER FUNCTION indelible.events_insert() SET session_replication_role = 'replica'",
    /^function events_insert\(\) .* has set session_replication_role=replica$/,
  ],
  [
    'ALTER FUNCTION indelible.refuse_change() OWNER TO app_server',
    /^function refuse_change\(\) .*owner app_server instead/,
  ],
  ['ALTER FUNCTION indelible.acts_as VOLATILE', /^function acts_as\(.*\) .* lacks stable$/],
  [
    `CREATE FUNCTION indelible.append(ledger text, expected_seq integer, expected_hash text, lines text)
     RETURNS bigint LANGUAGE sql AS 'SELECT 1'`,
    /^function append\(ledger text, expected_seq integer, .*\) was added: /,
  ],
  ['DROP FUNCTION indelible.reserve', /^function reserve\(ledger text\) is missing$/],
  ['DROP INDEX indelible.records_prev_hash_key', /^index indelible.records_prev_hash_key is missing$/],
  [
    `ALTER TABLE indelible.ledgers DROP CONSTRAINT ledgers_name_check;
     ALTER TABLE indelible.ledgers ADD CONSTRAINT ledgers_name_check CHECK (name <> '')`,
    /^constraint ledgers_name_check on ledgers is not as it was made: /,
  ],
  [
    `ALTER TABLE ${RECORDS} ADD CONSTRAINT later CHECK (seq > 5) NOT VALID`,
    /^constraint later on records was added: CHECK \(\(seq > 5\)\) NOT VALID$/,
  ],
  [
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'indelible.records_pkey'::regclass`,
    /^index indelible\.records_pkey is not as it was made: has invalid$/,
  ],
  [`CREATE UNIQUE INDEX once ON ${RECORDS} (body)`, /^index indelible\.once was added: CREATE UNIQUE INDEX/],
  [
    `CREATE INDEX computed ON ${RECORDS} (lower(body))`,
    /^index indelible\.computed was added: .* \| computed$/,
  ],
  [
    `GRANT UPDATE ON ${RECORDS} TO app_server`,
    /^table records is not as it was made: has app_server: UPDATE$/,
  ],
  [`GRANT SELECT ON ${RECORDS} TO PUBLIC`, /^table records is not as it was made: has PUBLIC: SELECT$/],
  [
    `GRANT SELECT ON ${RECORDS} TO indelible_reader WITH GRANT OPTION`,
    /^table records .*: indelible_reader: SELECT \(may grant it\) instead of indelible_reader: SELECT$/,
  ],
  [`REVOKE SELECT ON ${RECORDS} FROM indelible_reader`, /^table records .* lacks indelible_reader: SELECT$/],
  [`REVOKE INSERT ON ${RECORDS} FROM indelible_owner`, /^table records .* has owner without INSERT$/],
  ['GRANT INSERT (seq) ON indelible.events TO app_server', /^column events\.seq .*has app_server: INSERT$/],
  [
    'GRANT EXECUTE ON FUNCTION indelible.lock_ledger TO PUBLIC',
    /^function lock_ledger\(ledger_id integer\) .* has PUBLIC: EXECUTE$/,
  ],
  [
    'GRANT CREATE ON SCHEMA indelible TO app_server',
    /^schema indelible is not as it was made: has app_server: CREATE$/,
  ],
  [
    'ALTER SCHEMA indelible OWNER TO app_server',
    /^schema indelible .*owner app_server instead of owner indelible_owner/,
  ],
  [`ALTER TABLE ${RECORDS} OWNER TO app_server`, /^table records .*owner app_server/],
  [
    `ALTER TABLE ${RECORDS} DISABLE ROW LEVEL SECURITY`,
    /^table records is not as it was made: lacks row security$/,
  ],
  [`ALTER TABLE ${RECORDS} FORCE ROW LEVEL SECURITY`, /^table records .* has row security for its owner$/],
  [
    `ALTER POLICY records_bound ON ${RECORDS} USING (true)`,
    /^policy records_bound on records .*using true instead of using /,
  ],
  [
    `ALTER POLICY records_bound ON ${RECORDS} TO app_server`,
    /^policy records_bound on records .*for app_server instead/,
  ],
  [`DROP POLICY records_bound ON ${RECORDS}`, /^policy records_bound on records is missing$/],
  [`CREATE POLICY all_of_it ON ${RECORDS} USING (true)`, /^policy all_of_it on records was added: /],
  [`ALTER TABLE ${RECORDS} SET UNLOGGED`, /^table records is not as it was made: has unlogged$/],
  [
    `CREATE TABLE public.more () INHERITS (${RECORDS})`,
    /^child public\.more of indelible\.records was added/,
  ],
  [
    `CREATE TABLE public.around (LIKE ${RECORDS}); ALTER TABLE ${RECORDS} INHERIT public.around`,
    /^child indelible\.records of public\.around was added/,
  ],
  ['DROP TABLE indelible.members CASCADE', /^table members is missing$/],
  [`ALTER TABLE ${RECORDS} ADD COLUMN more text`, /^column records\.more was added: text/],
  ['ALTER TABLE indelible.outbox DROP COLUMN message CASCADE', /^column outbox\.message is missing$/],
  [
    `ALTER TABLE ${RECORDS} ALTER body DROP NOT NULL`,
    /^column records\.body is not as it was made: lacks not null$/,
  ],
  [
    'ALTER TABLE indelible.outbox_refused ALTER code TYPE varchar',
    /^column outbox_refused\.code .*: character varying instead of text$/,
  ],
  [
    'ALTER VIEW indelible.appends ALTER said_by DROP DEFAULT',
    /^column appends\.said_by .* lacks default CASE .* ELSE CURRENT_USER END$/,
  ],
  [
    "ALTER VIEW indelible.appends ALTER said_by SET DEFAULT 'postgres'",
    /^column appends\.said_by .*default 'postgres'::name instead of default CASE .* ELSE CURRENT_USER END$/,
  ],
  ['ALTER VIEW indelible.events RESET (security_barrier)', /^view events .* lacks security_barrier=true$/],
  [
    `CREATE OR REPLACE VIEW indelible.outbox_lag WITH (security_barrier) AS
     SELECT name COLLATE "C" AS ledger, 0::bigint AS waiting, now() AS oldest_at, 0::float8 AS oldest_seconds, 0::bigint AS refused
     FROM indelible.ledgers`,
    /^view outbox_lag is not as it was made: definition [0-9a-f]{12}… instead of/,
  ],
  ['CREATE TABLE indelible.mine ()', /^table mine was added: owner postgres$/],
  ['CREATE DOMAIN indelible.thing AS text', /^type thing was added/],
  ['ALTER ROLE indelible_writer BYPASSRLS', /^role indelible_writer .* has bypasses row security$/],
  ['ALTER ROLE indelible_owner LOGIN', /^role indelible_owner .* has may sign in$/],
  ['GRANT indelible_owner TO indelible_writer', /^role indelible_writer .* has member of indelible_owner$/],
];

for (const [sql, said] of ALTERATIONS) {
  test(`found: ${sql.replaceAll(/\s+/g, ' ').slice(0, 100)}`, { skip: skip_unless_read }, async () => {
    await superuser.query('BEGIN; SET LOCAL allow_system_table_mods = on');
    try {
      await superuser.query(sql);
      const findings = await inspectSchema(superuser);
      const told = findings.map(({ detail }) => detail);
      assert.ok(
        told.some((detail) => said.test(detail)),
        told.join('\n') || 'nothing was found',
      );
      assert.ok(findings.every(({ code, damage }) => code === 'schema_altered' && damage));
    } finally {
      await superuser.query('ROLLBACK');
    }
  });
}

test("an index of one's own is noted, and is no damage; names cannot break a line", {
  skip: skip_unless_read,
}, async () => {
  await superuser.query('BEGIN');
  try {
    await superuser.query(`CREATE INDEX "mine\n" ON ${RECORDS} (hash)`);
    const [finding, ...more] = await inspectSchema(superuser);
    assert.deepEqual([finding?.damage, more], [false, []]);
    assert.match(finding!.detail, /^index .*mine .* was added: CREATE INDEX [^\n]*$/);
  } finally {
    await superuser.query('ROLLBACK');
  }
});

test("verify's verdict names what was altered, for a ledger whose records are sound", {
  skip: skip_unless_read,
}, async (t) => {
  const url = databases.url(database, LEDGER);
  const store = await openStore(url);
  t.after(() => store.close());
  await store.append(sampleBatch(sampleLines(3)), null);
  const reader = await openStore(url, { read_only: true });
  t.after(() => reader.close());
  assert.equal((await verifyLog({ store: reader, workers: 0 })).ok, true);
  await superuser.query(`ALTER TABLE ${RECORDS} DISABLE TRIGGER records_refuse_change`);
  const report = await verifyLog({ store: reader, workers: 0 });
  assert.deepEqual([report.ok, report.verdict, report.damage], [false, 'damaged', 'store_altered']);
  assert.match(report.detail, /^trigger records_refuse_change on records .*disabled/);
  assert.equal(report.graded.result, 'tampering');
  // What cannot even be compared any more is named all the same.
  await superuser.query('DROP TABLE indelible.idempotency_keys');
  const worse = await verifyLog({ store: reader, workers: 0 });
  const told = worse.store_notes.map(({ detail }) => detail);
  assert.ok(told.includes('table idempotency_keys is missing'), told.join('\n'));
});
