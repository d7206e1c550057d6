/**
 * The application path: the database takes lines that continue the chain, and no others.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { GENESIS_HASH, leafHash } from '@indelible/core';
import type { Client } from 'pg';
import { SQLSTATES } from '../../packages/indelible/src/stores/postgres/schema/index.ts';
import { batchOf, type ChainShape, type SealedLine, sealChain, sealLine } from '../support/chain.ts';
import { noPostgres, type PostgresServer } from '../support/postgres.ts';
import { connected, refusal } from './schema-support.ts';
import { Databases } from './support.ts';

const skip = noPostgres();
const KEY = { key_id: 'k1', secret: new Uint8Array(32).fill(7) };
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
  await owner.query('CREATE ROLE appender LOGIN IN ROLE indelible_writer, indelible_reader');
  app = await connected(server, database, 'appender');
});

after(async () => {
  await app?.end();
  await owner?.end();
  await databases?.stop();
});

let ledgers = 0;

/** An empty ledger that `app` is bound to. */
async function provisioned(): Promise<string> {
  const name = `test/${++ledgers}`;
  await owner.query('SELECT indelible.provision($1, $2)', [name, 'appender']);
  return name;
}

function textOf(lines: readonly { hash: string; body: string }[]): string {
  return Buffer.from(batchOf(lines).bytes).toString();
}

/** One without decoys in the data. */
function sealPlainChain(shape: ChainShape): SealedLine[] {
  const lines: SealedLine[] = [];
  for (let seq = 0; seq < shape.length; seq++)
    lines.push(sealLine(seq, lines.at(-1)?.hash ?? GENESIS_HASH, shape, { data: { é: '日本\u0000"' } }));
  return lines;
}

function append(
  ledger: string,
  text: string,
  expected: Pick<SealedLine, 'seq' | 'hash'> | null,
  client: Client = app,
) {
  const values = [ledger, expected?.seq ?? null, expected?.hash ?? null, text];
  return client.query<{ append: string }>('SELECT indelible.append($1, $2, $3, $4)', values);
}

async function stored(ledger: string): Promise<SealedLine[]> {
  const { rows } = await app.query<{ seq: string; hash: string; body: string }>(
    `SELECT r.seq, encode(r.hash, 'hex') AS hash, r.body FROM indelible.records AS r
     JOIN indelible.ledgers AS l ON l.id = r.ledger_id WHERE l.name = $1 ORDER BY r.seq`,
    [ledger],
  );
  return rows.map(({ seq, hash, body }) => ({ seq: Number(seq), hash, body }));
}

for (const [what, key] of [
  ['plain', undefined],
  ['keyed', KEY],
] as const) {
  test(`a ${what} ledger takes what continues it, byte for byte`, { skip }, async () => {
    const ledger = await provisioned();
    const lines = sealChain({ length: 60, ledger, ...(key && { key }) });
    for (const [from, to] of [
      [0, 1],
      [1, 4],
      [4, 60],
    ] as const) {
      const { rows } = await append(ledger, textOf(lines.slice(from, to)), lines[from - 1] ?? null);
      assert.equal(rows[0]!.append, String(to - 1));
    }
    assert.deepEqual(await stored(ledger), lines);
  });
}

test('records without decoys in their data go the quick way, with the same result', { skip }, async () => {
  const ledger = await provisioned();
  const lines = sealPlainChain({ length: 20, ledger });
  await append(ledger, textOf(lines), null);
  assert.deepEqual(await stored(ledger), lines);
});

test('another head: the head that is there is told, and nothing is appended', { skip }, async () => {
  const ledger = await provisioned();
  const lines = sealChain({ length: 4, ledger });
  const early = await refusal(append(ledger, textOf(lines.slice(1)), lines[0]!));
  assert.deepEqual([early.code, JSON.parse(early.detail!)], [SQLSTATES.head_moved, { head: null }]);
  await append(ledger, textOf(lines.slice(0, 2)), null);
  const [, { seq, hash }] = lines as [SealedLine, SealedLine];
  for (const expected of [null, lines[0]!, { seq, hash: lines[0]!.hash }, { seq: 2, hash }]) {
    const { code, detail } = await refusal(append(ledger, textOf(lines.slice(2)), expected));
    assert.equal(code, SQLSTATES.head_moved);
    assert.deepEqual(JSON.parse(detail!), { head: { seq, hash } });
  }
  assert.deepEqual(await stored(ledger), lines.slice(0, 2));
});

