/** Names with escapes, which V8 13.6 reads wrongly by what it parsed before, and the parser that they go to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize, type Json, parseCanonical, parseJson, parseJsonText } from '@indelible/core';
import fc from 'fast-check';
import { codeFrom, near, utf8 } from './codes.ts';

const names = (value: unknown): string[] => Object.keys(value as object);

test('a name is what the text says, whatever was parsed before', () => {
  for (const [before, text, expected] of [
    ['{"xa\\\\a\\"":1,"a\\\\":1}', '{"xa\\\\a\\"":1,"a\\"":1}', ['xa\\a"', 'a"']],
    ['{"a\\\\":1}', '{"a\\"":1}', ['a"']],
    ['{"k":0,"a\\\\":1}', '{"k":0,"a\\n":1}', ['k', 'a\n']],
    ['{"k":0,"a\\\\":1}', '{"k":0,"a\\u0022":1}', ['k', 'a"']],
  ] as const) {
    parseJson(before);
    assert.deepEqual(names(parseJson(text)), expected, text);
    JSON.parse(before);
    assert.deepEqual(
      names(parseCanonical(utf8(canonicalize(parseJson(text))))).sort(),
      [...expected].sort(),
      text,
    );
    JSON.parse(before);
    assert.deepEqual(names(parseJsonText(text)), expected, text);
  }
});

test('names of awkward characters, one text after the other', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'x', '\\', '"', '\n', '{', ':'), maxLength: 4 });
  const object = fc.dictionary(name, fc.constantFrom<Json>(0, 'a\\": 1', [], { 'a\\': 1 }), { maxKeys: 3 });
  fc.assert(
    fc.property(fc.array(object, { minLength: 2, maxLength: 6 }), (objects) => {
      for (const one of objects) {
        const text = JSON.stringify(one);
        JSON.parse(text);
        // As text: comparing values would compare what was misread with itself.
        assert.equal(canonicalize(parseJson(text)), canonicalize({ ...one } as Json));
      }
    }),
    { numRuns: 2000 },
  );
});

const WITH_ESCAPED_NAME = `{ "a\\"" : [ 1 , -0.5e3, true ,false,null, "\\u00e9", {} , [ ] ], "__proto__" : { "b" : "\\\\" } }`;

test('the parser for such texts takes what JSON.parse takes, with the same result', () => {
  const value = parseJsonText(WITH_ESCAPED_NAME) as Record<string, Json>;
  assert.deepEqual(Object.keys(value), ['a"', '__proto__']);
  assert.deepEqual(value['a"'], [1, -500, true, false, null, 'é', {}, []]);
  assert.equal(JSON.stringify(value), JSON.stringify(JSON.parse(WITH_ESCAPED_NAME)));
  assert.deepEqual(names(parseJsonText('{"a\\"":1,"b":2,"a\\"":3}')), ['a"', 'b'], 'the last one counts');
  assert.equal(
    codeFrom(() => parseJson('{"a\\"":1,"a\\u0022":3}')),
    'JSON_DUPLICATE_KEY',
  );
  for (const text of ['', '1', ',', ']', '"x']) {
    const wrong = `{"a\\"":${text}`;
    assert.throws(() => parseJsonText(wrong), SyntaxError, wrong);
    assert.equal(
      codeFrom(() => parseJson(wrong)),
      'JSON_INVALID',
      wrong,
    );
  }
  assert.equal(
    codeFrom(() => parseJsonText(`{"a\\"":${'['.repeat(200_000)}`)),
    'JSON_TOO_DEEP',
  );
});

test('texts near such a text: JSON.parse and the parser agree on which are JSON, and on what they say', () => {
  const outcome = (parse: (text: string) => unknown, text: string): string => {
    try {
      return JSON.stringify(parse(text));
    } catch (error) {
      assert.ok(error instanceof SyntaxError, String(error));
      return 'SyntaxError';
    }
  };
  // JSON.parse guesses from objects that began with the same names: so they begin differently, and the seed is one that
  // is known to make no others.
  let n = 0;
  fc.assert(
    fc.property(near(WITH_ESCAPED_NAME), (text) => {
      const unguessed = text.replace('{', `{"${n++}":0,`);
      assert.equal(outcome(parseJsonText, unguessed), outcome(JSON.parse, unguessed));
    }),
    { numRuns: 500, seed: 1 },
  );
});
