/**
 * Canonical JSON in PL/pgSQL is byte for byte core's, and what core refuses it refuses for the same reason.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { canonicalize, IndelibleError, parseJson } from '@indelible/core';
import fc from 'fast-check';
import type { Client } from 'pg';
import { noPostgres } from '../support/postgres.ts';
import { readVectors } from '../support/vectors.ts';
import { connected } from './schema-support.ts';
import { Databases } from './support.ts';

const skip = noPostgres();
/** Texts for each property; a run in earnest has more. */
const RUNS = Number(process.env.INDELIBLE_RUNS ?? 1000);
let databases: Databases;
let client: Client;

before(async () => {
  if (skip !== false) return;
  databases = await Databases.start([]);
  client = await connected(databases.server, await databases.create());
  await client.query(`CREATE FUNCTION pg_temp.written(json_text text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE told text;
    BEGIN
      RETURN indelible.canonical_json(json_text::json, 0);
    EXCEPTION WHEN SQLSTATE 'ND007' THEN
      GET STACKED DIAGNOSTICS told = PG_EXCEPTION_DETAIL;
      RETURN told::json ->> 'code';
    WHEN data_exception OR statement_too_complex THEN
      RETURN 'JSON_INVALID';
    END $$`);
});

after(async () => {
  await client?.end();
  await databases?.stop();
});

/** What the database makes of each text: its canonical form, or the code of the refusal. All in one query. */
async function inDatabase(texts: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ written: string }>(
    'SELECT pg_temp.written(t) AS written FROM unnest($1::text[]) WITH ORDINALITY AS u(t, n) ORDER BY n',
    [texts],
  );
  return rows.map(({ written }) => written);
}

function inCore(text: string): string {
  try {
    return canonicalize(parseJson(text));
  } catch (error) {
    assert.ok(error instanceof IndelibleError, String(error));
    return error.code === 'JSON_LONE_SURROGATE' ? 'JSON_INVALID' : error.code;
  }
}

async function assertSame(texts: readonly string[]): Promise<void> {
  const written = await inDatabase(texts);
  assert.equal(written.length, texts.length);
  for (const [i, text] of texts.entries()) assert.equal(written[i], inCore(text), text);
}

/** JSON text of a value, with white space and escapes as nobody would choose them. */
function spelled(value: unknown, odd: () => number): string {
  const gap = (): string => ['', '', '', ' ', '\n', '\t '][odd() % 6]!;
  if (typeof value === 'string') return spelledString(value, odd);
  if (Array.isArray(value)) return `[${gap()}${value.map((item) => spelled(item, odd) + gap()).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, member]) => `${gap()}${spelledString(name, odd)}${gap()}:${gap()}${spelled(member, odd)}`,
  );
  return `{${members.join(',')}${gap()}}`;
}

function spelledString(text: string, odd: () => number): string {
  let spelling = '"';
  for (const unit of text.split('')) {
    const escaped = `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    const plain = JSON.stringify(unit).slice(1, -1);
    spelling += odd() % 8 === 0 || /[\ud800-\udfff]/.test(unit) ? escaped : plain;
  }
  return `${spelling}"`;
}

/** Names and strings full of what is special: controls, U+0000, surrogates, both sides of them, quotes. */
const text = fc.string({
  unit: fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }) },
    fc.constantFrom(
      ...'\u0000\u0001\u0002\b\n\u001f"\\/u0001{}:,\u007f\u0080\ud7ff\ue000\uffff😀\u{10ffff}é',
    ),
  ),
  maxLength: 8,
});
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(text, number, fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(text, tie('tree'), { maxKeys: 6 }),
  ),
}));

test('values of every kind, however they are spelled', { skip }, async () => {
  const texts = fc
    .sample(fc.tuple(tree, fc.infiniteStream(fc.nat(1000))), RUNS / 2)
    .map(([value, stream]) => spelled(value, () => stream.next().value));
  await assertSame(texts);
});

