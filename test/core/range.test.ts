/** Compact ranges: joined anywhere, they give the root of the whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_ROOT, leafHash, MerkleRange, merkleRoot, type RangeState } from '@indelible/core';
import fc from 'fast-check';
import { runs } from '../support/runs.ts';
import { attempt, codeFrom, utf8 } from './codes.ts';

const leaves = Array.from({ length: 3000 }, (_, i) => leafHash(utf8(String(i))));

function rangeOver(begin: number, end: number): MerkleRange {
  const range = new MerkleRange(begin);
  for (const leaf of leaves.slice(begin, end)) range.append(leaf);
  return range;
}

test('every size to 64, cut in two at every place', () => {
  for (let size = 0; size <= 64; size++) {
    const root = merkleRoot(leaves.slice(0, size));
    assert.equal(rangeOver(0, size).root(), root);
    for (let cut = 0; cut <= size; cut++) {
      const left = rangeOver(0, cut);
      const right = rangeOver(cut, size);
      left.join(right);
      assert.equal(left.root(), root, `${size} cut at ${cut}`);
      assert.deepEqual([left.begin, left.end, right.begin, right.end], [0, size, cut, size]);
    }
  }
});

test('every size to 24, cut in three, joined from either side', () => {
  for (let size = 0; size <= 24; size++) {
    const root = merkleRoot(leaves.slice(0, size));
    for (let a = 0; a <= size; a++) {
      for (let b = a; b <= size; b++) {
        const from_left = rangeOver(0, a);
        from_left.join(rangeOver(a, b));
        from_left.join(rangeOver(b, size));
        const behind = rangeOver(a, b);
        behind.join(rangeOver(b, size));
        const from_right = rangeOver(0, a);
        from_right.join(behind);
        assert.deepEqual([from_left.root(), from_right.root()], [root, root], `${a} ${b} ${size}`);
      }
    }
  }
});

test('any cuts of a longer log, sent between threads, with roots asked for in between', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: leaves.length }),
      fc.array(fc.nat({ max: leaves.length }), { maxLength: 6 }),
      (size, cuts) => {
        const borders = [0, ...cuts.filter((cut) => cut < size).sort((a, b) => a - b), size];
        const whole = new MerkleRange();
        for (let i = 1; i < borders.length; i++) {
          const part = MerkleRange.from(structuredClone(rangeOver(borders[i - 1]!, borders[i]!).state()));
          whole.join(part);
          whole.root();
        }
        assert.equal(whole.root(), merkleRoot(leaves.slice(0, size)));
        assert.deepEqual(whole.state(), rangeOver(0, size).state());
        if (size < leaves.length) {
          whole.append(leaves[size]!);
          assert.equal(whole.root(), merkleRoot(leaves.slice(0, size + 1)));
        }
      },
    ),
    { numRuns: runs(60) },
  );
});

test('a subtree is added by its root where one of its size begins, and nowhere else', () => {
  const rootOf = (begin: number, end: number): Uint8Array =>
    Uint8Array.from(Buffer.from(merkleRoot(leaves.slice(begin, end)), 'hex'));
  const range = new MerkleRange();
  range.appendSubtree(rootOf(0, 8), 0, 3);
  range.appendSubtree(rootOf(8, 12), 0, 2);
  assert.deepEqual(range.state(), rangeOver(0, 12).state());
  for (const level of [3, -1, 0.5, Number.NaN])
    assert.equal(
      codeFrom(() => range.appendSubtree(rootOf(12, 20), 0, level)),
      'PROOF_RANGE',
    );
  assert.deepEqual(range.state(), rangeOver(0, 12).state(), 'nothing was added');
});

test('leaves as bytes in a larger array are the same leaves', () => {
  const bytes = Uint8Array.from(Buffer.from(`ffff${leaves.slice(0, 100).join('')}`, 'hex'));
  const range = new MerkleRange();
  for (let i = 0; i < 100; i++) range.appendBytes(bytes, 2 + 32 * i);
  assert.equal(range.root(), merkleRoot(leaves.slice(0, 100)));
  assert.equal(
    codeFrom(() => range.appendBytes(bytes, bytes.length - 31)),
    'HASH_SIZE',
  );
  assert.equal(range.end, 100);
});

test('far out in a log, where 32 bits end', () => {
  const start = 2 ** 40 - 3;
  const range = new MerkleRange(start);
  for (const leaf of leaves.slice(0, 8)) range.append(leaf);
  assert.equal(range.end, start + 8);
  // One, then two, then the four and one behind the border.
  assert.equal(range.state().hashes.length, 4 * 32);
  const last = new MerkleRange(Number.MAX_SAFE_INTEGER);
  assert.equal(
    codeFrom(() => last.append(leaves[0]!)),
    'PROOF_RANGE',
  );
});

test('what does not meet is not joined, and leaves the range as it was', () => {
  const range = rangeOver(0, 5);
  const before = range.root();
  for (const other of [rangeOver(4, 8), rangeOver(6, 8), rangeOver(0, 5)]) {
    assert.equal(
      codeFrom(() => range.join(other)),
      'PROOF_RANGE',
    );
  }
  assert.equal(
    codeFrom(() => range.append('00')),
    'HASH_SIZE',
  );
  assert.deepEqual([range.root(), range.end], [before, 5]);
  assert.equal(
    codeFrom(() => rangeOver(1, 5).root()),
    'PROOF_RANGE',
  );
  assert.equal(
    codeFrom(() => new MerkleRange(-1)),
    'PROOF_RANGE',
  );
  assert.equal(new MerkleRange().root(), EMPTY_ROOT);
});

test('a state that no range has is refused', () => {
  const { begin, end, hashes } = rangeOver(3, 20).state();
  const wrong: RangeState[] = [
    { begin, end, hashes: hashes.subarray(1) },
    { begin, end, hashes: hashes.subarray(32) },
    { begin, end, hashes: new Uint8Array(hashes.length + 32) },
    { begin: end, end: begin, hashes: new Uint8Array() },
    { begin: 0.5, end, hashes },
    { begin, end: 2 ** 53, hashes },
  ];
  for (const state of wrong)
    assert.equal(
      codeFrom(() => MerkleRange.from(state)),
      'PROOF_RANGE',
    );
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.uint8Array({ maxLength: 200 }), (a, b, bytes) => {
      attempt(() => MerkleRange.from({ begin: a, end: b, hashes: bytes }));
    }),
  );
});
