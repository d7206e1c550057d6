/** Signed notes and verifier keys, against the examples of the specification and of Go's sumdb/note. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeBase64,
  ed25519Verifier,
  encodeBase64,
  formatNote,
  formatSignatureLine,
  formatVerifierKey,
  isKeyName,
  NOTE_BYTES_MAX,
  NOTE_SIGNATURES_MAX,
  openNote,
  parseNote,
  parseSignatureLine,
  parseVerifierKey,
  signText,
  verifierKey,
} from '@indelible/core';
import fc from 'fast-check';
import { runs } from '../support/runs.ts';
import { attempt, codeFrom, near, onlyCanonical, utf8 } from './codes.ts';
import { algorithms, seedOf, signerOf } from './signatures.ts';

// c2sp.org/signed-note
const SPEC_KEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const SPEC_NOTE =
  'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';
// golang.org/x/mod/sumdb/note: two keys, one text, and the private key of the first.
const PETER_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const PETER_PRIVATE = 'AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const ENOCH_KEY = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop';
const TEXT =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const ENOCH =
  '— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n';

const verifier = (key: string) => ed25519Verifier(parseVerifierKey(key), algorithms);
const open = (note: string, ...keys: string[]) =>
  openNote(parseNote(note), keys.map(verifier)).map(({ key }) => key.name);

test('the example of the specification', () => {
  const key = parseVerifierKey(SPEC_KEY);
  assert.deepEqual([key.name, key.key_id, key.type], ['example.com/foo', '530d903a', 'ed25519']);
  assert.equal(formatVerifierKey(key), SPEC_KEY);
  const note = parseNote(utf8(SPEC_NOTE));
  assert.equal(note.text, 'This is an example message.\n');
  assert.equal(formatNote(note), SPEC_NOTE);
  const [signed, ...more] = openNote(note, [verifier(SPEC_KEY)]);
  assert.deepEqual([signed?.key, signed?.time, more], [key, null, []]);
});

test('the examples of Go: known and unknown signers, in any order', () => {
  assert.deepEqual(open(`${TEXT}\n${PETER}${ENOCH}`, PETER_KEY), ['PeterNeumann']);
  assert.deepEqual(open(`${TEXT}\n${PETER}${ENOCH}`, ENOCH_KEY, PETER_KEY), ['PeterNeumann', 'EnochRoot']);
  assert.deepEqual(open(`${TEXT}\n${ENOCH}${PETER}${PETER}`, PETER_KEY), ['PeterNeumann']);
});

test('a note is signed as Go signs it', async () => {
  const signer = signerOf('PeterNeumann', 'ed25519', decodeBase64(PETER_PRIVATE)!.subarray(1));
  assert.equal(formatVerifierKey(signer.key), PETER_KEY);
  assert.equal(formatNote({ text: TEXT, signatures: [await signText(TEXT, signer)] }), `${TEXT}\n${PETER}`);
  await assert.rejects(signText('no newline', signer), { code: 'NOTE_INVALID' });
  const short = { ...signer, sign: () => new Uint8Array(63) };
  await assert.rejects(signText(TEXT, short), { code: 'SIGNATURE_ALGORITHM' });
  const cosigner = signerOf('w', 'ed25519_cosignature', seedOf(1));
  await assert.rejects(signText(TEXT, cosigner), { code: 'VERIFIER_KEY_INVALID' });
});

test('a known key with a wrong signature rejects the note, whoever else signed', () => {
  const wrong = PETER.replace('x08go/ZJ', 'x08go/ZK');
  assert.equal(
    codeFrom(() => open(`${TEXT}\n${wrong}${ENOCH}`, PETER_KEY, ENOCH_KEY)),
    'SIGNATURE_WRONG',
  );
  assert.deepEqual(open(`${TEXT}\n${wrong}${ENOCH}`, ENOCH_KEY), ['EnochRoot']);
  assert.equal(
    codeFrom(() => open(`${TEXT}\n${PETER}${wrong}`, PETER_KEY)),
    'SIGNATURE_WRONG',
  );
  assert.equal(
    codeFrom(() => open(`${TEXT}.\n\n${PETER}`, PETER_KEY)),
    'SIGNATURE_WRONG',
  );
  const short = `— PeterNeumann ${encodeBase64(Uint8Array.of(0xc7, 0x4f, 0x20, 0xa3, 1))}\n`;
  assert.equal(
    codeFrom(() => open(`${TEXT}\n${short}`, PETER_KEY)),
    'SIGNATURE_WRONG',
  );
});

test('a note that no known key signed is rejected', () => {
  assert.equal(
    codeFrom(() => open(`${TEXT}\n${PETER}`, ENOCH_KEY)),
    'SIGNATURE_MISSING',
  );
  assert.equal(
    codeFrom(() => open(`${TEXT}\n${PETER}`)),
    'SIGNATURE_MISSING',
  );
  // Neither the name nor the id alone makes a key known.
  const other_id = PETER.replace('x08go', 'x08gp');
  assert.equal(
    codeFrom(() => open(`${TEXT}\n${other_id}`, PETER_KEY)),
    'SIGNATURE_MISSING',
  );
  assert.equal(
    codeFrom(() => open(`${TEXT}\n${PETER.replace('Peter', 'peter')}`, PETER_KEY)),
    'SIGNATURE_MISSING',
  );
});

test('keys that cannot be used are refused, never passed over', () => {
  assert.equal(
    codeFrom(() => open(`${TEXT}\n${PETER}`, PETER_KEY, PETER_KEY)),
    'VERIFIER_KEY_INVALID',
  );
  assert.equal(
    codeFrom(() => ed25519Verifier(parseVerifierKey(PETER_KEY), {})),
    'SIGNATURE_ALGORITHM',
  );
  const cosigner = verifierKey('w', 'ed25519_cosignature', new Uint8Array(32));
  assert.equal(
    codeFrom(() => ed25519Verifier(cosigner, algorithms)),
    'VERIFIER_KEY_INVALID',
  );
  assert.equal(
    codeFrom(() => verifierKey('a b', 'ed25519', new Uint8Array(32))),
    'VERIFIER_KEY_INVALID',
  );
  assert.equal(
    codeFrom(() => verifierKey('a', 'ed25519', new Uint8Array(31))),
    'VERIFIER_KEY_INVALID',
  );
});

test('notes with anything out of place are refused', () => {
  const bad: Record<string, string> = {
    nothing: '',
    'no signature': `${TEXT}\n`,
    'no empty line': `${TEXT}${PETER}`,
    'no last newline': `${TEXT}\n${PETER}`.slice(0, -1),
    'a text without newline': `\n${PETER}`,
    'an empty line at the end': `${TEXT}\n${PETER}\n`,
    'a carriage return': `${TEXT}\r\n\n${PETER}`,
    'a tab': `a\tb\n\n${PETER}`,
    'a NUL': `a\u0000b\n\n${PETER}`,
    'a hyphen for a dash': `${TEXT}\n${PETER.replace('—', '-')}`,
    'two spaces': `${TEXT}\n${PETER.replace('Neumann ', 'Neumann  ')}`,
    'a space at the end': `${TEXT}\n${PETER.replace('\n', ' \n')}`,
    'a no-break space in a name': `${TEXT}\n${PETER.replace('PeterN', 'Peter\u00a0N')}`,
    'a plus in a name': `${TEXT}\n${PETER.replace('PeterN', 'Peter+N')}`,
    'no name': `${TEXT}\n${PETER.replace('PeterNeumann', '')}`,
    'no base64': `${TEXT}\n— PeterNeumann\n`,
    'unpadded base64': `${TEXT}\n${PETER.replace('=', '')}`,
    'URL base64': `${TEXT}\n${PETER.replaceAll('/', '_')}`,
    'unused bits set': `${TEXT}\n${PETER.replace('nAM=', 'nAN=')}`,
    'an id and no signature': `${TEXT}\n— PeterNeumann x08gow==\n`,
    'too many signatures': `${TEXT}\n${PETER.repeat(NOTE_SIGNATURES_MAX + 1)}`,
    'too many bytes': `${'a'.repeat(NOTE_BYTES_MAX)}\n\n${PETER}`,
  };
  for (const [name, note] of Object.entries(bad)) {
    assert.equal(
      codeFrom(() => parseNote(utf8(note))),
      'NOTE_INVALID',
      name,
    );
    assert.equal(
      codeFrom(() => parseNote(note)),
      'NOTE_INVALID',
      name,
    );
  }
  assert.equal(
    codeFrom(() => parseNote(Uint8Array.of(0xff, ...utf8(`\n\n${PETER}`)))),
    'NOTE_INVALID',
  );
  assert.equal(
    codeFrom(() => parseNote(`\ud800\n\n${PETER}`)),
    'NOTE_INVALID',
  );
});

test('notes that look odd but are well-formed are read', () => {
  for (const text of [
    '\n',
    'a\n\n',
    '\n\n\n',
    'a\n\n— b c\n',
    '\ufeffa\n',
    'a\u007f\u0085\u2028\n',
    `${'é'.repeat(9)}\n`,
  ]) {
    const note = `${text}\n${PETER}`;
    assert.equal(parseNote(utf8(note)).text, text);
    assert.equal(formatNote(parseNote(utf8(note))), note);
  }
  assert.equal(
    parseNote(`${TEXT}\n${PETER.repeat(NOTE_SIGNATURES_MAX)}`).signatures.length,
    NOTE_SIGNATURES_MAX,
  );
});

test('what could not be read again is not written', () => {
  const [signature] = parseNote(`${TEXT}\n${PETER}`).signatures;
  assert.ok(signature);
  for (const note of [
    { text: 'a', signatures: [signature] },
    { text: 'a\r\n', signatures: [signature] },
    { text: '\ud800\n', signatures: [signature] },
    { text: TEXT, signatures: [] },
    { text: TEXT, signatures: [{ ...signature, name: 'a b' }] },
    { text: TEXT, signatures: [{ ...signature, key_id: 'C74F20A3' }] },
    { text: TEXT, signatures: [{ ...signature, signature: new Uint8Array(0) }] },
  ])
    assert.equal(
      codeFrom(() => formatNote(note)),
      'NOTE_INVALID',
      JSON.stringify(note),
    );
});

test('key names have no spaces, plus or control characters of any kind', () => {
  for (const name of [
    '',
    'a b',
    'a+b',
    'a\tb',
    'a\u0001',
    'a\u0085',
    'a\u00a0',
    'a\u2003',
    'a\u3000',
    '\ud800',
  ])
    assert.ok(!isKeyName(name), JSON.stringify(name));
  for (const name of ['a', 'example.com/log', '日本', 'a\ufeff']) assert.ok(isKeyName(name), name);
});

test('any text is a note that is written the same again, or refused', () => {
  const valid = fc.constantFrom(SPEC_NOTE, `${TEXT}\n${PETER}${ENOCH}`, `a\n\nb\n\n${PETER}`);
  onlyCanonical(valid.chain(near), parseNote, formatNote, ['NOTE_INVALID'], 5000);
});

test('any bytes are a note that is written the same again, or refused', () => {
  const valid = utf8(`${TEXT}\n${PETER}`);
  fc.assert(
    fc.property(fc.nat({ max: valid.length - 1 }), fc.uint8Array({ maxLength: 3 }), (at, patch) => {
      const bytes = valid.slice();
      bytes.set(patch.subarray(0, bytes.length - at), at);
      const result = attempt(() => parseNote(bytes));
      if ('code' in result) assert.equal(result.code, 'NOTE_INVALID');
      else assert.deepEqual(utf8(formatNote(result.value)), bytes);
    }),
    { numRuns: runs(3000) },
  );
});

test('any line is a signature that is written the same again, or refused', () => {
  const valid = fc.constantFrom(PETER.trimEnd(), '— a AAAAAAA=', '— a//b AAAAAAAA');
  onlyCanonical(valid.chain(near), parseSignatureLine, formatSignatureLine, ['NOTE_INVALID'], 4000);
});

test('any text is a verifier key that is written the same again, or refused', () => {
  const ml_dsa = formatVerifierKey(verifierKey('w', 'ml_dsa_44_cosignature', new Uint8Array(1312).fill(251)));
  const valid = fc.constantFrom(SPEC_KEY, PETER_KEY, ml_dsa);
  const inputs = fc.oneof(valid, valid.chain(near));
  onlyCanonical(inputs, parseVerifierKey, formatVerifierKey, ['VERIFIER_KEY_INVALID'], 4000);
});

test('a verifier key with another name, id, type or length is refused', () => {
  for (const bad of [
    '',
    SPEC_KEY.replace('foo', 'bar'),
    SPEC_KEY.replace('530d903a', '530d903b'),
    SPEC_KEY.replace('530d903a', '530D903A'),
    SPEC_KEY.replace('+530d903a', ''),
    SPEC_KEY.replace('AekyeR', 'AukyeR'),
    SPEC_KEY.replace('AekyeR', 'BekyeR'),
    `${SPEC_KEY}AAAA`,
    `${SPEC_KEY}\n`,
    SPEC_KEY.slice(0, -4),
  ])
    assert.equal(
      codeFrom(() => parseVerifierKey(bad)),
      'VERIFIER_KEY_INVALID',
      bad,
    );
});

test('base 64 is that of RFC 4648 §10, and has one text for each byte string', () => {
  for (const [plain, text] of Object.entries({
    '': '',
    f: 'Zg==',
    fo: 'Zm8=',
    foo: 'Zm9v',
    foob: 'Zm9vYg==',
    fooba: 'Zm9vYmE=',
    foobar: 'Zm9vYmFy',
  })) {
    assert.equal(encodeBase64(utf8(plain)), text);
    assert.deepEqual(decodeBase64(text), utf8(plain));
  }
  for (const bad of [
    'Zg',
    'Zg=',
    'Zg===',
    'Zh==',
    'Zm9=',
    'Z===',
    '====',
    'Zm 9',
    'Zm9v\n',
    'Zm9-',
    'Zg==Zg==',
  ])
    assert.equal(decodeBase64(bad), null, bad);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.equal(encodeBase64(bytes), Buffer.from(bytes).toString('base64'));
      assert.deepEqual(decodeBase64(encodeBase64(bytes)), bytes);
    }),
  );
});
