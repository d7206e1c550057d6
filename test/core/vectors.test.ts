/**
 * Core against the golden vectors, which a Python program made from the specifications (vectors/generate).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as core from '@indelible/core';
import { root } from '../support/root.ts';
import {
  type CanonicalVectors,
  type ChainVectors,
  checkCanonical,
  checkChains,
  checkMerkle,
  checkRecords,
  checkRejects,
  type MerkleVectors,
  type RecordVectors,
  type RejectVectors,
  Tally,
} from '../support/vector-checks.ts';

function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(root, 'vectors', `${name}.json`), 'utf8')) as T;
}

/** `least`: a vector file that lost its content must not pass. */
function verdict(tally: Tally, least: number): void {
  assert.deepEqual(tally.failures, []);
  assert.ok(tally.checked >= least, `only ${tally.checked} comparisons were made`);
}

test('canonical JSON as in RFC 8785, its Appendix B included', () => {
  const tally = new Tally();
  checkCanonical(core, vectors<CanonicalVectors>('canonical-json'), tally);
  verdict(tally, 200);
});

test('what is not canonical, or changes in transit, is refused with the right code', () => {
  const tally = new Tally();
  checkRejects(core, vectors<RejectVectors>('canonical-json-rejects'), tally);
  verdict(tally, 120);
});

test('Merkle roots of RFC 6962 for sizes 0 to 300, and every size to 4,000 in one digest', () => {
  const tally = new Tally();
  checkMerkle(core, vectors<MerkleVectors>('merkle-roots'), tally);
  verdict(tally, 311);
});

test('records and their hashes, plain and keyed, for every feature of the format', () => {
  const tally = new Tally();
  checkRecords(core, vectors<RecordVectors>('records'), tally);
  verdict(tally, 200);
});

test('whole logs: clean ones pass, and every kind of damage is named with the first bad record', () => {
  const tally = new Tally();
  checkChains(core, vectors<ChainVectors>('chains'), tally);
  verdict(tally, 100);
});

test('the comparison itself sees a difference', () => {
  const good = vectors<MerkleVectors>('merkle-roots');
  const roots = good.decimal.roots.with(7, good.decimal.roots[8]!);
  const tally = new Tally();
  checkMerkle(core, { ...good, decimal: { ...good.decimal, roots } }, tally);
  assert.equal(tally.failures.length, 1);
  assert.match(tally.failures[0]!, /decimal tree of 7/);
});
