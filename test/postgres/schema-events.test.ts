/**
 * Events sealed on insert: they become the very records that the ledger in TypeScript would write, and what core refuses
 * is refused.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  ChainVerifier,
  canonicalize,
  checkEvent,
  GENESIS_HASH,
  type IndelibleError,
  type LedgerRecord,
  leafHash,
  parseRecord,
} from '@indelible/core';
import { type Client, escapeIdentifier } from 'pg';
import { configOf } from '../../packages/indelible/src/ledger/config.ts';
import { SQLSTATES } from '../../packages/indelible/src/stores/postgres/schema/index.ts';
import { batchOf } from '../support/chain.ts';
import { noPostgres, type PostgresServer } from '../support/postgres.ts';
import { ANA, EVENTS } from './sample-events.ts';
import { connected, refusal } from './schema-support.ts';
import { Databases } from './support.ts';

const skip = noPostgres();
const encoder = new TextEncoder();
let databases: Databases;
let server: PostgresServer;
let database: string;
let owner: Client;
let app: Client;

before(async () => {
  if (skip !== false) return;
  databases = await Databases.start([]);
  server = databases.server;
  database = await databases.create();
  owner = await connected(server, database);
  await owner.query('CREATE ROLE app LOGIN IN ROLE indelible_writer, indelible_reader');
  app = await connected(server, database, 'app');
});

after(async () => {
  await app?.end();
  await owner?.end();
  await databases?.stop();
});

/** A ledger of this name that `app` is bound to. */
async function created(name: string): Promise<string> {
  await owner.query('SELECT indelible.create_ledger($1, $2)', [name, 'app']);
  return name;
}

/** Inserts events, all in one statement. */
function insert(ledger: string, events: readonly object[], client: Client = app) {
  const columns = [...new Set(events.flatMap((event) => Object.keys(event)))];
  const values: unknown[] = [ledger];
  const rows = events.map((event) => {
    const row = columns.map((column) => {
      const value = (event as Record<string, unknown>)[column];
      const is_json = JSON_COLUMNS.includes(column);
      values.push(value === undefined ? null : is_json ? JSON.stringify(value) : value);
      return `$${values.length}${is_json ? '::json' : ''}`;
    });
    return `($1, ${row.join(', ')})`;
  });
  return client.query(
    `INSERT INTO indelible.events (ledger, ${columns.join(', ')}) VALUES ${rows.join(', ')}
     RETURNING seq, id, recorded_at, hash, correlation_id`,
    values,
  );
}

const JSON_COLUMNS = ['actor', 'resource', 'related_resources', 'data', 'session'];

interface Stored {
  readonly hash: string;
  readonly body: string;
  readonly record: LedgerRecord;
}

async function stored(ledger: string): Promise<Stored[]> {
  const { rows } = await app.query<{ hash: string; body: string }>(
    'SELECT hash, body FROM indelible.events WHERE ledger = $1 ORDER BY seq',
    [ledger],
  );
  return rows.map(({ hash, body }) => ({ hash, body, record: parseRecord(encoder.encode(body)) }));
}

/** The chain as a verifier sees it. */
function assertIntact(lines: readonly Stored[]): void {
  const verifier = new ChainVerifier(() => leafHash);
  const { bytes, ends } = batchOf(lines);
  verifier.push(bytes, ends);
  const { findings, records } = verifier.finish();
  assert.deepEqual(findings, []);
  assert.equal(records, lines.length);
}

test('an event becomes byte for byte the record that core would write', { skip }, async () => {
  const ledger = await created('bytes');
  const { rows } = await insert(ledger, EVENTS);
  const lines = await stored(ledger);
  assertIntact(lines);
  for (const [i, event] of EVENTS.entries()) {
    const { record, body, hash } = lines[i + 1]!;
    const { idempotency_key, ...members } = event as typeof event & { idempotency_key?: string };
    const by = { id: 'app', type: 'database-role' };
    const actor = 'actor' in event ? { ...by, on_behalf_of: event.actor } : by;
    const sent = canonicalize({ ...event, actor });
    const idempotency = idempotency_key !== undefined && {
      idempotency: { key: idempotency_key, digest: createHash('sha256').update(sent).digest('hex') },
    };
    const { id, recorded_at, correlation_id } = record;
    const expected = {
      ...{ correlation_id, outcome: 'ok', ...members, actor, ...idempotency },
      ...{ id, ledger, prev_hash: lines[i]!.hash, recorded_at, seq: i + 1, v: 1 },
    };
    assert.equal(body, canonicalize(expected));
    const receipt = { seq: String(i + 1), id, recorded_at: new Date(recorded_at), hash, correlation_id };
    assert.deepEqual({ ...rows[i] }, receipt);
    // It came at the time of its id, and had its place then or later.
    const waited = Date.parse(recorded_at) - Number.parseInt(id.replace('-', '').slice(0, 12), 16);
    assert.ok(waited > -2 && waited < 60_000, `${waited} ms`);
  }
});