test('the usual data, one object of strings and short numbers', { skip }, async () => {
  const name = fc
    .string({ unit: fc.constantFrom(...'ab!"#: ,~'), maxLength: 3 })
    .map((name) => JSON.stringify(name));
  const value = fc.oneof(
    name,
    fc.constantFrom(
      'true',
      'false',
      'null',
      '{}',
      '[]',
      '[1,"a"]',
      '{"b":1,"a":":{,"}',
      '1.50',
      '-0',
      '1e3',
      '-7',
      '"é"',
    ),
    fc.integer({ min: 0 }).map(String),
    fc.nat(1e6).map((n) => String(n / 1e4)),
    fc.nat(1e6).map((n) => `0.00000${n}`),
    fc.maxSafeNat().map(String),
  );
  const gap = fc.constantFrom('', '', ' ', '\n', '\t', '\r\n');
  const member = fc
    .tuple(gap, name, gap, gap, value, gap)
    .map(([a, n, b, c, v, d]) => `${a}${n}${b}:${c}${v}${d}`);
  const objects = fc.array(member, { maxLength: 6 }).map((members) => `{${members.join(',')}}`);
  await assertSame(fc.sample(objects, RUNS));
});

test('doubles, as JavaScript prints them', { skip }, async () => {
  const doubles = fc.sample(number, RUNS).map((double) => JSON.stringify(double));
  const edges = Array.from({ length: 650 }, (_, i) => [
    `1e${i - 325}`,
    `${2 ** (i - 325)}`,
    `-${2 ** (i - 325) * 3}`,
  ]);
  await assertSame([
    ...doubles,
    ...edges.flat(),
    '5e-324',
    '1.7976931348623157e308',
    '-0',
    '0.1',
    '1e23',
    '92887877058412610',
  ]);
});

test('decimals, whether a double holds them or not', { skip }, async () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 19 });
  const decimal = fc
    .tuple(
      fc.constantFrom('', '-'),
      digits,
      fc.option(digits),
      fc.option(fc.integer({ min: -340, max: 330 })),
    )
    .map(
      ([sign, whole, fraction, exponent]) =>
        `${sign}${whole.replace(/^0+(?=.)/, '')}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`,
    );
  await assertSame(fc.sample(decimal, RUNS));
});

test('decimals exactly between two doubles, and beside', { skip }, async () => {
  const between = fc
    .tuple(fc.bigInt({ min: 1n, max: 10n ** 17n }), fc.integer({ min: 0, max: 25 }))
    .map(([significant, power]) => `${significant}${'0'.repeat(power)}`);
  // Powers of five below 2^54 are what makes a short decimal fall between: 5^23 times a power of two.
  const halves = Array.from({ length: 24 }, (_, i) => 5n ** BigInt(i)).flatMap((five) =>
    Array.from({ length: 60 }, (_, shift) => `${five << BigInt(shift)}`),
  );
  await assertSame([...fc.sample(between, RUNS / 2), ...halves]);
});

test('a member named twice, at any depth and however it is spelled', { skip }, async () => {
  const doubled = fc.tuple(
    fc.dictionary(text, tree, { minKeys: 1, maxKeys: 4 }),
    fc.infiniteStream(fc.nat(1000)),
    fc.boolean(),
  );
  const texts = fc.sample(doubled, RUNS / 8).map(([object, stream, nested]) => {
    const odd = () => stream.next().value;
    const [name] = Object.keys(object);
    const inner = `${spelled(object, odd).slice(0, -1)},${spelledString(name!, odd)}:${odd()}}`;
    return nested ? `[{"a":${inner}}]` : inner;
  });
  await assertSame(texts);
  assert.equal(inCore(texts[0]!), 'JSON_DUPLICATE_KEY', 'the texts are what they should be');
});

test('nesting up to the limit, and over it', { skip }, async () => {
  const nested = (depth: number, open: string, close: string): string =>
    open.repeat(depth) + close.repeat(depth);
  await assertSame([
    ...[63, 64, 65, 200].map((depth) => nested(depth, '[', ']')),
    ...[63, 64, 65].map((depth) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
  ]);
});

test('the vectors that every implementation must pass', { skip }, async () => {
  const { cases } = readVectors<{ cases: { input: string }[] }>('canonical-json');
  assert.ok(cases.length > 10);
  await assertSame(cases.map(({ input }) => input));
});
