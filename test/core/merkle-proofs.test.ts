/**
 * Inclusion and consistency proofs: every size from 0 to 300 against the recursive definitions of RFC 6962, written
 * here a second time; then everything that must be refused.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  type ConsistencyClaim,
  consistencyProof,
  EMPTY_ROOT,
  hashesOfLeaves,
  type InclusionClaim,
  inclusionProof,
  leafHash,
  merkleRoot,
  type ProofVerdict,
  planConsistency,
  planInclusion,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '@indelible/core';
import fc from 'fast-check';
import { FULL, runs } from '../support/runs.ts';
import { codeFrom, utf8 } from './codes.ts';

const SIZE_MAX = 300;
/** Up to 70, and about the widths of tiles; with INDELIBLE_FULL all. tlog-vectors.test.ts has a digest of the proofs of all. */
const SIZES = Array.from({ length: SIZE_MAX }, (_, i) => i + 1).filter(
  (size) => FULL || size <= 70 || [127, 128, 129, 255, 256, 257, SIZE_MAX].includes(size),
);
const leaves = Array.from({ length: SIZE_MAX }, (_, i) => leafHash(utf8(String(i))));
const hashes = hashesOfLeaves(leaves);
const OTHER = 'ab'.repeat(32);

// The definitions of RFC 6962 §2.1, §2.1.1 and §2.1.2, as written there.
const known = new Map<number, string>();
function MTH(start: number, n: number): string {
  if (n === 0) return EMPTY_ROOT;
  if (n === 1) return leaves[start]!;
  const key = start * 1000 + n;
  const cached = known.get(key);
  if (cached !== undefined) return cached;
  const k = split(n);
  const node = Buffer.from(`01${MTH(start, k)}${MTH(start + k, n - k)}`, 'hex');
  const hash = createHash('sha256').update(node).digest('hex');
  known.set(key, hash);
  return hash;
}
function PATH(m: number, start: number, n: number): string[] {
  if (n === 1) return [];
  const k = split(n);
  return m < k
    ? [...PATH(m, start, k), MTH(start + k, n - k)]
    : [...PATH(m - k, start + k, n - k), MTH(start, k)];
}
function SUBPROOF(m: number, start: number, n: number, b: boolean): string[] {
  if (m === n) return b ? [] : [MTH(start, n)];
  const k = split(n);
  return m <= k
    ? [...SUBPROOF(m, start, k, b), MTH(start + k, n - k)]
    : [...SUBPROOF(m - k, start + k, n - k, false), MTH(start, k)];
}
function split(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1));
}

const OK: ProofVerdict = { ok: true };
const inclusion = (index: number, size: number): InclusionClaim => ({
  leaf: leaves[index]!,
  index,
  size,
  root: MTH(0, size),
  proof: PATH(index, 0, size),
});
const consistency = (from: number, to: number): ConsistencyClaim => ({
  from,
  from_root: MTH(0, from),
  to,
  to_root: MTH(0, to),
  proof: SUBPROOF(from, 0, to, true),
});

test('the example tree of RFC 6962 §2.1.3', () => {
  const seven = leaves.slice(0, 7);
  const node = (a: string, b: string): string =>
    createHash('sha256')
      .update(Buffer.from(`01${a}${b}`, 'hex'))
      .digest('hex');
  const [a, b, c, d, e, f, j] = seven as [string, string, string, string, string, string, string];
  const [g, h, i] = [node(a, b), node(c, d), node(e, f)];
  const [k, l] = [node(g, h), node(i, j)];
  const of = hashesOfLeaves(seven);
  assert.equal(rootOf(7, of), node(k, l));
  assert.deepEqual(inclusionProof(0, 7, of), [b, h, l]);
  assert.deepEqual(inclusionProof(3, 7, of), [c, g, l]);
  assert.deepEqual(inclusionProof(4, 7, of), [f, j, k]);
  assert.deepEqual(inclusionProof(6, 7, of), [i, k]);
  assert.deepEqual(consistencyProof(3, 7, of), [c, d, g, l]);
  assert.deepEqual(consistencyProof(4, 7, of), [l]);
  assert.deepEqual(consistencyProof(6, 7, of), [i, j, k]);
});

test('inclusion: every leaf of trees up to 300 leaves', () => {
  for (const size of SIZES) {
    const root = MTH(0, size);
    assert.equal(rootOf(size, hashes), root);
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(index, size, hashes);
      assert.deepEqual(proof, PATH(index, 0, size));
      assert.deepEqual(verifyInclusion({ leaf: leaves[index]!, index, size, root, proof }), OK);
    }
  }
});

test('consistency: every older tree of trees up to 300 leaves', () => {
  for (const to of SIZES) {
    for (let from = 1; from <= to; from++) {
      const claim = consistency(from, to);
      assert.deepEqual(consistencyProof(from, to, hashes), claim.proof);
      assert.deepEqual(verifyConsistency(claim), OK);
    }
  }
});

test('the empty tree has its root, and no proofs', () => {
  assert.equal(rootOf(0, hashes), EMPTY_ROOT);
  assert.equal(
    codeFrom(() => inclusionProof(0, 0, hashes)),
    'PROOF_RANGE',
  );
  assert.equal(
    codeFrom(() => consistencyProof(0, 5, hashes)),
    'PROOF_RANGE',
  );
});