/** Lines 1 to 3 with something done to them, and what the database says to it. */
const SPOILED: readonly {
  readonly what: string;
  readonly of?: 'keyed';
  readonly spoil: (lines: SealedLine[], ledger: string) => string;
  readonly problem: RegExp;
}[] = [
  {
    what: 'a number left out',
    spoil: ([, b, , d]) => textOf([b!, d!]),
    problem: /line 2 has the number 3 instead of 2/,
  },
  {
    what: 'a link to another record',
    spoil: ([a, b], ledger) => textOf([b!, sealLine(2, a!.hash, { ledger })]),
    problem: /line 2 does not link/,
  },
  {
    what: 'the right link in the data and a wrong one in the record',
    spoil: ([a, b], ledger) =>
      textOf([b!, sealLine(2, a!.hash, { ledger }, { data: { prev_hash: b!.hash } })]),
    problem: /line 2 does not link/,
  },
  {
    what: 'the right link, number and all in the data and a wrong link in the record',
    spoil: ([a, b], ledger) =>
      textOf([
        b!,
        sealLine(2, a!.hash, { ledger }, { data: { prev_hash: b!.hash, recorded_at: 'x', seq: 2, z: {} } }),
      ]),
    problem: /line 2 does not link/,
  },
  {
    what: 'no link but the one in the data',
    spoil: ([, b], ledger) => {
      const { body } = sealLine(2, b!.hash, { ledger }, { data: { prev_hash: b!.hash } });
      const without = body.replace(`"prev_hash":"${b!.hash}",`, '');
      return textOf([b!, { hash: leafHash(new TextEncoder().encode(without)), body: without }]);
    },
    problem: /line 2 does not link/,
  },
  {
    what: "another record's hash",
    spoil: ([, b, c]) => textOf([{ ...b!, hash: c!.hash }]),
    problem: /line 1 has a hash that is not its own/,
  },
  {
    what: 'a text that was changed',
    spoil: ([, b, c]) => textOf([b!, { ...c!, body: c!.body.replace('ann', 'bob') }]),
    problem: /line 2 has a hash that is not its own/,
  },
  {
    what: 'another ledger',
    spoil: ([a]) => textOf([sealLine(1, a!.hash, { ledger: 'test/foreign' })]),
    problem: /line 1 is of another ledger/,
  },
  {
    what: 'an earlier time',
    spoil: ([a], ledger) =>
      textOf([sealLine(1, a!.hash, { ledger }, { recorded_at: '2000-01-01T00:00:00.000Z' })]),
    problem: /line 1 is earlier/,
  },
  {
    what: 'no newline at the end',
    spoil: ([, b, c]) => textOf([b!, c!]).slice(0, -1),
    problem: /line 2 has no end/,
  },
  {
    what: 'an empty line',
    spoil: ([, b, c]) => `${textOf([b!])}\n${textOf([c!])}`,
    problem: /line 2 is not a line/,
  },
  { what: 'nothing at all', spoil: () => '', problem: /line 1|no end/ },
  {
    what: 'white space',
    spoil: ([, b]) => textOf([b!]).replace('{"hash"', '{ "hash"'),
    problem: /line 1 is not a line/,
  },
  {
    what: 'something behind the record',
    spoil: ([, b]) => textOf([b!]).replace(/}\n$/, ']\n'),
    problem: /line 1 is not a line/,
  },
  {
    what: 'a key id in a plain ledger',
    spoil: ([a], ledger) => textOf([sealLine(1, a!.hash, { ledger, key: KEY }, { data: 0 })]),
    problem: /line 1 has a key id/,
  },
  {
    what: 'no key id in a keyed ledger',
    of: 'keyed',
    spoil: ([a], ledger) => textOf([sealLine(1, a!.hash, { ledger }, { data: 0 })]),
    problem: /line 1 has no key id/,
  },
  {
    what: 'a hash that is none',
    of: 'keyed',
    spoil: ([, b]) => textOf([{ ...b!, hash: 'z'.repeat(64) }]),
    problem: /line 1 is not a line/,
  },
  {
    what: 'a hash in capitals',
    of: 'keyed',
    spoil: ([, b]) => textOf([{ ...b!, hash: b!.hash.toUpperCase() }]),
    problem: /line 1 is not a line/,
  },
  {
    what: 'a part of a hash',
    of: 'keyed',
    spoil: ([, b, c, d]) => textOf([b!, { hash: c!.hash.slice(0, 3), body: '' }, d!]),
    problem: /line 2 is not a line/,
  },
  {
    what: 'a wrong link in a keyed ledger',
    of: 'keyed',
    spoil: ([a, b], ledger) => textOf([b!, sealLine(2, a!.hash, { ledger, key: KEY })]),
    problem: /line 2 does not link/,
  },
];

