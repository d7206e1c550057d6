/** Proof files: read, written, and checked offline against the keys one trusts. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  type CheckedProof,
  checkCheckpoint,
  checkProof,
  formatCheckpoint,
  formatProof,
  formatVerifierKey,
  hashesOfLeaves,
  inclusionProof,
  leafHash,
  merkleRoot,
  type NoteSigner,
  PROOF_BYTES_MAX,
  parseNote,
  parseProof,
  signCheckpoint,
  type Trust,
} from '@indelible/core';
import fc from 'fast-check';
import { runs } from '../support/runs.ts';
import { codeFrom, near, onlyCanonical, utf8 } from './codes.ts';
import { algorithms, seedOf, signerOf } from './signatures.ts';

const ORIGIN = 'example.com/fancylog';
const SIZE = 109;
const INDEX = 73;
const TIME = 1763683200;
const leaves = Array.from({ length: SIZE }, (_, i) => leafHash(utf8(String(i))));
const leaf = leaves[INDEX]!;
const text = formatCheckpoint({ origin: ORIGIN, size: SIZE, root: merkleRoot(leaves), extensions: [] });
const log = signerOf(ORIGIN, 'ed25519', seedOf(1));
const log_pq = signerOf(ORIGIN, 'ml_dsa_44_cosignature', seedOf(2));
const w1 = signerOf('witness1.example', 'ed25519_cosignature', seedOf(3));
const w1_pq = signerOf('witness1.example', 'ml_dsa_44_cosignature', seedOf(4));
const w2 = signerOf('witness2.example', 'ed25519_cosignature', seedOf(5));
const stranger = signerOf('stranger.example', 'ed25519', seedOf(6));
const keys = (...signers: NoteSigner[]): string[] => signers.map(({ key }) => formatVerifierKey(key));

async function proofBy(
  signers: readonly NoteSigner[],
  extra: Uint8Array | null = null,
  of = text,
): Promise<string> {
  const signatures = await Promise.all(signers.map((signer) => signCheckpoint(of, signer, TIME)));
  const proof = inclusionProof(INDEX, SIZE, hashesOfLeaves(leaves));
  return formatProof({ extra, index: INDEX, proof, note: { text: of, signatures } });
}
const check = (proof: string, trust: Partial<Trust> = {}, of = leaf): CheckedProof =>
  checkProof(utf8(proof), of, { log_keys: keys(log), algorithms, ...trust });

let plain: string;
let witnessed: string;
before(async () => {
  plain = await proofBy([log]);
  witnessed = await proofBy([log, stranger, w1, w1_pq, w2], utf8('a file name'));
});

test('a proof file has the lines of the specification', () => {
  const lines = witnessed.split('\n');
  assert.deepEqual(lines.slice(0, 3), ['c2sp.org/tlog-proof@v1', 'extra YSBmaWxlIG5hbWU=', 'index 73']);
  assert.ok(lines.slice(3, 10).every((line) => /^[A-Za-z0-9+/]{43}=$/.test(line)));
  assert.deepEqual(lines.slice(10, 13), ['', ORIGIN, '109']);
  assert.deepEqual(plain.split('\n').slice(0, 2), ['c2sp.org/tlog-proof@v1', 'index 73']);
});

test('a proof is checked with nothing but bytes, leaf hash and keys', () => {
  const checked = check(plain);
  assert.deepEqual(
    [checked.index, checked.checkpoint.size, checked.checkpoint.origin],
    [INDEX, SIZE, ORIGIN],
  );
  assert.deepEqual([checked.extra, checked.cosignatures, checked.extensions_signed], [null, [], true]);
  assert.deepEqual(
    checked.log_signatures.map(({ key }) => key.name),
    [ORIGIN],
  );
});

test('witnesses are counted by name, and their times reported', () => {
  const all = check(witnessed, { witness_keys: keys(w1, w1_pq, w2), witnesses_required: 2 });
  assert.deepEqual(
    all.cosignatures.map(({ key, time }) => [key.name, key.type, time]),
    [
      ['witness1.example', 'ed25519_cosignature', TIME],
      ['witness1.example', 'ml_dsa_44_cosignature', TIME],
      ['witness2.example', 'ed25519_cosignature', TIME],
    ],
  );
  assert.deepEqual(all.extra, utf8('a file name'));
  // Two keys of one witness are one witness.
  const asked = { witness_keys: keys(w1, w1_pq), witnesses_required: 2 };
  assert.equal(
    codeFrom(() => check(witnessed, asked)),
    'VERIFIER_KEY_INVALID',
  );
});

test('too few witnesses, none of them known, or none at all', async () => {
  const asked = { witness_keys: keys(w1, w2), witnesses_required: 2 };
  assert.equal(
    codeFrom(() => check(plain, asked)),
    'WITNESSES_MISSING',
  );
  const one = await proofBy([log, w1, w1_pq]);
  assert.equal(
    codeFrom(() => check(one, asked)),
    'WITNESSES_MISSING',
  );
  assert.equal(check(one, { ...asked, witnesses_required: 1 }).cosignatures.length, 1);
  for (const witnesses_required of [-1, 0.5, Number.NaN, 3])
    assert.equal(
      codeFrom(() => check(witnessed, { ...asked, witnesses_required })),
      'VERIFIER_KEY_INVALID',
    );
});

test('another entry, another place, or an altered hash: the proof is wrong', () => {
  assert.equal(
    codeFrom(() => check(plain, {}, leaves[INDEX + 1]!)),
    'PROOF_WRONG',
  );
  assert.equal(
    codeFrom(() => check(plain, {}, 'no hash')),
    'PROOF_WRONG',
  );
  assert.equal(
    codeFrom(() => check(plain.replace('index 73', 'index 72'))),
    'PROOF_WRONG',
  );
  assert.equal(
    codeFrom(() => check(plain.replace('index 73', 'index 109'))),
    'PROOF_WRONG',
  );
  const lines = plain.split('\n');
  for (let at = 2; at < 9; at++) {
    assert.equal(
      codeFrom(() => check(lines.toSpliced(at, 1).join('\n'))),
      'PROOF_WRONG',
    );
    assert.equal(
      codeFrom(() => check(lines.toSpliced(at, 0, lines[at]!).join('\n'))),
      'PROOF_WRONG',
    );
    assert.equal(
      codeFrom(() => check(lines.with(at, `${'A'.repeat(43)}=`).join('\n'))),
      'PROOF_WRONG',
    );
  }
});

test('an altered checkpoint is a wrong signature; a key of nobody who signed finds none', () => {
  assert.equal(
    codeFrom(() => check(plain.replace('\n109\n', '\n110\n'))),
    'SIGNATURE_WRONG',
  );
  const other = signerOf(ORIGIN, 'ed25519', seedOf(9));
  assert.equal(
    codeFrom(() => check(plain, { log_keys: keys(other) })),
    'SIGNATURE_MISSING',
  );
  assert.equal(
    codeFrom(() => check(plain, { log_keys: [] })),
    'SIGNATURE_MISSING',
  );
});

test('witnesses alone do not make up for the log', async () => {
  const only = await proofBy([w1, w2]);
  assert.equal(
    codeFrom(() => check(only, { witness_keys: keys(w1, w2) })),
    'SIGNATURE_MISSING',
  );
});

test('a trusted key vouches for its own log only', async () => {
  const foreign = text.replace(ORIGIN, 'example.com/other');
  const proof = await proofBy([log], null, foreign);
  assert.equal(
    codeFrom(() => check(proof)),
    'CHECKPOINT_OTHER_LOG',
  );
  assert.equal(
    codeFrom(() => check(proof, { origin: ORIGIN })),
    'CHECKPOINT_OTHER_LOG',
  );
  assert.equal(
    codeFrom(() => check(plain, { origin: 'example.com/other' })),
    'CHECKPOINT_OTHER_LOG',
  );
  assert.equal(check(proof, { origin: 'example.com/other' }).checkpoint.origin, 'example.com/other');
});

test('a plain key is no witness, a key given twice is a mistake, a missing algorithm too', () => {
  assert.equal(
    codeFrom(() => check(plain, { witness_keys: keys(stranger) })),
    'VERIFIER_KEY_INVALID',
  );
  assert.equal(
    codeFrom(() => check(plain, { log_keys: keys(log, log) })),
    'VERIFIER_KEY_INVALID',
  );
  assert.equal(
    codeFrom(() => check(plain, { log_keys: ['nonsense'] })),
    'VERIFIER_KEY_INVALID',
  );
  assert.equal(
    codeFrom(() => check(plain, { algorithms: {} })),
    'SIGNATURE_ALGORITHM',
  );
});

test('extension lines count as signed only when the log signed them', async () => {
  const extended = `${text}an extension\n`;
  const log_keys = keys(log, log_pq);
  const both = await proofBy([log, log_pq], null, extended);
  assert.equal(check(both, { log_keys }).extensions_signed, true);
  const pq_only = await proofBy([log_pq], null, extended);
  assert.equal(check(pq_only, { log_keys }).extensions_signed, false);
});

test('a checkpoint by itself is checked in the same way', () => {
  const note = parseNote(witnessed.slice(witnessed.indexOf('\n\n') + 2));
  const trusted = checkCheckpoint(note, { log_keys: keys(log), witness_keys: keys(w2), algorithms });
  assert.deepEqual(
    trusted.cosignatures.map(({ key }) => key.name),
    ['witness2.example'],
  );
});

test('proof files with anything out of place are refused', () => {
  const bad: Record<string, string> = {
    nothing: '',
    'another version': plain.replace('@v1', '@v2'),
    'no index': plain.replace('index 73\n', ''),
    'a leading zero': plain.replace('index 73', 'index 073'),
    'a negative index': plain.replace('index 73', 'index -1'),
    'an index above 2^53': plain.replace('index 73', 'index 9007199254740992'),
    'two spaces': plain.replace('index 73', 'index  73'),
    'empty extra data': plain.replace('index', 'extra \nindex'),
    'extra data that is not base 64': plain.replace('index', 'extra !\nindex'),
    'extra data twice': plain.replace('index', 'extra AAAA\nextra AAAA\nindex'),
    'extra data behind the index': plain.replace('index 73\n', 'index 73\nextra AAAA\n'),
    'a carriage return': plain.replace('v1\n', 'v1\r\n'),
    'a hash too short': plain.replace('index 73\n', 'index 73\nAAAA\n'),
    'too many hashes': plain.replace('index 73\n', `index 73\n${`${'A'.repeat(43)}=\n`.repeat(57)}`),
    'a byte order mark': `\ufeff${plain}`,
    'too many bytes': plain.replace('index', `extra ${'A'.repeat(PROOF_BYTES_MAX)}\nindex`),
  };
  for (const [name, proof] of Object.entries(bad))
    assert.equal(
      codeFrom(() => parseProof(utf8(proof))),
      'PROOF_INVALID',
      name,
    );
  assert.equal(
    codeFrom(() => parseProof(Uint8Array.of(...utf8(plain), 0xff))),
    'PROOF_INVALID',
  );
  assert.equal(
    codeFrom(() => parseProof(utf8(plain.replace('\n109\n', '\n0109\n')))),
    'CHECKPOINT_INVALID',
  );
  assert.equal(
    codeFrom(() => parseProof(utf8(plain.trimEnd()))),
    'NOTE_INVALID',
  );
});

test('what could not be read again is not written', () => {
  const file = parseProof(utf8(plain));
  const hash = 'ab'.repeat(32);
  for (const part of [
    { extra: utf8('') },
    { index: -1 },
    { index: 2 ** 53 },
    { proof: Array(64).fill(hash) },
  ])
    assert.equal(
      codeFrom(() => formatProof({ ...file, ...part })),
      'PROOF_INVALID',
    );
  assert.equal(
    codeFrom(() => formatProof({ ...file, proof: ['ab'] })),
    'HASH_SIZE',
  );
  const note = { ...file.note, text: 'no checkpoint\n' };
  assert.equal(
    codeFrom(() => formatProof({ ...file, note })),
    'CHECKPOINT_INVALID',
  );
});

test('any text is a proof file that is written the same again, or refused', () => {
  const inputs = fc.boolean().chain((extra) => near(extra ? witnessed : plain));
  const codes = ['PROOF_INVALID', 'NOTE_INVALID', 'CHECKPOINT_INVALID'] as const;
  onlyCanonical(inputs, (proof) => parseProof(wellFormed(proof)), formatProof, codes, 3000);
});

test('no altered proof is accepted, unless it says the same', () => {
  const inputs = near(plain);
  let refused = 0;
  fc.assert(
    fc.property(inputs, (proof) => {
      if (!proof.isWellFormed()) return;
      const code = codeFrom(() => check(proof));
      if (code !== null) return void refused++;
      const { note, index, proof: hashes } = parseProof(utf8(proof));
      assert.deepEqual([note.text, index, hashes], [text, INDEX, parseProof(utf8(plain)).proof]);
    }),
    { numRuns: runs(1000) },
  );
  assert.ok(refused > runs(500));
});

/** UTF-8 of a text; a lone surrogate becomes bytes that are no UTF-8. */
function wellFormed(proof: string): Uint8Array {
  return proof.isWellFormed() ? utf8(proof) : Uint8Array.of(0xed, 0xa0, 0x80, ...utf8(proof));
}
