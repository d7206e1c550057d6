/** The growing tree against core's own. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  encodeTile,
  GrowingTree,
  merkleRoot,
  tileRoot,
  verifyConsistency,
  verifyInclusion,
} from '@indelible/core';
import fc from 'fast-check';
import type { TreeStorage } from '../../packages/indelible/src/transparency/contract.ts';
import { writeTileRoot } from '../../packages/indelible/src/transparency/full-tile.ts';
import { writePlainLeaf } from '../../packages/indelible/src/transparency/leaf-hashes.ts';
import {
  storedConsistency,
  storedInclusion,
  storedRoot,
} from '../../packages/indelible/src/transparency/stored-tree.ts';
import { LogTree } from '../../packages/indelible/src/transparency/tree.ts';
import { openMemoryTree } from '../../packages/indelible/src/transparency/tree-memory.ts';
import { FULL } from '../support/runs.ts';
import { batchOf, rejectsWith } from './support.ts';

const leaf = (i: number): string => createHash('sha256').update(`leaf ${i}`).digest('hex');
const leaves = Array.from({ length: 300 }, (_, i) => leaf(i));

async function grown(storage: TreeStorage, all: readonly string[]): Promise<LogTree> {
  const tree = await LogTree.resume(storage, writePlainLeaf, 0);
  tree.add(batchOf(0, all), 0);
  await tree.flush();
  return tree;
}

test('a full tile has the root that core computes', () => {
  const all = Array.from({ length: 256 }, (_, i) => leaf(i));
  const bytes = encodeTile(all);
  const target = Buffer.alloc(64);
  writeTileRoot(Buffer.concat([Buffer.alloc(32), bytes]), 32, target, 32);
  assert.equal(target.toString('hex', 32), tileRoot(bytes));
  assert.equal(target.toString('hex', 32), merkleRoot(all));
});

test('every size from 0 to 300: the root, and every proof that core’s checker takes', async () => {
  const storage = openMemoryTree();
  await grown(storage, leaves);
  const known = new GrowingTree();
  const roots = [known.root()];
  for (const one of leaves) {
    known.append(one);
    roots.push(known.root());
  }
  let proofs = 0;
  for (let size = 0; size <= 300; size++) {
    assert.equal(await storedRoot(storage, size), roots[size], `the root of ${size}`);
    const root = roots[size]!;
    // Every index and every older size for sizes that lie about the width of a tile; a sample for the others.
    const about_tile = FULL ? [255, 256, 257, 300] : [257];
    const step = size <= 12 || about_tile.includes(size) ? 1 : 23;
    for (let index = step === 1 ? 0 : size % step; index < size; index += step) {
      const { proof } = await storedInclusion(storage, index, size);
      assert.deepEqual(verifyInclusion({ leaf: leaves[index]!, index, size, root, proof }), { ok: true });
      const from = index + 1;
      const steps = await storedConsistency(storage, from, size);
      const claim = { from, from_root: roots[from]!, to: size, to_root: root, proof: steps };
      assert.deepEqual(verifyConsistency(claim), { ok: true }, `${from} to ${size}`);
      proofs += 2;
    }
  }
  assert.ok(proofs > (FULL ? 5000 : 4000), `${proofs} proofs`);
});

test('however records arrive and whenever they are written, hashes and root are the same; it goes on where it was', async () => {
  const all = Array.from({ length: 70_000 }, (_, i) => leaf(i));
  const expected = openMemoryTree();
  const root = (await grown(expected, all)).root();
  assert.equal(root, merkleRoot(all));
  const widths = await Promise.all([0, 1, 2, 3].map((level) => expected.width(level)));
  assert.deepEqual(widths, [70_000, 273, 1, 0]);
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          count: fc.integer({ min: 1, max: 30_000 }),
          next: fc.constantFrom('wait', 'flush', 'resume'),
        }),
        {
          minLength: 1,
          maxLength: 12,
        },
      ),
      async (steps) => {
        const storage = openMemoryTree();
        let tree = await LogTree.resume(storage, writePlainLeaf, 0);
        const writing: Promise<void>[] = [];
        for (const { count, next } of [...steps, { count: all.length, next: 'flush' }]) {
          const part = all.slice(tree.size, tree.size + count);
          if (part.length > 0) tree.add(batchOf(tree.size, part), 0);
          if (next !== 'wait') writing.push(tree.flush());
          if (next === 'resume') {
            await Promise.all(writing);
            tree = await LogTree.resume(storage, writePlainLeaf, tree.size);
          }
        }
        await Promise.all(writing);
        assert.equal(tree.root(), root);
        assert.equal(tree.unwritten, 0);
        for (const [level, width] of widths.entries()) {
          assert.equal(await storage.width(level), width);
          assert.deepEqual(await storage.read(level, 0, width), await expected.read(level, 0, width));
        }
      },
    ),
    { numRuns: FULL ? 8 : 3 },
  );
});

test('a write that fails loses nothing: the next one writes all of it', async () => {
  const storage = openMemoryTree();
  let fails = true;
  const tree = await LogTree.resume(
    {
      ...storage,
      write: (level, from, hashes) =>
        fails && level === 1 ? Promise.reject(new Error('no')) : storage.write(level, from, hashes),
    },
    writePlainLeaf,
    0,
  );
  tree.add(batchOf(0, leaves), 0);
  await assert.rejects(tree.flush(), /no/);
  fails = false;
  await tree.flush();
  assert.equal(await storedRoot(storage, 300), merkleRoot(leaves));
});

test('a line that is none, or whose hash is none, changes nothing', async () => {
  const tree = await grown(openMemoryTree(), leaves.slice(0, 5));
  const root = tree.root();
  const bad = batchOf(5, [leaf(5), leaf(6).toUpperCase()]);
  await rejectsWith('LEDGER_DAMAGED', () => tree.add(bad, 0));
  const cut = batchOf(5, [leaf(5)]);
  await rejectsWith('LEDGER_DAMAGED', () => tree.add({ ...cut, bytes: cut.bytes.fill(0x20, 0, 9) }, 0));
  assert.deepEqual([tree.size, tree.root()], [5, root]);
});

test('it does not resume from a tree that is too short', async () => {
  const storage = openMemoryTree();
  await grown(storage, leaves);
  await storage.cut(290);
  await rejectsWith('TREE_DAMAGED', () => LogTree.resume(storage, writePlainLeaf, 300));
});
