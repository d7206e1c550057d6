/** Whether an index is the one of its log, decided while other processes write both. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { alignIndex } from '../../packages/indelible/src/ledger/index-position.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import type { RecordIndex } from '../../packages/indelible/src/stores/index/contract.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { batchOf, makeRecords } from './support.ts';

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
  assert.equal(await alignIndex(both.store, before(both.index, 'position', more)), 20);
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
