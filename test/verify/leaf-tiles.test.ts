/** Leaf hashes in stretches: the same tiles and roots wherever a log is cut into parts. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { EMPTY_ROOT, merkleRoot } from '@indelible/core';
import fc from 'fast-check';
import { LeafTiles } from '../../packages/indelible/src/ledger/leaf-tiles.ts';
import { rangeOf, rootsAt } from '../../packages/indelible/src/verification/tree-roots.ts';
import { runs } from '../support/runs.ts';

const LEAVES = Array.from({ length: 1400 }, (_, i) => createHash('sha256').update(`leaf ${i}`).digest('hex'));
const bytesOf = (from: number, to: number): Uint8Array =>
  new Uint8Array(Buffer.from(LEAVES.slice(from, to).join(''), 'hex'));
const leavesOf = async (tile: number): Promise<Uint8Array> => bytesOf(256 * tile, 256 * (tile + 1));

function tilesOver(from: number, to: number): LeafTiles {
  const tiles = new LeafTiles(from, true);
  for (const leaf of LEAVES.slice(from, to)) tiles.append(leaf);
  return tiles;
}

const sizes = fc.integer({ min: 0, max: LEAVES.length });

test('parts of a log, cut anywhere, join to the whole, with the root at every size', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(sizes, { maxLength: 5 }),
      sizes,
      fc.array(sizes, { maxLength: 8 }),
      async (cuts, size, asked) => {
        const borders = [0, ...cuts.filter((cut) => cut < size).sort((a, b) => a - b), size];
        const joined = new LeafTiles(0);
        for (let i = 1; i < borders.length; i++)
          joined.join(tilesOver(borders[i - 1]!, borders[i]!).stretch());
        assert.deepEqual(joined.stretch(), tilesOver(0, size).stretch());
        const wanted = [...asked.filter((one) => one <= size), size];
        const roots = await rootsAt(
          { before: null, stretch: joined.stretch() },
          [...wanted, size + 1],
          [leavesOf],
        );
        for (const one of wanted)
          assert.equal(roots.get(one), one === 0 ? EMPTY_ROOT : merkleRoot(LEAVES.slice(0, one)));
        assert.equal(roots.has(size + 1), false);
      },
    ),
    { numRuns: runs(60) },
  );
});

test('a log gone on from anywhere has the same roots as one hashed at once', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, sizes, async (one, other) => {
      const [from, to] = [Math.min(one, other), Math.max(one, other)];
      const before = rangeOf({ before: null, stretch: tilesOver(0, from).stretch() });
      const hashed = { before, stretch: tilesOver(from, to).stretch() };
      const middle = Math.floor((from + to) / 2);
      const roots = await rootsAt(hashed, [from, middle, to, from - 1], [leavesOf]);
      for (const size of [from, middle, to])
        assert.equal(roots.get(size), size === 0 ? EMPTY_ROOT : merkleRoot(LEAVES.slice(0, size)));
      assert.equal(roots.has(from - 1), false, 'what lies before is not known');
      assert.deepEqual(rangeOf(hashed), rangeOf({ before: null, stretch: tilesOver(0, to).stretch() }));
    }),
    { numRuns: runs(60) },
  );
});

test('leaves fetched again count only if they have the root that was found', async () => {
  const stretch = tilesOver(0, 600).stretch();
  const lies = async (tile: number): Promise<Uint8Array> => (await leavesOf(tile)).map((byte) => byte ^ 1);
  const roots = await rootsAt({ before: null, stretch }, [100, 256, 600], [lies]);
  assert.deepEqual([...roots.keys()], [256, 600]);
  const nothing = await rootsAt({ before: null, stretch }, [100, 300], [async () => null]);
  assert.deepEqual([...nothing.keys()], []);
  const second = await rootsAt({ before: null, stretch }, [100], [lies, leavesOf]);
  assert.equal(second.get(100), merkleRoot(LEAVES.slice(0, 100)), 'another source may have them');
});

test('leaves are handed over once each, in order, whenever they are asked for', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 600 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 6 }),
      (begin, steps) => {
        const tiles = new LeafTiles(begin, true);
        let at = begin;
        let taken = begin;
        for (const step of steps) {
          for (const leaf of LEAVES.slice(at, at + step)) tiles.append(leaf);
          at = Math.min(LEAVES.length, at + step);
          const leaves = tiles.takeLeaves(100);
          if (leaves === null) assert.ok(at - taken < 100);
          else {
            assert.equal(leaves.first, taken);
            assert.deepEqual(leaves.hashes, bytesOf(taken, at));
            taken = at;
          }
        }
      },
    ),
  );
});