// Records with decoys in their data are looked at more closely than others: both ways must refuse the same.
for (const seal of [sealChain, sealPlainChain])
  for (const { what, of, spoil, problem } of SPOILED) {
    test(`refused: ${what} (${seal.name})`, { skip }, async () => {
      const ledger = await provisioned();
      const lines = seal({ length: 4, ledger, ...(of === 'keyed' && { key: KEY }) });
      await append(ledger, textOf(lines.slice(0, 1)), null);
      const { code, message, detail } = await refusal(append(ledger, spoil(lines, ledger), lines[0]!));
      assert.equal(code, SQLSTATES.lines_refused, message);
      assert.match(message, problem);
      assert.ok(JSON.parse(detail!).line >= 0);
      assert.deepEqual(await stored(ledger), lines.slice(0, 1), 'nothing was appended');
      await append(ledger, textOf(lines.slice(1)), lines[0]!);
    });
  }

/** Where three lines of these lengths are said to end. */
const MISPLACED: readonly {
  readonly what: string;
  readonly ends: (a: number, b: number, c: number) => string;
}[] = [
  { what: 'nowhere', ends: () => '{}' },
  { what: 'two lines taken for one', ends: (a, b, c) => `{${a + b},${a + b + c}}` },
  { what: 'within a line', ends: (a, b, c) => `{${a},${a + b - 1},${a + b + c}}` },
  { what: 'the first line again', ends: (a, b, c) => `{${a},0,${a},${a + b},${a + b + c}}` },
  { what: 'the last line left out', ends: (a, b) => `{${a},${a + b}}` },
  { what: 'an end that is unknown', ends: (a, b, c) => `{${a},NULL,${a + b + c}}` },
  { what: 'numbered from 0', ends: (a, b, c) => `[0:2]={${a},${a + b},${a + b + c}}` },
  { what: 'a table of ends', ends: (a, b, c) => `{{${a},${a + b},${a + b + c}}}` },
  { what: 'before the beginning', ends: (a, b, c) => `{${-a},${a + b},${a + b + c}}` },
];

function appendCut(ledger: string, text: string, ends: string, expected: SealedLine) {
  const values = [ledger, expected.seq, expected.hash, Buffer.from(text), ends];
  return app.query(
    `INSERT INTO indelible.appends (ledger, expected_seq, expected_hash, lines, ends) VALUES ($1, $2, $3, $4, $5)`,
    values,
  );
}

for (const { what, ends } of MISPLACED) {
  test(`refused: lines whose ends are not where they are said to be: ${what}`, { skip }, async () => {
    const ledger = await provisioned();
    const lines = sealPlainChain({ length: 4, ledger });
    await append(ledger, textOf(lines.slice(0, 1)), null);
    const [a, b, c] = lines.slice(1).map((line) => Buffer.byteLength(textOf([line]))) as [
      number,
      number,
      number,
    ];
    const text = textOf(lines.slice(1));
    const { code, message } = await refusal(appendCut(ledger, text, ends(a, b, c), lines[0]!));
    assert.equal(code, SQLSTATES.lines_refused, message);
    assert.deepEqual(await stored(ledger), lines.slice(0, 1), 'nothing was appended');
    await appendCut(ledger, text, `{${a},${a + b},${a + b + c}}`, lines[0]!);
    assert.deepEqual(await stored(ledger), lines);
  });
}

