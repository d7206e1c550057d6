import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize, parseCanonical, parseJson } from '@indelible/core';
import oracle from 'canonicalize';
import fc from 'fast-check';
import { runs } from '../support/runs.ts';

const encoder = new TextEncoder();
const value = fc.jsonValue({ maxDepth: 5, stringUnit: 'grapheme' });

test('canonical form agrees with another implementation', () => {
  fc.assert(
    fc.property(value, (json) => assert.equal(canonicalize(json), oracle(json))),
    { numRuns: runs(1000) },
  );
});

test('what is canonical parses back to the same bytes, and no other spelling is accepted', () => {
  fc.assert(
    fc.property(value, (json) => {
      const text = canonicalize(json);
      assert.deepEqual(canonicalize(parseCanonical(encoder.encode(text))), text);
      const spaced = JSON.stringify(json, null, 1);
      if (spaced !== text)
        assert.throws(() => parseCanonical(encoder.encode(spaced)), { code: 'JSON_NOT_CANONICAL' });
    }),
    { numRuns: runs(500) },
  );
});

test('bytes changed at random are accepted only if they are canonical again', () => {
  fc.assert(
    fc.property(value, fc.nat(), fc.nat(255), (json, where, byte) => {
      const bytes = encoder.encode(canonicalize(json));
      bytes[where % bytes.length] = byte;
      let parsed: unknown;
      try {
        parsed = parseCanonical(bytes);
      } catch (error) {
        assert.match((error as { code: string }).code, /^JSON_/);
        return;
      }
      assert.deepEqual(encoder.encode(canonicalize(parsed)), bytes);
    }),
    { numRuns: runs(2000) },
  );
});

test('strict parsing agrees with JSON.parse on everything that is unambiguous', () => {
  fc.assert(
    fc.property(value, (json) =>
      assert.deepEqual(parseJson(JSON.stringify(json)), JSON.parse(JSON.stringify(json))),
    ),
  );
});

for (const [text, code] of [
  ['{"a":1,"a":1}', 'JSON_DUPLICATE_KEY'],
  ['[{"a":{"b":1,"b":2}}]', 'JSON_DUPLICATE_KEY'],
  ['{"a":1,"\\u0061":2}', 'JSON_DUPLICATE_KEY'],
  ['12345678901234567890', 'JSON_NUMBER'],
  ['0.1234567890123456789', 'JSON_NUMBER'],
  ['1e400', 'JSON_NUMBER'],
  ['[NaN]', 'JSON_INVALID'],
  ['{"a":}', 'JSON_INVALID'],
  ['"unclosed', 'JSON_INVALID'],
  ['', 'JSON_INVALID'],
  ['['.repeat(65) + ']'.repeat(65), 'JSON_TOO_DEEP'],
  ['['.repeat(1_000_000), 'JSON_TOO_DEEP'],
] as const) {
  test(`refused as ${code}: ${text.slice(0, 30)}`, () => {
    assert.throws(() => parseJson(text), { code });
  });
}

for (const text of [
  '{"a:b":"c:d\\"e:f"}',
  '1.10',
  '100',
  '1E2',
  '9007199254740993.0e-1'.slice(0, 4),
  '[1e21,0.1]',
]) {
  test(`accepted: ${text}`, () => assert.deepEqual(parseJson(text), JSON.parse(text)));
}

test('a number as long as the input is refused at once, not after hours', () => {
  assert.throws(() => parseJson(`0.1${'0'.repeat(5_000_000)}1`), { code: 'JSON_NUMBER' });
});

test('the message names the member that is wrong', () => {
  assert.throws(() => canonicalize({ a: [1, { b: undefined }] }), { message: /at \.a\[1\]\.b/ });
});
