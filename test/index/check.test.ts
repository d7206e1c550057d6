/**
 * `check` names every way in which an index can disagree with its log, and the first record concerned.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { COLUMNS } from '../../packages/indelible/src/stores/index/columns.ts';
import type { IndexFinding } from '../../packages/indelible/src/stores/index/contract.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { addAll, batchOf, type Loose, makeRecords, temporaryFolder } from './support.ts';

const records = makeRecords(400);

const DAMAGE: readonly { name: string; sql: string; seq: number; detail: RegExp }[] = [
  ...COLUMNS.map((column, i) => ({
    name: `column ${column} edited`,
    sql: `UPDATE records SET ${column} = 'x' WHERE seq IN (${100 + i}, 300)`,
    seq: 100 + i,
    detail: new RegExp(`^column ${column} differs`),
  })),
  {
    name: 'column emptied',
    sql: 'UPDATE records SET action = NULL WHERE seq = 5',
    seq: 5,
    detail: /column action/,
  },
  { name: 'row deleted', sql: 'DELETE FROM records WHERE seq IN (77, 200)', seq: 77, detail: /no row/ },
  { name: 'rows moved', sql: 'UPDATE records SET seq = 1000 WHERE seq = 399', seq: 399, detail: /no row/ },
  {
    name: 'row too many',
    sql: "INSERT INTO records (seq, action) VALUES (-3, 'x')",
    seq: -3,
    detail: /without a record/,
  },
  {
    name: 'row beyond the end',
    sql: "INSERT INTO records (seq, action) VALUES (400, 'x')",
    seq: 400,
    detail: /without a record/,
  },
  {
    name: 'action unlisted',
    sql: "DELETE FROM actions WHERE action = 'user.login'",
    seq: 2,
    detail: /list of actions/,
  },
  { name: 'segment deleted', sql: 'DELETE FROM segments WHERE first = 300', seq: 300, detail: /no segment/ },
  {
    name: 'last hash edited',
    sql: "UPDATE state SET last_hash = 'ab'",
    seq: 399,
    detail: /another hash of this record/,
  },
  {
    name: 'block deleted',
    sql: 'DELETE FROM blocks WHERE id = 100 * 8192',
    seq: 100,
    detail: /cannot be read/,
  },
  {
    name: 'block overwritten',
    sql: 'UPDATE blocks SET bytes = zeroblob(length(bytes)) WHERE id = 200 * 8192 + 1',
    seq: 200,
    detail: /found by/,
  },
  {
    name: 'block taken from another segment',
    sql: 'UPDATE blocks SET bytes = (SELECT bytes FROM blocks WHERE id = 0) WHERE id = 300 * 8192',
    seq: 300,
    detail: /found by|cannot be read/,
  },
];

async function checkAfter(path: string, log: readonly Loose[]): Promise<IndexFinding[]> {
  const index = await openSqliteIndex({ path });
  try {
    const check = await index.check();
    const found: IndexFinding[] = [];
    for (let from = 0; from < log.length; from += 90)
      found.push(...(await check.feed(batchOf(from, log.slice(from, from + 90)))));
    return [...found, ...(await check.finish())].sort((a, b) => a.seq - b.seq);
  } finally {
    await index.close();
  }
}

let folder = '';
let prepared = '';
after(() => rm(folder, { recursive: true, force: true }));
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'indelible-check-'));
  prepared = join(folder, 'index.db');
  const index = await openSqliteIndex({ path: prepared });
  await addAll(index, records, [100]);
  await index.close();
});

/** An index of all records. */
async function indexFile(path: string): Promise<void> {
  await cp(prepared, path);
}

test('a sound index has no findings', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  await indexFile(path);
  assert.deepEqual(await checkAfter(path, records), []);
});

for (const { name, sql, seq, detail } of DAMAGE) {
  test(`${name} is found at record ${seq}`, async (t) => {
    const path = join(await temporaryFolder(t), 'index.db');
    await indexFile(path);
    const database = new DatabaseSync(path);
    assert.ok(Number(database.prepare(sql).run().changes) > 0, 'the damage must take hold');
    database.close();
    const [first] = await checkAfter(path, records);
    assert.equal(first?.seq, seq);
    assert.match(first.detail, detail);
  });
}

test('one record taken out of one list of postings is found at that record', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  await indexFile(path);
  // A record changed before indexing and changed back in the row: only the postings still tell.
  const hidden = records.map((record, seq) => (seq === 123 ? { ...record, outcome: 'pending' } : record));
  const index = await openSqliteIndex({ path, rebuild: true });
  await addAll(index, hidden, [100]);
  await index.close();
  const database = new DatabaseSync(path);
  database.prepare('UPDATE records SET outcome = ? WHERE seq = 123').run(String(records[123]!.outcome));
  database.close();
  const found = await checkAfter(path, records);
  assert.deepEqual(found, [{ seq: 123, detail: 'what this record can be found by differs from the record' }]);
});

test('what is not indexed yet is lag, not damage', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  await indexFile(path);
  assert.deepEqual(await checkAfter(path, makeRecords(600)), []);
});

test('an index that reaches past the log is found where the log ends', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  await indexFile(path);
  const [first] = await checkAfter(path, records.slice(0, 350));
  assert.equal(first?.seq, 350);
});

test('an index that goes on being written while it is checked has no findings', async (t) => {
  const index = await openSqliteIndex({ path: join(await temporaryFolder(t), 'index.db') });
  t.after(() => index.close());
  await addAll(index, records.slice(0, 200), [10]);
  const check = await index.check();
  const found = await check.feed(batchOf(0, records.slice(0, 100)));
  for (let from = 200; from < 400; from++) await index.add(batchOf(from, [records[from]!]));
  found.push(...(await check.feed(batchOf(100, records.slice(100)))), ...(await check.finish()));
  assert.deepEqual(found, []);
});
