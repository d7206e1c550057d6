/**
 * The index as a file: several writers, crashes, damage, truncation, closing.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { RecordIndex } from '../../packages/indelible/src/stores/index/contract.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { addAll, batchOf, type Loose, makeRecords, naiveSearch, temporaryFolder } from './support.ts';

const records = makeRecords(500);

async function findings(index: RecordIndex, log: readonly Loose[]) {
  const check = await index.check();
  return [...(await check.feed(batchOf(0, log))), ...(await check.finish())];
}

test('a batch that does not start at the position is passed over', async (t) => {
  const index = await openSqliteIndex({ path: ':memory:' });
  t.after(() => index.close());
  await index.add(batchOf(0, records.slice(0, 10)));
  await index.add(batchOf(11, records.slice(11, 20)));
  await index.add(batchOf(5, records.slice(5, 20)));
  await index.add(batchOf(0, records.slice(0, 10)));
  await index.add(batchOf(10, []));
  assert.equal(await index.position(), 10);
  assert.deepEqual(await findings(index, records), []);
});

test('only its owner may read the index, its write-ahead log too', async (t) => {
  const folder = await temporaryFolder(t);
  const index = await openSqliteIndex({ path: join(folder, 'index.db') });
  t.after(() => index.close());
  await index.add(batchOf(0, records));
  for (const name of await readdir(folder)) {
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name);
  }
});

test('a store may reuse the memory of a batch at once', async (t) => {
  const index = await openSqliteIndex({ path: ':memory:' });
  t.after(() => index.close());
  const batch = batchOf(0, records);
  const added = index.add(batch);
  batch.bytes.fill(0);
  await added;
  assert.deepEqual(await findings(index, records), []);
});

test('two that tail into one file make one index', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  const one = await openSqliteIndex({ path });
  const other = await openSqliteIndex({ path });
  t.after(() => Promise.all([one.close(), other.close()]));
  const tail = async (index: RecordIndex, size: number) => {
    for (let from = await index.position(); from < records.length; from = await index.position())
      await index.add(batchOf(from, records.slice(from, from + size)));
  };
  await Promise.all([tail(one, 3), tail(other, 5)]);
  assert.deepEqual(await findings(one, records), []);
  const search = { filter: { outcome: 'error' }, order: 'newest', limit: 100 } as const;
  assert.deepEqual((await other.search(search)).seqs, naiveSearch(records, search).seqs);
});

test('what one process resets, another does not take for granted', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  const one = await openSqliteIndex({ path });
  const other = await openSqliteIndex({ path });
  t.after(() => Promise.all([one.close(), other.close()]));
  await one.add(batchOf(0, records));
  await other.reset(0);
  await one.add(batchOf(0, records));
  assert.equal(await other.count({ action: 'secret.*' }, 1000), 200);
  assert.deepEqual(await findings(one, records), []);
});

test('a long add does not hold up a search', async (t) => {
  const index = await openSqliteIndex({ path: ':memory:' });
  t.after(() => index.close());
  await index.add(batchOf(0, records));
  let added = false;
  const long = Array.from({ length: 20_000 }, (_, i) => records[i % 500]!);
  const adding = index.add(batchOf(500, long)).then(() => (added = true));
  const found = await index.search({ filter: { outcome: 'error' }, order: 'oldest', limit: 1 });
  assert.deepEqual([found.seqs, found.position, added], [[4], 500, false]);
  await adding;
  assert.equal(await index.position(), 20_500);
});

test('kill -9 in the middle of adding leaves position and rows in step', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  const child = spawn(
    process.execPath,
    ['--conditions=source', fileURLToPath(new URL('./add-forever.ts', import.meta.url)), path],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let reached = 0;
  for await (const chunk of child.stdout) {
    reached = Number(String(chunk).trim().split('\n').at(-1));
    if (reached >= 700) break;
  }
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  const index = await openSqliteIndex({ path });
  t.after(() => index.close());
  const position = await index.position();
  assert.ok(position >= reached, `what was added stays: ${position} >= ${reached}`);
  assert.deepEqual(await findings(index, makeRecords(position)), []);
});

test('bodies that are no records get a row and break nothing', async (t) => {
  const index = await openSqliteIndex({ path: ':memory:' });
  t.after(() => index.close());
  const bodies = [
    '{"action":"cut off',
    new Uint8Array([0xff, 0xfe, 0x00, 0x22]),
    '[]',
    'null',
    '{"action":7,"actor":"x","resource":[1],"session":null,"related_resources":[null,"y"]}',
    `{"action":"deep","data":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
    '{"action":"nul\\u0000inside","actor":{"id":"lone \\ud800","type":"user"}}',
    { ...records[7], seq: 7 },
  ];
  await index.add(batchOf(0, bodies));
  assert.equal(await index.position(), 8);
  const all = await index.search({ filter: {}, order: 'oldest', limit: 20 });
  assert.deepEqual(all.seqs, [0, 1, 2, 3, 4, 5, 6, 7]);
  const deep = await index.search({ filter: { action: 'd*' }, order: 'oldest', limit: 20 });
  assert.deepEqual(deep.seqs, [5]);
  const check = await index.check();
  assert.deepEqual([...(await check.feed(batchOf(0, bodies))), ...(await check.finish())], []);
  const since = await index.search({
    filter: { since: String(records[7]!.recorded_at) },
    order: 'oldest',
    limit: 9,
  });
  assert.deepEqual(since.seqs, [7]);
});

test('truncate forgets what lies below, whole segments and parts of one', async (t) => {
  const index = await openSqliteIndex({ path: ':memory:' });
  t.after(() => index.close());
  await addAll(index, records, [100]);
  await index.truncate(250);
  await index.truncate(250);
  await index.truncate(10);
  const search = { filter: { actor: 'actor-3' }, order: 'oldest', limit: 1000 } as const;
  const expected = naiveSearch(records.slice(250), search).seqs;
  assert.deepEqual((await index.search(search)).seqs, expected);
  assert.equal(await index.count({}, 1000), 250);
  assert.equal(await index.byId(String(records[3]!.id)), null);
  const check = await index.check();
  assert.deepEqual([...(await check.feed(batchOf(250, records.slice(250)))), ...(await check.finish())], []);
  await index.reset(300);
  assert.equal(await index.position(), 300);
  assert.deepEqual((await index.search({ filter: {}, order: 'newest', limit: 5 })).seqs, []);
  await index.add(batchOf(300, records.slice(300)));
  assert.equal(
    await index.count({ action: 'secret.*' }, 1000),
    naiveSearch(records.slice(300), { filter: { action: 'secret.*' }, order: 'oldest', limit: 1000 }).seqs
      .length,
  );
});

test('a file that is no index is INDEX_DAMAGED, and rebuild makes it one', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  await writeFile(path, 'this is not a database, and longer than its header would be '.repeat(100));
  await assert.rejects(openSqliteIndex({ path }), { code: 'INDEX_DAMAGED' });
  const index = await openSqliteIndex({ path, rebuild: true });
  t.after(() => index.close());
  assert.equal(await index.position(), 0);
});

test('overwritten pages are INDEX_DAMAGED, not a wrong answer', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  const index = await openSqliteIndex({ path });
  await addAll(index, records, [50]);
  await index.close();
  const bytes = await readFile(path);
  bytes.fill(0xa5, 8192);
  await writeFile(path, bytes);
  const damaged = async () => {
    const reopened = await openSqliteIndex({ path });
    t.after(() => reopened.close());
    await reopened.search({ filter: { outcome: 'ok' }, order: 'newest', limit: 10 });
  };
  await assert.rejects(damaged, { code: 'INDEX_DAMAGED' });
});

test('an index of another version starts empty; read-only it is INDEX_DAMAGED', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  const first = await openSqliteIndex({ path });
  await first.add(batchOf(0, records));
  await first.close();
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 999');
  database.close();
  await assert.rejects(openSqliteIndex({ path, read_only: true }), { code: 'INDEX_DAMAGED' });
  const index = await openSqliteIndex({ path });
  t.after(() => index.close());
  assert.equal(await index.position(), 0);
});

test('read-only: it answers, and refuses to write', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  await assert.rejects(openSqliteIndex({ path, read_only: true }), { code: 'INDEX_DAMAGED' });
  const writer = await openSqliteIndex({ path });
  await writer.add(batchOf(0, records));
  const index = await openSqliteIndex({ path, read_only: true });
  t.after(() => Promise.all([index.close(), writer.close()]));
  assert.equal(await index.count({ outcome: 'error' }, 1000), 83);
  await assert.rejects(index.add(batchOf(500, records)), { code: 'STORE_READ_ONLY' });
  await assert.rejects(index.reset(0), { code: 'STORE_READ_ONLY' });
});

test('close waits for what was asked, is repeatable, and removes a temporary index', async () => {
  const before = await openSqliteIndex({ path: ':memory:' });
  const added = before.add(batchOf(0, records));
  const closing = before.close();
  await Promise.all([added, closing, before.close()]);
  await assert.rejects(before.position(), { code: 'LEDGER_CLOSED' });
  await assert.rejects(before.add(batchOf(500, records)), { code: 'LEDGER_CLOSED' });
});

test('the file keeps everything across a reopening', async (t) => {
  const path = join(await temporaryFolder(t), 'index.db');
  const first = await openSqliteIndex({ path });
  await addAll(first, records, [7]);
  await first.close();
  await assert.rejects(access(`${path}-wal`), 'the last to close folds the write-ahead log in');
  const index = await openSqliteIndex({ path });
  t.after(() => index.close());
  assert.equal(await index.position(), 500);
  assert.deepEqual(await findings(index, records), []);
});
