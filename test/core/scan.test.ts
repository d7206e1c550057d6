/** The scanner reads four bytes at a time, and most numbers without converting them: neither may change what it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize, type Json } from '@indelible/core';
import fc from 'fast-check';
import { CanonicalScanner } from '../../packages/core/src/json/scan.ts';
import { runs } from '../support/runs.ts';

const scanner = new CanonicalScanner();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function isCanonical(bytes: Uint8Array): boolean {
  try {
    const text = decoder.decode(bytes);
    return canonicalize(JSON.parse(text) as Json) === text;
  } catch {
    return false;
  }
}

/** What the scanner says of these bytes wherever they lie in a larger array, and whatever lies around them. */
function scanned(bytes: Uint8Array): boolean {
  const answers = new Set<boolean>();
  for (const around of [0x22, 0x31]) {
    for (let before = 0; before < 8; before++) {
      const whole = new Uint8Array(before + bytes.length + (before % 3)).fill(around);
      whole.set(bytes, before);
      answers.add(scanner.scan(whole, before, before + bytes.length));
      answers.add(scanner.scan(whole.subarray(before), 0, bytes.length));
    }
  }
  assert.equal(answers.size, 1, `depends on where it lies: ${Buffer.from(bytes).toString('latin1')}`);
  return [...answers][0]!;
}

test('every byte at every place of a string', () => {
  for (let place = 1; place <= 10; place++) {
    for (let byte = 0; byte < 256; byte++) {
      const bytes = Buffer.from('"aaaaaaaaaa"');
      bytes[place] = byte;
      assert.equal(scanned(bytes), isCanonical(bytes), bytes.toString('latin1'));
    }
  }
});

test('strings of what is special, side by side', () => {
  const piece = fc.constantFrom(
    '"',
    '\\',
    '\\"',
    '\\\\',
    '\\n',
    '\\u001f',
    '\\u0041',
    '\x1f',
    ' ',
    '!',
    '#',
    '\x7f',
    'é',
    '€',
    '😀',
    'abc',
    'abcd',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const bytes = Buffer.from(`"${pieces.join('')}"`);
      assert.equal(scanned(bytes), isCanonical(bytes));
    }),
    { numRuns: runs(1000) },
  );
});

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const isCanonicalNumber = (text: string): boolean => NUMBER.test(text) && String(Number(text)) === text;

for (const [text, canonical] of [
  ['0', true],
  ['-0', false],
  ['00', false],
  ['01', false],
  ['-1', true],
  ['-', false],
  ['.5', false],
  ['5.', false],
  ['-.5', false],
  ['0.5', true],
  ['-0.5', true],
  ['0.50', false],
  ['0.0', false],
  ['00.5', false],
  ['1..5', false],
  ['1.5.5', false],
  ['1-5', false],
  ['0.000001', true],
  ['0.0000001', false],
  ['1e-7', true],
  ['0.000000123', false],
  ['1e+21', true],
  ['1e21', false],
  ['100000000000000000000', true],
  ['999999999999999', true],
  ['9007199254740993', false],
  ['12345678901234.5', true],
  ['0.30000000000000004', true],
  ['0.300000000000000044', false],
  ['1.7976931348623157e+308', true],
  ['5e-324', true],
  ['-2.2250738585072014e-308', true],
] as const) {
  test(`number ${text}: ${canonical ? 'canonical' : 'not canonical'}`, () => {
    assert.equal(isCanonicalNumber(text), canonical);
    assert.equal(scanned(Buffer.from(text)), canonical);
  });
}

test('any number, however it is written', () => {
  const digits = fc.stringMatching(/^(?:0{0,8}\d{0,17}|\d{0,3})$/);
  const exponent = fc.constantFrom('', '', '', 'e5', 'e-7', 'e+21', 'E5');
  const number = fc
    .tuple(fc.constantFrom('', '-'), digits, fc.constantFrom('', '.'), digits, exponent)
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(number, fc.double().map(String)), (text) => {
      assert.equal(scanned(Buffer.from(text)), isCanonicalNumber(text), text);
    }),
    { numRuns: runs(3000) },
  );
});