test('pitfall 4: what jsonb reorders and respells on its way in is stored as it was hashed', {
  skip,
}, async () => {
  const ledger = await created('jsonb');
  const given = '{"b":1.0,"aa":{"z":1e2,"yy":"\\u00e9"},"b":2.50}';
  const { rows } = await app.query('SELECT $1::jsonb::text AS text', [given]);
  assert.equal(
    rows[0].text,
    '{"b": 2.50, "aa": {"z": 100, "yy": "é"}}',
    'in another order than that of records',
  );
  await app.query("INSERT INTO indelible.events (ledger, action, data) VALUES ($1, 'x', $2::jsonb)", [
    ledger,
    given,
  ]);
  const lines = await stored(ledger);
  assertIntact(lines);
  assert.ok(lines[1]!.body.includes('"data":{"aa":{"yy":"é","z":100},"b":2.5}'), lines[1]!.body);
});

test('record 0 says what the ledger in TypeScript wants to know', { skip }, async () => {
  const [first] = await stored(await created('acme.example/prod:1'));
  assert.deepEqual(configOf(first!.record), {
    ...{ format: 1, hash: 'sha-256', keys: [], ledger: 'acme.example/prod:1' },
  });
  assert.equal(first!.record.prev_hash, GENESIS_HASH);
  for (const bad of ['', ' a', 'a b', '"', 'a'.repeat(201), 'a\n'])
    await assert.rejects(owner.query('SELECT indelible.create_ledger($1)', [bad]), { code: '23514' });
  await assert.rejects(created('acme.example/prod:1'), { code: '23505' });
});

const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);
const delegated = (depth: number): object => ({
  ...{ type: 'a', id: 'b' },
  ...(depth > 0 && { on_behalf_of: delegated(depth - 1) }),
});
const BAD_EVENTS: readonly object[] = [
  { action: null },
  ...['', 'a'.repeat(201), '😀'.repeat(101), 'a\nb', 'a\u007f'].map((action) => ({ action })),
  ...['', 'x'.repeat(1025), 'a\u0000b', 7, null].map((id) => ({ action: 'x', actor: { type: 'a', id } })),
  { action: 'x', actor: { type: 'a' } },
  { action: 'x', actor: { type: 'a', id: 'b', '': 1 } },
  { action: 'x', actor: { type: 't'.repeat(65), id: 'b' } },
  { action: 'x', actor: { type: 'a', id: 'b', name: 'n'.repeat(513) } },
  { action: 'x', actor: { type: 'a', id: 'b', role: 'c' } },
  { action: 'x', actor: [] },
  { action: 'x', actor: delegated(9) },
  { action: 'x', resource: { ...ANA, on_behalf_of: ANA } },
  { action: 'x', resource: 'r' },
  { action: 'x', related_resources: {} },
  { action: 'x', related_resources: Array(33).fill(ANA) },
  { action: 'x', related_resources: [ANA, { type: 'a' }] },
  ...['', 'OK', 'unknown'].map((outcome) => ({ action: 'x', outcome })),
  ...['0'.repeat(32), 'A'.repeat(32), 'a'.repeat(31), 'a'.repeat(33), `${'a'.repeat(32)}\n`].map(
    (correlation_id) => ({
      ...{ action: 'x', correlation_id },
    }),
  ),
  ...['0'.repeat(16), 'g'.repeat(16), ''].map((span_id) => ({ action: 'x', span_id })),
  { action: 'x', session: { who: 'a' } },
  { action: 'x', session: { lineage: Array(33).fill('a') } },
  { action: 'x', session: { lineage: ['a', ''] } },
  { action: 'x', session: { agent_type: 'a'.repeat(65) } },
  { action: 'x', source: 's'.repeat(201) },
  { action: 'x', event_type: '' },
  { action: 'x', message: 'm'.repeat(8193) },
  { action: 'x', message: '😀'.repeat(4097) },
  { action: 'x', input_ref: 'r'.repeat(2049) },
  { action: 'x', output_ref: 'a\tb' },
  { action: 'x', latency_ms: -1 },
  { action: 'x', cost_usd: -0.001 },
  { action: 'x', params_hash: 'AB'.repeat(32) },
  { action: 'x', idempotency_key: '😀'.repeat(129) },
];