test('inclusion: every alteration of every proof in trees up to 33 leaves is refused', () => {
  for (let size = 1; size <= 33; size++) {
    for (let index = 0; index < size; index++) {
      const claim = inclusion(index, size);
      const { proof } = claim;
      const refused = (part: Partial<InclusionClaim>, fault: RegExp): void => {
        const verdict = verifyInclusion({ ...claim, ...part });
        assert.match(
          verdict.ok ? 'accepted' : verdict.fault,
          fault,
          `${index} of ${size}: ${JSON.stringify(part)}`,
        );
      };
      refused({ proof: [...proof, OTHER] }, /^too_many_hashes$/);
      refused({ proof: [...proof, ...proof, claim.root] }, /^too_many_hashes$/);
      if (proof.length > 0) refused({ proof: proof.slice(0, -1) }, /^too_few_hashes$/);
      if (proof.length > 0) refused({ proof: [] }, /^too_few_hashes$/);
      proof.forEach((_, i) => {
        refused({ proof: proof.with(i, OTHER) }, /^other_root$/);
        refused({ proof: proof.toSpliced(i, 1) }, /^too_few_hashes$/);
      });
      refused({ leaf: OTHER }, /^other_root$/);
      refused({ root: OTHER }, /^other_root$/);
      refused({ index: size }, /^index_beyond_size$/);
      refused({ size: 0 }, /^size_zero$/);
      for (let other = 0; other < size; other++) {
        if (other !== index) refused({ index: other }, /^(other_root|too_few_hashes|too_many_hashes)$/);
      }
    }
  }
});

test('consistency: every alteration of every proof in trees up to 33 leaves is refused', () => {
  for (let to = 1; to <= 33; to++) {
    for (let from = 1; from <= to; from++) {
      const claim = consistency(from, to);
      const { proof } = claim;
      const refused = (part: Partial<ConsistencyClaim>, fault: RegExp): void => {
        const verdict = verifyConsistency({ ...claim, ...part });
        assert.match(
          verdict.ok ? 'accepted' : verdict.fault,
          fault,
          `${from} to ${to}: ${JSON.stringify(part)}`,
        );
      };
      refused({ proof: [...proof, OTHER] }, /^too_many_hashes$/);
      if (proof.length > 0) refused({ proof: proof.slice(0, -1) }, /^(too_few_hashes)$/);
      proof.forEach((_, i) => {
        refused({ proof: proof.with(i, OTHER) }, /^(other_root|other_old_root)$/);
      });
      refused({ from_root: OTHER }, /^(other_root|other_old_root)$/);
      refused({ to_root: OTHER }, /^other_root$/);
      refused({ from: 0, proof: [] }, /^size_zero$/);
      refused({ from: to + 1 }, /^sizes_reversed$/);
      for (let other = 1; other <= to; other++) {
        if (other !== from)
          refused({ from: other }, /^(other_root|other_old_root|too_few_hashes|too_many_hashes)$/);
      }
    }
  }
});

test('what is no hash or no size is refused before anything is computed', () => {
  const claim = inclusion(3, 8);
  for (const bad of ['', OTHER.toUpperCase(), OTHER.slice(2), `${OTHER}00`, 'zz'.repeat(32)]) {
    for (const part of [{ leaf: bad }, { root: bad }, { proof: claim.proof.with(1, bad) }])
      assert.deepEqual(verifyInclusion({ ...claim, ...part }), { ok: false, fault: 'not_a_hash' });
    const old = consistency(3, 8);
    for (const part of [{ from_root: bad }, { to_root: bad }, { proof: old.proof.with(1, bad) }])
      assert.deepEqual(verifyConsistency({ ...old, ...part }), { ok: false, fault: 'not_a_hash' });
  }
  for (const bad of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    assert.deepEqual(verifyInclusion({ ...claim, index: bad }), { ok: false, fault: 'not_a_size' });
    assert.deepEqual(verifyInclusion({ ...claim, size: bad }), { ok: false, fault: 'not_a_size' });
    assert.deepEqual(verifyConsistency({ ...consistency(3, 8), from: bad }), {
      ok: false,
      fault: 'not_a_size',
    });
    assert.equal(
      codeFrom(() => planInclusion(bad, 8)),
      'PROOF_RANGE',
    );
    assert.equal(
      codeFrom(() => planInclusion(0, bad)),
      'PROOF_RANGE',
    );
    assert.equal(
      codeFrom(() => planConsistency(1, bad)),
      'PROOF_RANGE',
    );
  }
  assert.equal(
    codeFrom(() => planInclusion(8, 8)),
    'PROOF_RANGE',
  );
  assert.equal(
    codeFrom(() => planConsistency(9, 8)),
    'PROOF_RANGE',
  );
});

test('sizes beyond 32 bits: proofs are made and verified without losing bits', () => {
  // A tree whose every leaf is the same: a complete subtree has one hash for each level.
  const same = [leaves[0]!];
  for (let level = 1; level <= 53; level++) same.push(merkleRoot([same[level - 1]!, same[level - 1]!]));
  const uniform = ({ level }: { level: number }): string => same[level]!;
  const size = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(size, size, (a, b) => {
      const [from, to] = a < b ? [a, b] : [b, a];
      const [from_root, to_root] = [rootOf(from, uniform), rootOf(to, uniform)];
      const proof = inclusionProof(from - 1, to, uniform);
      assert.ok(proof.length <= 53);
      assert.deepEqual(
        verifyInclusion({ leaf: same[0]!, index: from - 1, size: to, root: to_root, proof }),
        OK,
      );
      const old = consistencyProof(from, to, uniform);
      assert.deepEqual(verifyConsistency({ from, from_root, to, to_root, proof: old }), OK);
    }),
    { numRuns: runs(200) },
  );
});