test('refused: a record that goes over two lines', { skip }, async () => {
  const ledger = await provisioned();
  const [first, second] = sealPlainChain({ length: 2, ledger });
  await append(ledger, textOf([first!]), null);
  const body = second!.body.replace(/}$/, '\n}');
  const text = textOf([{ body, hash: leafHash(new TextEncoder().encode(body)) }]);
  const { code, message } = await refusal(appendCut(ledger, text, `{${Buffer.byteLength(text)}}`, first!));
  assert.deepEqual([code, message], [SQLSTATES.lines_refused, 'line 1 is not a line']);
});

test('the first record begins a chain, or continues one whose oldest records were dropped', {
  skip,
}, async () => {
  const ledger = await provisioned();
  const lines = sealChain({ length: 5, ledger });
  const false_start = sealLine(0, 'ab'.repeat(32), { ledger });
  assert.match((await refusal(append(ledger, textOf([false_start]), null))).message, /line 1 does not link/);
  for (const garbage of ['x\n', '{"hash":"","record":{}}\n'])
    assert.equal((await refusal(append(ledger, garbage, null))).code, SQLSTATES.lines_refused);
  await append(ledger, textOf(lines.slice(2)), null);
  assert.deepEqual(await stored(ledger), lines.slice(2));
});

test('of many appends upon one head exactly one is made', { skip }, async () => {
  const ledger = await provisioned();
  const [first] = sealChain({ length: 1, ledger });
  await append(ledger, textOf([first!]), null);
  const clients = await Promise.all(Array.from({ length: 6 }, () => connected(server, database, 'appender')));
  try {
    const rivals = clients.map((_, i) => sealLine(1, first!.hash, { ledger }, { data: i }));
    const answers = await Promise.allSettled(
      clients.map((client, i) => append(ledger, textOf([rivals[i]!]), first!, client)),
    );
    const refused = answers.filter((answer) => answer.status === 'rejected');
    assert.equal(refused.length, 5);
    for (const { reason } of refused) assert.equal((reason as { code: string }).code, SQLSTATES.head_moved);
    assert.equal((await stored(ledger)).length, 2);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
});

test('who has reserved the ledger appends first', { skip }, async () => {
  const ledger = await provisioned();
  const lines = sealChain({ length: 2, ledger });
  const other = await connected(server, database, 'appender');
  try {
    await app.query('BEGIN');
    await app.query('SELECT indelible.reserve($1)', [ledger]);
    const waiting = append(ledger, textOf(lines.slice(1)), lines[0]!, other);
    await append(ledger, textOf(lines.slice(0, 1)), null);
    await app.query('COMMIT');
    await waiting;
    assert.deepEqual(await stored(ledger), lines);
  } finally {
    await other.end();
  }
});

test('whatever goes wrong, a second append behind the same record is refused by the table itself', {
  skip,
}, async () => {
  const ledger = await provisioned();
  const lines = sealChain({ length: 2, ledger });
  await append(ledger, textOf(lines.slice(0, 1)), null);
  await append(ledger, textOf(lines.slice(1)), lines[0]!);
  const fork = `INSERT INTO indelible.records SELECT ledger_id, seq + 10, prev_hash, hash, body FROM indelible.records
    WHERE seq = 1 AND ledger_id = (SELECT id FROM indelible.ledgers WHERE name = $1)`;
  await assert.rejects(owner.query(fork, [ledger]), {
    code: '23505',
    constraint: 'records_prev_hash_key',
  });
});

test('an owner makes a ledger with its first append', { skip }, async () => {
  const [first] = sealChain({ length: 1, ledger: 'test/owners' });
  assert.equal((await refusal(append('test/owners', textOf([first!]), null))).code, SQLSTATES.no_such_ledger);
  await append('test/owners', textOf([first!]), null, owner);
  assert.deepEqual(
    (await owner.query("SELECT keyed FROM indelible.ledgers WHERE name = 'test/owners'")).rows,
    [{ keyed: false }],
  );
});
