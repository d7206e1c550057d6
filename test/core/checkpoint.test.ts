/** Checkpoints, and the cosignatures on them, against the examples of the specifications. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Checkpoint,
  checkpointVerifier,
  cosignedMessage,
  formatCheckpoint,
  formatHash,
  formatNote,
  openNote,
  parseCheckpoint,
  parseHash,
  parseNote,
  type SignatureType,
  signCheckpoint,
  verifierKey,
} from '@indelible/core';
import fc from 'fast-check';
import { codeFrom, near, onlyCanonical, utf8 } from './codes.ts';
import { algorithms, seedOf, signerOf } from './signatures.ts';

// c2sp.org/tlog-cosignature
const TEXT = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
const NOTE = `${TEXT}
— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`;
const CHECKPOINT: Checkpoint = {
  origin: 'example.com/behind-the-sofa',
  size: 20852163,
  root: '0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62',
  extensions: [],
};
const TIME = 1679315147;
const cosigner = (type: SignatureType, name = 'witness.example.com/w1') => signerOf(name, type, seedOf(1));
const verifierFor = (type: SignatureType) => checkpointVerifier(cosigner(type).key, algorithms);

test('the example of the specification', () => {
  const note = parseNote(utf8(NOTE));
  assert.equal(note.text, TEXT);
  assert.deepEqual(parseCheckpoint(note.text), CHECKPOINT);
  assert.equal(formatCheckpoint(CHECKPOINT), TEXT);
  assert.equal(formatNote(note), NOTE);
  // Its cosignature is 8 bytes of time and 64 of Ed25519.
  const blob = note.signatures[1]!.signature;
  assert.equal(blob.length, 72);
  assert.equal(Number(new DataView(blob.buffer, blob.byteOffset).getBigUint64(0)), TIME);
});

test('the message of an Ed25519 cosignature is that of the specification', () => {
  const message = cosignedMessage(cosigner('ed25519_cosignature').key, TEXT, TIME);
  assert.equal(new TextDecoder().decode(message), `cosignature/v1\ntime 1679315147\n${TEXT}`);
});

test('the message of an ML-DSA-44 cosignature, field by field', () => {
  const key = verifierKey('w1', 'ml_dsa_44_cosignature', new Uint8Array(1312));
  const message = cosignedMessage(key, `${TEXT}an extension line\n`, TIME);
  const expected = [
    '737562747265652f76310a00', // "subtree/v1\n\0"
    '027731', // cosigner_name
    '00000000641850cb', // timestamp
    `1b${Buffer.from(CHECKPOINT.origin).toString('hex')}`, // log_origin
    '0000000000000000', // start
    '00000000013e2dc3', // end
    CHECKPOINT.root,
  ];
  assert.equal(Buffer.from(message).toString('hex'), expected.join(''));
});

test('every kind of key signs a checkpoint, and its verifier tells what was signed', async () => {
  for (const [type, time] of [
    ['ed25519', null],
    ['ed25519_cosignature', TIME],
    ['ml_dsa_44_cosignature', TIME],
  ] as const) {
    const signature = await signCheckpoint(TEXT, cosigner(type), TIME);
    const note = parseNote(formatNote({ text: TEXT, signatures: [signature] }));
    const [signed] = openNote(note, [verifierFor(type)]);
    assert.deepEqual([signed?.key.type, signed?.time], [type, time]);
    const other = `${TEXT.replace('20852163', '20852164')}`;
    assert.equal(
      codeFrom(() => openNote({ ...note, text: other }, [verifierFor(type)])),
      'SIGNATURE_WRONG',
    );
    for (let at = 0; at < signature.signature.length; at += type === 'ml_dsa_44_cosignature' ? 97 : 1) {
      const altered = signature.signature.with(at, signature.signature[at]! ^ 0x10);
      assert.equal(verifierFor(type).verify(TEXT, altered), null, `${type}: byte ${at}`);
    }
    const { signature: bytes } = signature;
    assert.equal(verifierFor(type).verify(TEXT, bytes.subarray(1)), null);
    assert.equal(verifierFor(type).verify(TEXT, Uint8Array.of(...bytes, 0)), null);
    assert.equal(verifierFor(type).verify(TEXT, new Uint8Array(0)), null);
  }
});

test('a cosignature is no signature of another kind by the same key', async () => {
  const plain = await signCheckpoint(TEXT, cosigner('ed25519'), TIME);
  const cosignature = await signCheckpoint(TEXT, cosigner('ed25519_cosignature'), TIME);
  assert.notEqual(plain.key_id, cosignature.key_id);
  assert.equal(verifierFor('ed25519').verify(TEXT, cosignature.signature.subarray(8)), null);
});

test('ML-DSA-44 covers the name of the cosigner; zero is no time', async () => {
  const type = 'ml_dsa_44_cosignature';
  const { signature } = await signCheckpoint(TEXT, cosigner(type), 0);
  assert.deepEqual(verifierFor(type).verify(TEXT, signature), { time: null });
  assert.equal(checkpointVerifier(cosigner(type, 'w2').key, algorithms).verify(TEXT, signature), null);
  // As the specification says: extension lines are not covered.
  assert.deepEqual(verifierFor(type).verify(`${TEXT}extension\n`, signature), { time: null });
});

test('times, names and texts that cannot be cosigned are refused', async () => {
  const [ed25519, ml_dsa] = [cosigner('ed25519_cosignature'), cosigner('ml_dsa_44_cosignature')];
  for (const time of [-1, 0.5, Number.NaN, 2 ** 53])
    assert.equal(
      codeFrom(() => cosignedMessage(ed25519.key, TEXT, time)),
      'COSIGNATURE_INVALID',
    );
  assert.equal(
    codeFrom(() => cosignedMessage(cosigner('ed25519').key, TEXT, 1)),
    'COSIGNATURE_INVALID',
  );
  const long = TEXT.replace('example.com', 'é'.repeat(128));
  assert.equal(
    codeFrom(() => cosignedMessage(ml_dsa.key, long, 1)),
    'COSIGNATURE_INVALID',
  );
  assert.equal(
    codeFrom(() => cosignedMessage(ed25519.key, long, 1)),
    null,
  );
  assert.equal(
    codeFrom(() => cosignedMessage(ed25519.key, 'any text\n', 1)),
    'CHECKPOINT_INVALID',
  );
  await assert.rejects(signCheckpoint('any text\n', cosigner('ed25519'), 1), { code: 'CHECKPOINT_INVALID' });
  await assert.rejects(signCheckpoint(TEXT, { ...ed25519, sign: () => new Uint8Array(65) }, 1), {
    code: 'SIGNATURE_ALGORITHM',
  });
  assert.equal(
    codeFrom(() => checkpointVerifier(ml_dsa.key, { ed25519: algorithms.ed25519! })),
    'SIGNATURE_ALGORITHM',
  );
  // A time beyond 2^53 is read without rounding it into another.
  const far = new Uint8Array(72).fill(0xff);
  assert.equal(verifierFor('ed25519_cosignature').verify(TEXT, far), null);
});

test('checkpoints with anything out of place are refused', () => {
  const root = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=';
  const bad: Record<string, string> = {
    nothing: '',
    'two lines': 'a\n1\n',
    'no last newline': `a\n1\n${root}`,
    'no origin': `\n1\n${root}\n`,
    'a leading zero': `a\n01\n${root}\n`,
    'a sign': `a\n+1\n${root}\n`,
    'minus zero': `a\n-0\n${root}\n`,
    hexadecimal: `a\n0x1\n${root}\n`,
    'an exponent': `a\n1e3\n${root}\n`,
    'other digits': `a\n١\n${root}\n`,
    'a size above 2^53': `a\n9007199254740992\n${root}\n`,
    'no size': `a\n\n${root}\n`,
    'a short root': `a\n1\n${root.slice(4)}\n`,
    'a long root': `a\n1\nAAAA${root}\n`,
    'a root with unused bits': `a\n1\n${root.replace('2I=', '2J=')}\n`,
    'a hexadecimal root': `a\n1\n${CHECKPOINT.root}\n`,
    'an empty extension line': `a\n1\n${root}\n\n`,
    'an empty line between extensions': `a\n1\n${root}\nb\n\nc\n`,
    'a carriage return': `a\r\n1\n${root}\n`,
    'a lone surrogate': `\ud800\n1\n${root}\n`,
  };
  for (const [name, text] of Object.entries(bad))
    assert.equal(
      codeFrom(() => parseCheckpoint(text)),
      'CHECKPOINT_INVALID',
      name,
    );
  assert.deepEqual(parseCheckpoint(`any origin + spaces\n0\n${root}\nx\ny z\n`).extensions, ['x', 'y z']);
  assert.equal(parseCheckpoint(`a\n9007199254740991\n${root}\n`).size, Number.MAX_SAFE_INTEGER);
});

test('what could not be read again is not written', () => {
  for (const part of [
    { origin: '' },
    { origin: 'a\nb' },
    { origin: '\ud800' },
    { size: -1 },
    { size: 0.5 },
    { size: 2 ** 53 },
    { extensions: [''] },
    { extensions: ['a\tb'] },
  ])
    assert.equal(
      codeFrom(() => formatCheckpoint({ ...CHECKPOINT, ...part })),
      'CHECKPOINT_INVALID',
    );
  assert.equal(
    codeFrom(() => formatCheckpoint({ ...CHECKPOINT, root: 'ab' })),
    'HASH_SIZE',
  );
});

test('any text is a checkpoint that is written the same again, or refused', () => {
  const valid = fc.constantFrom(TEXT, TEXT.replace('20852163', '0'), `${TEXT}extension\n`);
  onlyCanonical(valid.chain(near), parseCheckpoint, formatCheckpoint, ['CHECKPOINT_INVALID'], 5000);
  const hash = fc.constant(formatHash(CHECKPOINT.root));
  const parse = (text: string) => parseHash(text) ?? cannot();
  onlyCanonical(fc.oneof(hash, hash.chain(near)), parse, formatHash, ['CHECKPOINT_INVALID']);
});

/** `parseHash` answers null instead of raising. */
function cannot(): never {
  return parseCheckpoint('') as never;
}