test('what core refuses is refused, and the member is named', { skip }, async () => {
  const ledger = await created('refused');
  for (const event of BAD_EVENTS) {
    // JSON null is SQL's null, an absent member; only inside of JSON columns it is a value.
    const sent = Object.fromEntries(Object.entries(event).filter(([, value]) => value !== null));
    let member: unknown = 'event.actor';
    try {
      checkEvent(sent);
      assert.ok('actor' in event, `core takes ${JSON.stringify(event).slice(0, 100)}`);
    } catch (error) {
      member = (error as IndelibleError).details.member;
    }
    const { code, detail } = await refusal(insert(ledger, [event]));
    assert.equal(code, SQLSTATES.event_invalid, JSON.stringify(event).slice(0, 100));
    const told = JSON.parse(detail ?? '{}') as { code: string; member: string };
    assert.equal(told.code, 'EVENT_INVALID');
    const where = told.member.replace('[0]', '');
    assert.ok(
      String(member).startsWith(where) || where.startsWith(String(member)),
      `${told.member}, not ${member}`,
    );
  }
  assert.equal((await stored(ledger)).length, 1, 'nothing was recorded');
});

test('as many delegations as core allows, the role among them', { skip }, async () => {
  const ledger = await created('delegated');
  await insert(ledger, [{ action: 'x', actor: delegated(7) }]);
  const { detail } = await refusal(insert(ledger, [{ action: 'x', actor: delegated(8) }]));
  assert.match(detail!, /event\.actor(\.on_behalf_of){8}/);
  assertIntact(await stored(ledger));
});

for (const [what, data, code] of [
  ['a number that a double does not hold', '12345678901234567890', 'JSON_NUMBER'],
  ['a member named twice', '{"a":{"b":1,"b":1}}', 'JSON_DUPLICATE_KEY'],
  ['a lone surrogate', '"\\ud800"', 'JSON_INVALID'],
  ['data nested too deep', JSON.stringify(deep(64)), 'JSON_TOO_DEEP'],
  ['a record too large', JSON.stringify('x'.repeat(65_200)), 'RECORD_TOO_LARGE'],
] as const) {
  test(`refused: ${what}`, { skip }, async () => {
    const ledger = await created(`json-${code}`);
    const sql = 'INSERT INTO indelible.events (ledger, action, data) VALUES ($1, $2, $3)';
    const { code: state, detail } = await refusal(app.query(sql, [ledger, 'x', data]));
    assert.equal(state, SQLSTATES.event_invalid);
    assert.equal(JSON.parse(detail!).code, code);
    await app.query(sql, [ledger, 'x', JSON.stringify(deep(63))]);
    assertIntact(await stored(ledger));
  });
}

test("the ledger's own actions and its own actor are not for applications", { skip }, async () => {
  const ledger = await created('own');
  for (const action of ['ledger.key_rotated', 'access.read'])
    assert.equal((await refusal(insert(ledger, [{ action }]))).code, SQLSTATES.event_invalid);
  await insert(ledger, [{ action: 'x', actor: { type: 'service', id: 'indelible' } }]);
  const [, record] = await stored(ledger);
  assert.equal(record!.record.actor.type, 'database-role', 'a role can only say that it acts for the ledger');
});

test('a role whose name is no line of text cannot record: nobody could read such an actor', {
  skip,
}, async (t) => {
  const ledger = await created('role-names');
  const good = 'é "q" \\ %s';
  for (const role of [good, 'line\nbreak', 'tab\t', 'delete\u007f']) {
    await owner.query(`CREATE ROLE ${escapeIdentifier(role)} LOGIN IN ROLE app`);
    const client = await connected(server, database, role);
    t.after(async () => {
      await client.end();
      await owner.query(`DROP ROLE ${escapeIdentifier(role)}`);
    });
    await client.query("INSERT INTO indelible.outbox (ledger, action) VALUES ($1, 'x')", [ledger]);
    if (role === good) await insert(ledger, [{ action: 'x' }], client);
    else {
      const { code, detail } = await refusal(insert(ledger, [{ action: 'x' }], client));
      assert.equal(code, SQLSTATES.event_invalid);
      assert.deepEqual(JSON.parse(detail!), { code: 'EVENT_INVALID', member: 'event.actor.id' });
    }
  }
  await owner.query('SELECT indelible.seal_outbox($1)', [ledger]);
  const lines = await stored(ledger);
  assertIntact(lines);
  assert.deepEqual(
    lines.map(({ record }) => record.actor.id),
    ['indelible', good, good],
  );
  const { rows } = await owner.query('SELECT code FROM indelible.outbox_refused WHERE ledger = $1', [ledger]);
  assert.deepEqual(rows, Array(3).fill({ code: 'EVENT_INVALID' }));
});

