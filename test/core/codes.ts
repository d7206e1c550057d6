/** What hostile input may do to a parser: nothing but raise our own error, with one of the codes it states. */
import assert from 'node:assert/strict';
import { type ErrorCode, isIndelibleError } from '@indelible/core';
import fc from 'fast-check';
import { runs } from '../support/runs.ts';

/** The value, or the code of the typed error; any other error fails the test. */
export function attempt<T>(action: () => T): { value: T } | { code: ErrorCode } {
  try {
    return { value: action() };
  } catch (error) {
    if (isIndelibleError(error)) return { code: error.code };
    throw error;
  }
}

export function codeFrom(action: () => unknown): ErrorCode | null {
  const result = attempt(action);
  return 'code' in result ? result.code : null;
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Texts near a valid one: a piece cut, doubled, replaced or moved. Most are invalid, and look valid for long. */
export function near(valid: string): fc.Arbitrary<string> {
  const at = fc.nat({ max: valid.length });
  const piece = fc.oneof(
    fc.constantFrom(
      '',
      '\n',
      '\n\n',
      ' ',
      '+',
      '=',
      '0',
      '00',
      'x',
      '.p/',
      '\r',
      '\u0000',
      '\u2014 ',
      'A',
      '/',
      '-',
    ),
    fc.constantFrom('\u00a0', '\ufeff', '\ud800', '\u007f', 'é', '9007199254740993'),
    fc.string({ unit: 'binary', maxLength: 4 }),
  );
  return fc.oneof(
    fc
      .tuple(at, at, piece)
      .map(([a, b, text]) => valid.slice(0, Math.min(a, b)) + text + valid.slice(Math.max(a, b))),
    fc
      .tuple(at, fc.nat({ max: 3 }), piece)
      .map(([a, n, text]) => valid.slice(0, a) + text + valid.slice(a + n)),
    fc
      .tuple(at, at)
      .map(([a, b]) => valid.slice(0, a) + valid.slice(Math.min(a, b), Math.max(a, b)) + valid.slice(a)),
  );
}

/** Every input is either read and written again as it was, or refused with one of `codes`; both must occur. */
export function onlyCanonical<T>(
  inputs: fc.Arbitrary<string>,
  parse: (text: string) => T,
  format: (value: T) => string,
  codes: readonly ErrorCode[],
  numRuns = 2000,
): void {
  let [read, refused] = [0, 0];
  fc.assert(
    fc.property(inputs, (input) => {
      const result = attempt(() => parse(input));
      if ('code' in result) {
        assert.ok(codes.includes(result.code), result.code);
        refused++;
      } else {
        assert.equal(format(result.value), input);
        read++;
      }
    }),
    // Few are read: with fewer tries there might be none.
    { numRuns: Math.min(numRuns, Math.max(500, runs(numRuns))) },
  );
  assert.ok(read > 0 && refused > 0, `read ${read}, refused ${refused}: the inputs show too little`);
}
