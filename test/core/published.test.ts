/** Signatures, proofs, checkpoints, policies and requests against vectors: those that others published, and our own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as core from '@indelible/core';
import {
  checkExchanges,
  checkProofs,
  checkSignatures,
  checkTlog,
  type ProofVectors,
  type PublishedVectors,
  type TlogVectors,
} from '../support/tlog-checks.ts';
import { Tally } from '../support/vector-checks.ts';
import { readVectors } from '../support/vectors.ts';

/** `least`: a vector file that lost its content must not pass. */
function verdict(tally: Tally, least: number): void {
  assert.deepEqual(tally.failures, []);
  assert.ok(tally.checked >= least, `only ${tally.checked} comparisons were made`);
}

test('signatures of RFC 8032, Wycheproof and ed25519-speccheck', () => {
  const tally = new Tally();
  checkSignatures(core, readVectors<PublishedVectors>('published'), tally);
  verdict(tally, 400);
});

test('proofs, and that they hold for nothing else', () => {
  const tally = new Tally();
  checkProofs(core, readVectors<ProofVectors>('merkle-proofs'), tally);
  verdict(tally, 240);
});

test('tiles, checkpoints, cosignatures, policies and proof files', () => {
  const tally = new Tally();
  checkTlog(core, readVectors<TlogVectors>('tlog'), tally);
  verdict(tally, 400);
});

test('the requests that litewitness is tested with get the answers that it gives', () => {
  const tally = new Tally();
  checkExchanges(core, readVectors<PublishedVectors>('published'), tally);
  verdict(tally, 19);
});

test('the comparison itself sees a difference', () => {
  const published = readVectors<PublishedVectors>('published');
  const [first, ...rest] = published.ed25519.rfc8032.cases;
  const altered = { ...published.ed25519, rfc8032: { cases: [{ ...first!, message: '00' }, ...rest] } };
  const tally = new Tally();
  checkSignatures(core, { ...published, ed25519: altered }, tally);
  assert.deepEqual(tally.failures.length, 1);
  assert.match(tally.failures[0]!, /rfc8032, test 1/);
});
