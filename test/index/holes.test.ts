/**
 * A log with records missing: the index ends there and says so. It neither waits for what will not come, nor files what
 * is behind the gap under other records' numbers.
 */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { IndelibleError } from '@indelible/core';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { queryRecords } from '../../packages/indelible/src/evidence/query.ts';
import { readGapless } from '../../packages/indelible/src/ledger/gapless.ts';
import { IndexTail } from '../../packages/indelible/src/ledger/index-tail.ts';
import type { LineBatch, LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { openSqliteStore } from '../../packages/indelible/src/stores/sqlite/sqlite-store.ts';
import { makePlace } from '../cli/run-cli.ts';
import { runSql } from '../stores/support/sqlite-ledger.ts';
import { rejectsWith } from '../transparency/support.ts';
import { batchOf, makeRecords, temporaryFolder } from './support.ts';

const SILENT = { info() {}, warn() {}, error() {} };
const records = makeRecords(40);

/** A ledger of `count` records, of which some are deleted, and the index with them if it is to be built anew. */
async function cutLedger(t: TestContext, count: number, cut: string, indexed?: number) {
  const path = join(await temporaryFolder(t), 'ledger.db');
  const url = `sqlite:${path}`;
  const ledger = await openLedger(url);
  const record = (i: number) => ledger.record({ action: 'step', data: `needle${i}` });
  for (let i = 1; i < count; i += 1000)
    await Promise.all(Array.from({ length: Math.min(1000, count - i) }, (_, j) => record(i + j)));
  await ledger.close();
  runSql(path, `DROP TRIGGER records_refuse_delete; DELETE FROM records WHERE seq ${cut}`);
  for (const suffix of ['', '-wal', '-shm']) await rm(`${path}.index${suffix}`, { force: true });
  if (indexed !== undefined) {
    const index = await openSqliteIndex({ path: `${path}.index` });
    const store = await openSqliteStore({ path });
    for await (const batch of store.read(0, indexed)) await index.add(batch);
    await Promise.all([index.close(), store.close()]);
  }
  return url;
}

for (const [where, indexed] of [
  ['within a batch', undefined],
  ['right behind the index', 10],
] as const)
  test(`records missing ${where}: what is before them is found, who waits for more learns of the damage`, async (t) => {
    const url = await cutLedger(t, 30, 'BETWEEN 10 AND 15', indexed);
    let faults = 0;
    const ledger = await openLedger(url, { log: { ...SILENT, error: () => faults++ } });
    t.after(() => ledger.close());
    const search = (at_least: 'head' | number) =>
      queryRecords(ledger, { filter: { text: 'needle20' }, at_least });
    assert.match(await rejectsWith('LEDGER_DAMAGED', () => search('head')), /^record 10 is missing/);
    assert.equal(ledger.stats.index_position, 10);
    const before = await queryRecords(ledger, { filter: { text: 'needle9' }, at_least: 9 });
    assert.equal(before.records[0]!.record.seq, 9);
    assert.equal((await ledger.record({ action: 'step', idempotency_key: 'a' })).seq, 30);
    assert.equal((await ledger.record({ action: 'step', idempotency_key: 'a' })).duplicate, true);
    await rejectsWith('LEDGER_DAMAGED', () => search('head'));
    assert.equal(faults, 1, 'it is tried again and again, and logged once');
  });

test('a log with a gap is opened and recorded to, also when its index is far behind', async (t) => {
  const url = await cutLedger(t, 51_000, '= 100');
  const ledger = await openLedger(url, { log: SILENT });
  t.after(() => ledger.close());
  assert.equal(ledger.stats.index_position, 100);
  assert.equal((await ledger.record({ action: 'step' })).seq, 51_000);
});

test('log and reindex end with LEDGER_DAMAGED where records are missing', async (t) => {
  const place = await makePlace(t);
  await place.fill('{"action":"a"}\n'.repeat(20));
  const path = join(place.folder, 'indelible-data', 'ledger.db');
  runSql(path, 'DROP TRIGGER records_refuse_delete; DELETE FROM records WHERE seq = 10');
  for (const command of ['reindex', 'log']) {
    const { code, stderr } = await place.run([command]);
    assert.equal(code, 1, command);
    assert.match(stderr, /LEDGER_DAMAGED: record 10 is missing.*indelible verify/s);
  }
  const found = await place.run(['log', '--no-wait', '--limit', '100']);
  assert.equal(found.stdout.trimEnd().split('\n').length, 10);
});

/** A store whose reading gives these batches. */
function reading(batches: readonly LineBatch[], first_seq = 0): Pick<LogStore, 'read' | 'firstSeq'> {
  return {
    async *read() {
      yield* batches;
    },
    firstSeq: async () => first_seq,
  };
}

const lines = (from: number, to: number) => batchOf(from, records.slice(from, to));

test('a gap is told from what a truncation dropped', async () => {
  const seqs = async (store: Pick<LogStore, 'read' | 'firstSeq'>, from: number, to?: number) => {
    const found: number[] = [];
    for await (const batch of readGapless(store, from, to)) found.push(batch.first_seq, batch.ends.length);
    return found;
  };
  assert.deepEqual(await seqs(reading([lines(0, 5), lines(5, 9)]), 0, 9), [0, 5, 5, 4]);
  assert.deepEqual(await seqs(reading([lines(20, 30)], 20), 10), [20, 10]);
  assert.deepEqual(await seqs(reading([lines(0, 5), lines(20, 30)], 25), 0, 30), [0, 5, 20, 10]);
  for (const [missing, store] of [
    [10, reading([lines(20, 30)], 5)],
    [15, reading([lines(10, 15), lines(20, 30)])],
    [15, reading([lines(10, 15), lines(12, 30)])],
    [30, reading([lines(10, 30)])],
  ] as const)
    assert.match(
      await rejectsWith('LEDGER_DAMAGED', () => seqs(store, 10, 31)),
      new RegExp(`^record ${missing} is missing`),
    );
  await rejectsWith('LEDGER_DAMAGED', () => seqs(reading([lines(12, 30)]), 10));
});

test('a store that has a head but does not give its records does not keep the index busy', async (t) => {
  const store = openMemoryStore();
  await store.append(lines(0, 10), null);
  let reads = 0;
  store.read = () => {
    reads++;
    return reading([]).read(0);
  };
  const index = await openSqliteIndex({ path: ':memory:', threads: 'none' });
  const tail = new IndexTail({ store, index, position: 0, log: SILENT, onPosition() {}, headSeq: () => -1 });
  t.after(async () => {
    await tail.close();
    await Promise.all([index.close(), store.close()]);
  });
  await rejectsWith('LEDGER_DAMAGED', () => tail.reach(10));
  assert.equal(reads, 2);
});

test('the log tells once that indexing fails, and that it works again', async (t) => {
  const store = openMemoryStore();
  await store.append(lines(0, 10), null);
  const index = await openSqliteIndex({ path: ':memory:', threads: 'none' });
  const faults = Array.from({ length: 2 }, () => new IndelibleError('STORE_FULL', 'the disk is full'));
  const { add } = index;
  index.add = async (batch) => {
    const fault = faults.shift();
    if (fault !== undefined) throw fault;
    return add.call(index, batch);
  };
  const told: string[] = [];
  const tell = (_facts: object, message: string) => void told.push(message.split(';')[0]!);
  const log = { ...SILENT, warn: tell, error: tell };
  const tail = new IndexTail({ store, index, position: 0, log, onPosition() {}, headSeq: () => -1 });
  t.after(async () => {
    await tail.close();
    await Promise.all([index.close(), store.close()]);
  });
  await rejectsWith('STORE_FULL', () => tail.reach(10));
  await rejectsWith('STORE_FULL', () => tail.reach(10));
  await tail.reach(10);
  assert.deepEqual(told, ['indexing failed', 'indexing works again']);
});
