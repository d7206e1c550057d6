/** The witness protocol: requests, answers and the decision. Published exchanges are in published.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AddCheckpoint,
  checkpointVerifier,
  consistencyProof,
  decideAddCheckpoint,
  EMPTY_ROOT,
  formatAddCheckpoint,
  formatCheckpoint,
  formatCosignatures,
  hashesOfLeaves,
  type KnownTree,
  leafHash,
  merkleRoot,
  type NoteSigner,
  parseAddCheckpoint,
  parseCosignatures,
  parseKnownSize,
  type Refusal,
  SIGNATURES,
  signCheckpoint,
  WITNESS_BYTES_MAX,
} from '@indelible/core';
import fc from 'fast-check';
import { runs } from '../support/runs.ts';
import { codeFrom, near, onlyCanonical, utf8 } from './codes.ts';
import { seedOf, signerOf } from './signatures.ts';

const ORIGIN = 'example.com/log';
const TIME = 1763683200;
const signer = signerOf(ORIGIN, 'ed25519', seedOf(1));
const second = signerOf(ORIGIN, 'ml_dsa_44_cosignature', seedOf(2));
const stranger = signerOf(ORIGIN, 'ed25519', seedOf(3));
const verifiers = [signer, second].map(({ key }) => checkpointVerifier(key, SIGNATURES));
const log = { origin: ORIGIN, verifiers };
const leaves = Array.from({ length: 40 }, (_, i) => leafHash(utf8(String(i))));
const hashes = hashesOfLeaves(leaves);
const rootAt = (size: number): string => merkleRoot(leaves.slice(0, size));
const knownAt = (size: number): KnownTree | null => (size === 0 ? null : { size, root: rootAt(size) });

async function request(
  old_size: number,
  size: number,
  change: { root?: string; proof?: readonly string[]; signers?: readonly NoteSigner[]; origin?: string } = {},
): Promise<AddCheckpoint> {
  const { root = rootAt(size), signers = [signer], origin = ORIGIN } = change;
  const text = formatCheckpoint({ origin, size, root, extensions: [] });
  const signatures = await Promise.all(signers.map((one) => signCheckpoint(text, one, TIME)));
  const exists = old_size > 0 && old_size <= size;
  const proof = change.proof ?? (exists ? consistencyProof(old_size, size, hashes) : []);
  return { old_size, proof, note: { text, signatures } };
}

/** Texts that bytes can hold. */
const inBytes = (texts: fc.Arbitrary<string>, valid: string): fc.Arbitrary<string> =>
  fc.oneof(
    texts.map((text) => text.toWellFormed()),
    fc.constant(valid),
  );

function refused(given: AddCheckpoint, known: KnownTree | null, of: typeof log | null = log): Refusal {
  const decision = decideAddCheckpoint(given, known, of);
  assert.ok(!decision.accepted, 'it must be refused');
  assert.ok(decision.detail.length > 10);
  return decision;
}

test('every growth up to 40 leaves is accepted, and gives the state to keep', async () => {
  for (let from = 0; from <= 40; from += 3) {
    for (let to = from; to <= 40; to += 2) {
      const given = await request(from, to);
      const decision = decideAddCheckpoint(given, knownAt(from), log);
      assert.ok(decision.accepted, `${from} to ${to}: ${decision.accepted || decision.detail}`);
      assert.deepEqual(decision.state, { size: to, root: rootAt(to) });
      assert.deepEqual(decision.log_signatures, given.note.signatures);
    }
  }
});

test('404 for an unknown origin, before anything else', async () => {
  const given = await request(0, 5, { signers: [stranger] });
  assert.equal(refused(given, null, null).status, 404);
  assert.equal(refused(await request(9, 5, { origin: 'example.com/other' }), null).status, 404);
});

test('403 when no key of the log signed, or one is named that did not', async () => {
  const unknown = refused(await request(0, 5, { signers: [stranger] }), null);
  assert.deepEqual([unknown.status, unknown.signed], [403, false]);
  const good = await request(0, 5, { signers: [signer, stranger] });
  assert.ok(decideAddCheckpoint(good, null, log).accepted, 'unknown keys are passed over');
  const [first, ...rest] = good.note.signatures;
  const altered = { ...first!, signature: first!.signature.with(3, first!.signature[3]! ^ 1) };
  const wrong = { ...good, note: { ...good.note, signatures: [altered, ...rest] } };
  assert.equal(refused(wrong, null).status, 403);
  // A good signature beside a bad one of the same key does not help.
  const both = { ...good, note: { ...good.note, signatures: [first!, altered] } };
  assert.equal(refused(both, null).status, 403);
});

test('a log that signs with ML-DSA-44 is cosigned too; only verified lines are kept', async () => {
  const given = await request(4, 9, { signers: [stranger, second] });
  const decision = decideAddCheckpoint(given, knownAt(4), log);
  assert.ok(decision.accepted);
  assert.deepEqual(
    decision.log_signatures.map(({ key_id }) => key_id),
    [second.key.key_id],
  );
});

test('400 when the old size is above the new one, also when it is not the known one', async () => {
  assert.equal(refused(await request(6, 5), knownAt(6)).status, 400);
  assert.equal(refused(await request(6, 5), knownAt(3)).status, 400);
});

test('409 with the known size when the old size is another', async () => {
  for (const [old_size, known] of [
    [0, 3],
    [4, 3],
    [3, 0],
  ] as const) {
    const refusal = refused(await request(old_size, 9), knownAt(known));
    assert.deepEqual([refusal.status, refusal.size], [409, known]);
  }
  // Also for a checkpoint that the witness has already, and for a proof that is wrong anyway.
  assert.equal(refused(await request(0, 3, { proof: [EMPTY_ROOT] }), knownAt(3)).status, 409);
});