test('an idempotency key: the same content returns the first record, other content is refused', {
  skip,
}, async () => {
  const ledger = await created('keys');
  const event = { action: 'paid', data: { amount: 1.5 }, idempotency_key: 'k"\\é' };
  const first = await insert(ledger, [event]);
  await insert(ledger, [{ action: 'between' }]);
  const again = await insert(ledger, [{ ...event, data: { amount: 1.5 } }]);
  assert.deepEqual(
    again.rows.map(({ seq, hash, id, recorded_at }) => ({ seq, hash, id, recorded_at })),
    first.rows.map(({ seq, hash, id, recorded_at }) => ({ seq, hash, id, recorded_at })),
  );
  const { code, detail } = await refusal(insert(ledger, [{ ...event, data: { amount: 2 } }]));
  assert.equal(code, SQLSTATES.idempotency_conflict);
  assert.deepEqual(JSON.parse(detail!), { seq: 1, idempotency_key: event.idempotency_key });
  await insert(await created('keys/other'), [event]);
  assert.equal((await stored(ledger)).length, 3);
  assert.equal((await stored('keys/other')).length, 2);
});

test('pitfall 1: many sessions insert at once, and no record forks, is lost or goes back in time', {
  skip,
}, async () => {
  const ledger = await created('crowd');
  const clients = await Promise.all(Array.from({ length: 8 }, () => connected(server, database, 'app')));
  try {
    const given = await Promise.all(
      clients.map(async (client, session) => {
        const receipts: string[] = [];
        for (let step = 0; step < 25; step++) {
          const { rows } = await insert(ledger, [{ action: 'step', data: { session, step } }], client);
          receipts.push(rows[0]!.hash);
        }
        return receipts;
      }),
    );
    const lines = await stored(ledger);
    assertIntact(lines);
    assert.deepEqual(
      given.flat().sort(),
      lines
        .slice(1)
        .map(({ hash }) => hash)
        .sort(),
    );
    for (const session of clients.keys()) {
      const own = lines.map(({ record }) => record.data as { session?: number; step: number });
      const steps = own.filter((data) => data.session === session).map(({ step }) => step);
      assert.deepEqual(
        steps,
        Array.from({ length: 25 }, (_, step) => step),
        'each in its own order',
      );
    }
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
});

test('a transaction that sees the log as it was is asked to try again, and never forks', {
  skip,
}, async () => {
  const ledger = await created('snapshot');
  const other = await connected(server, database, 'app');
  try {
    await other.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await other.query('SELECT count(*) FROM indelible.events');
    await insert(ledger, [{ action: 'first' }]);
    await assert.rejects(insert(ledger, [{ action: 'second' }], other), { code: '40001' });
    await other.query('ROLLBACK');
    await insert(ledger, [{ action: 'second' }], other);
    assertIntact(await stored(ledger));
  } finally {
    await other.end();
  }
});

test('the head is found without looking at other records, also by a plan of a time when there were none', {
  skip,
}, async () => {
  const young = await databases.create();
  const ours = await connected(server, young);
  try {
    await ours.query("SELECT indelible.create_ledger('young')");
    // The planner knows of one record, and keeps its plans until somebody counts again.
    await ours.query('ANALYZE');
    const add = "INSERT INTO indelible.events (ledger, action) VALUES ('young', 'x')";
    await ours.query(`BEGIN; ${Array.from({ length: 150 }, () => add).join(';')}`);
    // Of the transaction that is under way.
    const { rows } = await ours.query<{ n: number }>(
      `SELECT (seq_tup_read + idx_tup_fetch)::integer AS n FROM pg_stat_xact_user_tables
        WHERE relid = 'indelible.records'::regclass`,
    );
    // Sorting all of them each time would read more than ten thousand.
    assert.ok(rows[0]!.n < 1500, `${rows[0]!.n} records read for 150 inserts`);
    await ours.query('ROLLBACK');
  } finally {
    await ours.end();
  }
});

test('a transaction that is rolled back leaves neither a record nor a gap', { skip }, async () => {
  const ledger = await created('rollback');
  await app.query('BEGIN');
  await insert(ledger, [{ action: 'a' }, { action: 'b' }]);
  await app.query('ROLLBACK');
  const { rows } = await insert(ledger, [{ action: 'c' }]);
  assert.equal(rows[0]!.seq, '1');
  assertIntact(await stored(ledger));
});

test('time never goes back behind the head, whatever the clock says', { skip }, async () => {
  const ledger = await created('clock');
  const [first] = await stored(ledger);
  const ahead = { ...first!.record, seq: 1, prev_hash: first!.hash, recorded_at: '2999-01-01T00:00:00.000Z' };
  const body = canonicalize({ ...ahead, action: 'x', data: { recorded_at: 'decoy' } });
  const line = `{"hash":"${leafHash(encoder.encode(body))}","record":${body}}\n`;
  await owner.query('SELECT indelible.append($1, 0, $2, $3)', [ledger, first!.hash, line]);
  const { rows } = await insert(ledger, [{ action: 'y' }]);
  assert.equal(rows[0]!.recorded_at.toISOString(), '2999-01-01T00:00:00.000Z');
  assertIntact(await stored(ledger));
});

test('what an event says in its data is not taken for the time of the head', { skip }, async () => {
  const ledger = await created('forged-time');
  const [first] = await stored(ledger);
  const decoy = { prev_hash: first!.hash, recorded_at: '9999-01-01T00:00:00.000Z' };
  await insert(ledger, [
    { action: 'x', data: decoy },
    { action: 'y', data: { ...decoy, seq: 1, v: 1 } },
    { action: 'z' },
  ]);
  const lines = await stored(ledger);
  assertIntact(lines);
  for (const { record } of lines) assert.ok(record.recorded_at < '2100', record.recorded_at);
});

test('the ledger need not be named where the role is bound to one', { skip }, async () => {
  await owner.query('CREATE ROLE single LOGIN IN ROLE indelible_writer');
  const single = await connected(server, database, 'single');
  try {
    const sql = "INSERT INTO indelible.events (action) VALUES ('x') RETURNING ledger, seq";
    assert.equal((await refusal(single.query(sql))).code, SQLSTATES.no_such_ledger);
    await owner.query("SELECT indelible.create_ledger('only', 'single')");
    assert.deepEqual((await single.query(sql)).rows, [{ ledger: 'only', seq: '1' }]);
    await owner.query("SELECT indelible.create_ledger('second', 'single')");
    assert.equal((await refusal(single.query(sql))).code, SQLSTATES.no_such_ledger);
  } finally {
    await single.end();
  }
});

test('events are read as columns, also when somebody damaged a record', { skip }, async () => {
  const ledger = await created('columns');
  await insert(ledger, EVENTS);
  const { rows } = await app.query(
    'SELECT actor_type, actor_id, resource_id, idempotency_key, occurred_at, data, cost_usd FROM indelible.events WHERE ledger = $1 ORDER BY seq OFFSET 1',
    [ledger],
  );
  assert.deepEqual(
    { ...rows[2] },
    {
      ...{ actor_type: 'database-role', actor_id: 'app', resource_id: '1/2', idempotency_key: 'order-1001' },
      ...{ occurred_at: new Date('2026-11-21T02:14:00.123Z'), cost_usd: '0.1' },
      data: '\ufffd \u0001 \\u0000 \\\ufffd',
    },
  );
  await owner.query('ALTER TABLE indelible.records DISABLE TRIGGER records_refuse_change');
  for (const [i, body] of ['no JSON', '[]', '{"latency_ms":"x"}', '{"recorded_at":"yesterday"}'].entries()) {
    await owner.query(
      'UPDATE indelible.records SET body = $1 WHERE seq = $2 AND ledger_id = (SELECT id FROM indelible.ledgers WHERE name = $3)',
      [body, i + 1, ledger],
    );
  }
  await owner.query('ALTER TABLE indelible.records ENABLE ALWAYS TRIGGER records_refuse_change');
  const damaged = await app.query(
    'SELECT action, body FROM indelible.events WHERE ledger = $1 ORDER BY seq',
    [ledger],
  );
  assert.deepEqual(
    damaged.rows.slice(1, 5).map(({ action }) => action),
    [null, null, null, null],
  );
  assert.equal(damaged.rows[5]!.action, 'x');
});
