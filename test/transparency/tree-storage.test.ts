/** What every storage of a tree promises (TreeStorage). */
import assert from 'node:assert/strict';
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TreeStorage } from '../../packages/indelible/src/transparency/contract.ts';
import { openTreeFolder } from '../../packages/indelible/src/transparency/tree-folder.ts';
import { openMemoryTree } from '../../packages/indelible/src/transparency/tree-memory.ts';
import { folder, rejectsWith } from './support.ts';

const STORAGES: Readonly<Record<string, (t: TestContext) => Promise<TreeStorage>>> = {
  memory: async () => openMemoryTree(),
  folder: (t) => openTreeFolder(join(folder(t), 'tree')),
};

const hashes = (first: number, count: number): Uint8Array =>
  Uint8Array.from({ length: count * 32 }, (_, i) => first + Math.floor(i / 32));

for (const [name, open] of Object.entries(STORAGES)) {
  test(`${name}: an empty tree has no hashes anywhere`, async (t) => {
    const storage = await open(t);
    assert.equal(await storage.width(0), 0);
    assert.equal((await storage.read(3, 0, 256)).length, 0);
    await storage.close();
  });

  test(`${name}: what was written is read, as far as it is there, and written again without harm`, async (t) => {
    const storage = await open(t);
    await storage.write(0, 0, hashes(1, 3));
    await storage.write(0, 3, hashes(4, 300));
    await storage.write(0, 1, hashes(2, 2));
    await storage.write(1, 0, hashes(9, 1));
    await storage.sync();
    assert.deepEqual([await storage.width(0), await storage.width(1), await storage.width(2)], [303, 1, 0]);
    assert.deepEqual(new Uint8Array(await storage.read(0, 2, 3)), hashes(3, 3));
    assert.equal((await storage.read(0, 300, 256)).length, 3 * 32);
    assert.equal((await storage.read(0, 400, 1)).length, 0);
    await storage.close();
  });

  test(`${name}: nothing is written behind the end`, async (t) => {
    const storage = await open(t);
    await rejectsWith('TREE_DAMAGED', () => storage.write(0, 1, hashes(1, 1)));
    await storage.write(0, 0, hashes(1, 2));
    await rejectsWith('TREE_DAMAGED', () => storage.write(0, 3, hashes(1, 1)));
    assert.equal(await storage.width(0), 2);
    await storage.close();
  });

  test(`${name}: cutting keeps the hashes of whole subtrees below the cut`, async (t) => {
    const storage = await open(t);
    await storage.write(0, 0, hashes(1, 600));
    await storage.write(1, 0, hashes(1, 2));
    await storage.cut(511);
    assert.deepEqual([await storage.width(0), await storage.width(1)], [511, 1]);
    await storage.cut(1000);
    assert.equal(await storage.width(0), 511, 'a cut never adds');
    await storage.close();
  });
}

test('two writers of one folder write the same places without harm, and a reader sees both', async (t) => {
  const path = join(folder(t), 'tree');
  const [left, right] = [await openTreeFolder(path), await openTreeFolder(path)];
  const reader = await openTreeFolder(path, { read_only: true });
  assert.equal(await reader.width(0), 0);
  await left.write(0, 0, hashes(1, 5));
  await right.write(0, 0, hashes(1, 3));
  await right.write(0, 3, hashes(4, 6));
  assert.deepEqual(new Uint8Array(await reader.read(0, 0, 10)), hashes(1, 9));
  await rejectsWith('STORE_READ_ONLY', () => reader.write(0, 0, hashes(1, 1)));
  await Promise.all([left.close(), right.close(), reader.close()]);
  await rejectsWith('LEDGER_CLOSED', () => left.read(0, 0, 1));
});

test('the folder is for its owner alone, and half a hash at the end is not read', async (t) => {
  const path = join(folder(t), 'tree');
  const storage = await openTreeFolder(path);
  await storage.write(0, 0, hashes(1, 3));
  assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(path), ['level-0']);
  assert.equal(statSync(join(path, 'level-0')).mode & 0o777, 0o600);
  truncateSync(join(path, 'level-0'), 70);
  assert.equal(await storage.width(0), 2);
  assert.equal((await storage.read(0, 0, 3)).length, 64);
  await storage.write(0, 2, hashes(3, 1));
  assert.deepEqual(new Uint8Array(await storage.read(0, 0, 3)), hashes(1, 3));
  await storage.close();
});
