/** Whether an index is the one of its log, decided while other processes write both. */
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { queryRecords } from '../../packages/indelible/src/evidence/query.ts';
import { alignIndex } from '../../packages/indelible/src/ledger/index-position.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import type { RecordIndex } from '../../packages/indelible/src/stores/index/contract.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { openSqliteStore } from '../../packages/indelible/src/stores/sqlite/sqlite-store.ts';
import { batchOf, makeRecords, temporaryFolder } from './support.ts';

const records = makeRecords(40);

async function openBoth(t: TestContext): Promise<{ store: LogStore; index: RecordIndex }> {
  const store = openMemoryStore();
  const index = await openSqliteIndex({ path: ':memory:', threads: 'none' });
  t.after(() => Promise.all([index.close(), store.close()]));
  return { store, index };
}

/** Another process records and indexes up to `end`. */
async function write({ store, index }: { store: LogStore; index: RecordIndex }, end: number): Promise<void> {
  const head = await store.head();
  const from = head === null ? 0 : head.seq + 1;
  const batch = batchOf(from, records.slice(from, end));
  await store.append(batch, head);
  await index.add(batch);
}

/** `target`, with something that happens right before each call of one method. */
function before<T extends object>(target: T, name: keyof T, happens: () => Promise<unknown>): T {
  return new Proxy(target, {
    get(_target, property) {
      const method = target[property as keyof T] as (...args: unknown[]) => unknown;
      if (property !== name) return method.bind(target);
      return async (...args: unknown[]) => {
        await happens();
        return method.apply(target, args);
      };
    },
  });
}

test('who opens a ledger while another process writes it leaves the index alone, whenever that happens', async (t) => {
  const both = await openBoth(t);
  await write(both, 10);
  let end = 10;
  const more = () => write(both, (end += 10));
  assert.equal(await alignIndex(both.store, before(both.index, 'tip', more)), 20);
  assert.equal(await alignIndex(before(both.store, 'head', more), both.index), 20);
  assert.equal(await alignIndex(before(both.store, 'firstSeq', more), both.index), 30);
  assert.equal(await both.index.position(), 40, 'nothing was forgotten');
});

test('an index that another process has just made anew is not made anew again', async (t) => {
  const both = await openBoth(t);
  await both.index.add(batchOf(0, records));
  await both.store.append(batchOf(0, records.slice(0, 30)), null);
  let resets = 0;
  const heal = async () => {
    if (resets++ > 0) return;
    await both.index.reset(0);
    await both.index.add(batchOf(0, records.slice(0, 20)));
  };
  assert.equal(await alignIndex(both.store, before(both.index, 'reset', heal)), 20);
  assert.equal(resets, 1);
});

test('the index of a log that was restored from a backup, and has grown past it since, starts over', async (t) => {
  const folder = await temporaryFolder(t);
  const [log, backup, index] = ['log.db', 'backup.db', 'index.db'].map((name) => join(folder, name));
  const open = async (path: string, index_path: string): Promise<Ledger> =>
    Ledger.open({
      store: await openSqliteStore({ path }),
      index: await openSqliteIndex({ path: index_path, threads: 'none' }),
    });
  const fill = async (ledger: Ledger, name: string, count: number): Promise<void> => {
    for (let i = 0; i < count; i++)
      await ledger.record({ action: 'step', data: i, idempotency_key: `${name}-${i}` });
    await ledger.caughtUp();
    await ledger.close();
  };
  await fill(await open(log!, index!), 'kept', 10);
  await cp(log!, backup!);
  await fill(await open(log!, index!), 'lost', 10);
  await fill(await open(backup!, ':memory:'), 'new', 15);

  const ledger = await open(backup!, index!);
  t.after(() => ledger.close());
  const page = await queryRecords(ledger, { filter: { text: 'new' } });
  assert.equal(page.records.length, 15);
  const again = await ledger.record({ action: 'step', data: 3, idempotency_key: 'new-3' });
  assert.deepEqual([again.seq, again.duplicate], [14, true]);
});

test('an index that is short or complete is kept; one of another log is not, however long', async (t) => {
  const { store, index } = await openBoth(t);
  const hashed = (first: number, digit: string, count: number) =>
    batchOf(first, records.slice(first, first + count), digit.repeat(64));
  await store.append(hashed(0, 'a', 10), null);
  await store.append(hashed(10, 'b', 10), await store.head());
  for (const batch of [hashed(0, 'a', 10), hashed(10, 'b', 10)]) {
    const position = await index.add(batch);
    assert.equal(await alignIndex(store, index), position);
  }
  for (const other of [hashed(0, 'c', 10), hashed(0, 'c', 20), hashed(0, 'c', 30)]) {
    await index.reset(0);
    await index.add(other);
    assert.equal(await alignIndex(store, index), 0);
  }
  await index.reset(5);
  await index.add(hashed(5, 'a', 5));
  assert.equal(await alignIndex(store, index), 0, 'it lacks what the log begins with');
});

test('the index of a log whose oldest records were dropped is kept, and begins where the log does', async (t) => {
  const { store, index } = await openBoth(t);
  await store.append(batchOf(20, records.slice(20)), null);
  await index.add(batchOf(0, records.slice(0, 30)));
  assert.equal(await alignIndex(store, index), 30);
  await index.reset(0);
  await index.add(batchOf(0, records.slice(0, 20)));
  assert.equal(await alignIndex(store, index), 20);
  assert.equal((await index.tip()).first_seq, 20, 'nothing that it had is in the log');
  assert.equal(await alignIndex(store, index), 20);
});