test('422 for a proof that does not hold, is too long, or there when nothing is to be proved', async () => {
  const good = await request(5, 9);
  const other = { root: EMPTY_ROOT, proof: good.proof };
  const cases: readonly (readonly [AddCheckpoint, KnownTree | null])[] = [
    [await request(5, 9, { proof: good.proof.slice(1) }), knownAt(5)],
    [await request(5, 9, { proof: [...good.proof, EMPTY_ROOT] }), knownAt(5)],
    [await request(5, 9, { proof: good.proof.toReversed() }), knownAt(5)],
    [await request(5, 9, other), knownAt(5)],
    [good, { size: 5, root: rootAt(6) }],
    [await request(0, 9, { proof: [EMPTY_ROOT] }), null],
    [await request(5, 5, { proof: [EMPTY_ROOT] }), knownAt(5)],
  ];
  for (const [given, known] of cases) {
    const refusal = refused(given, known);
    assert.deepEqual([refusal.status, refusal.size, refusal.signed], [422, null, true]);
  }
});

test('422 for the same size with another root, and for an empty log with a root', async () => {
  assert.match(refused(await request(5, 5, { root: rootAt(6) }), knownAt(5)).detail, /same size/);
  assert.equal(refused(await request(0, 0, { root: rootAt(1) }), null).status, 422);
  assert.ok(decideAddCheckpoint(await request(0, 0), null, log).accepted);
  assert.ok(decideAddCheckpoint(await request(0, 0), { size: 0, root: EMPTY_ROOT }, log).accepted);
});

test('no order of requests rolls a witness back or forks it', async () => {
  const forked = Array.from({ length: 40 }, (_, i) => leafHash(utf8(i < 10 ? String(i) : `other ${i}`)));
  const fork_hashes = hashesOfLeaves(forked);
  const requests: { size: number; fork: boolean; given: AddCheckpoint }[] = [];
  for (const old_size of [0, 3, 8, 12, 20]) {
    for (const size of [3, 8, 12, 20, 33]) {
      if (size < old_size) continue;
      requests.push({ size, fork: false, given: await request(old_size, size) });
      const root = merkleRoot(forked.slice(0, size));
      const proof = old_size === 0 ? [] : consistencyProof(old_size, size, fork_hashes);
      requests.push({ size, fork: size > 10, given: await request(old_size, size, { root, proof }) });
    }
  }
  fc.assert(
    fc.property(fc.array(fc.nat({ max: requests.length - 1 }), { maxLength: 30 }), (order) => {
      let known: KnownTree | null = null;
      let branch: boolean | null = null;
      for (const i of order) {
        const { size, fork, given } = requests[i]!;
        const decision = decideAddCheckpoint(given, known, log);
        if (!decision.accepted) continue;
        assert.ok(size >= (known?.size ?? 0), 'it never shrinks');
        if (size > 10) assert.equal(fork, (branch ??= fork), 'it stays on one branch');
        known = decision.state;
      }
    }),
    { numRuns: runs(200) },
  );
});

test('fuzz: requests, answers and sizes are read only as they are written', async () => {
  const text = formatAddCheckpoint(await request(5, 9, { signers: [signer, stranger] }));
  const request_codes = ['WITNESS_REQUEST_INVALID'] as const;
  onlyCanonical(
    inBytes(near(text), text),
    (input) => parseAddCheckpoint(utf8(input)),
    formatAddCheckpoint,
    request_codes,
    1000,
  );
  const answer = formatCosignatures((await request(5, 9, { signers: [signer, second] })).note.signatures);
  onlyCanonical(
    inBytes(near(answer), answer),
    (input) => parseCosignatures(utf8(input)),
    formatCosignatures,
    ['WITNESS_RESPONSE_INVALID'],
    500,
  );
  onlyCanonical(
    inBytes(near('20852163\n'), '0\n'),
    (input) => parseKnownSize(utf8(input)),
    (size) => `${size}\n`,
    ['WITNESS_RESPONSE_INVALID'],
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.equal(
        codeFrom(() => parseAddCheckpoint(bytes)),
        'WITNESS_REQUEST_INVALID',
      );
      assert.equal(
        codeFrom(() => parseCosignatures(bytes)),
        'WITNESS_RESPONSE_INVALID',
      );
    }),
  );
});

test('limits of a request: 63 hashes, a million bytes', async () => {
  const given = await request(5, 9);
  const hash_lines = (count: number): string[] => Array.from({ length: count }, () => EMPTY_ROOT);
  const text = formatAddCheckpoint({ ...given, proof: hash_lines(63) });
  assert.equal(parseAddCheckpoint(utf8(text)).proof.length, 63);
  assert.equal(
    codeFrom(() => formatAddCheckpoint({ ...given, proof: hash_lines(64) })),
    'WITNESS_REQUEST_INVALID',
  );
  const line = text.split('\n')[1]!;
  const more = text.replace(`\n${line}\n`, `\n${line}\n${line}\n`);
  assert.equal(
    codeFrom(() => parseAddCheckpoint(utf8(more))),
    'WITNESS_REQUEST_INVALID',
  );
  const long = new Uint8Array(WITNESS_BYTES_MAX + 1);
  assert.equal(
    codeFrom(() => parseAddCheckpoint(long)),
    'WITNESS_REQUEST_INVALID',
  );
  assert.equal(
    codeFrom(() => parseCosignatures(long)),
    'WITNESS_RESPONSE_INVALID',
  );
  assert.equal(
    codeFrom(() => formatCosignatures([])),
    'WITNESS_RESPONSE_INVALID',
  );
});
