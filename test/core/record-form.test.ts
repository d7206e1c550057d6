/** What the verifier takes for a record is what readers take for one: no more, or they could not read the log; no less. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChainVerifier, canonicalize, GENESIS_HASH, type Json, leafHash, parseRecord } from '@indelible/core';
import fc from 'fast-check';
import { batchOf, sealLine } from '../support/chain.ts';
import { runs } from '../support/runs.ts';

const encoder = new TextEncoder();
const first = sealLine(0, GENESIS_HASH);

function isReadable(body: string): boolean {
  try {
    parseRecord(encoder.encode(body));
    return true;
  } catch {
    return false;
  }
}

/** The record that follows the first, with these members; undefined leaves one out. */
function bodyWith(members: object): string {
  const usual = JSON.parse(sealLine(1, first.hash).body) as object;
  return canonicalize(JSON.parse(JSON.stringify({ ...usual, ...members })) as Json);
}

/** Both agree; whether it is a record. */
function judged(body: string): boolean {
  const verifier = new ChainVerifier(() => leafHash);
  const { bytes, ends } = batchOf([first, { hash: leafHash(encoder.encode(body)), body }]);
  verifier.push(bytes, ends);
  // Whose turn a key is, is another question.
  const findings = verifier.finish().findings.filter(({ damage }) => damage !== 'key_out_of_turn');
  const is_record = isReadable(body);
  assert.deepEqual(
    findings.map(({ damage, seq }) => [damage, seq]),
    is_record ? [] : [['not_canonical', 1]],
    body.slice(0, 600),
  );
  return is_record;
}

const party = (depth: number): object => ({
  ...{ id: 'a', type: 'b' },
  ...(depth > 0 && { on_behalf_of: party(depth - 1) }),
});
const LENGTHS = [1, 64, 65, 127, 128, 200, 201, 256, 257, 512, 513, 1024, 1025, 2048, 2049, 8192, 8193];
const TEXTS = [
  ...[
    '',
    ' ',
    'a',
    '"',
    '\\',
    '\\n',
    'a\nb',
    '\u0000',
    '\u001f',
    '\u007f',
    '\u0080',
    'é',
    '\u2028',
    '😀',
    '\uffff',
  ],
  ...LENGTHS.flatMap((length) => ['x', '"', '\n', 'é', '€'].map((character) => character.repeat(length))),
  ...[32, 64, 100, 101, 128, 129, 256, 257, 512, 513, 1024, 1025].map((length) => '😀'.repeat(length)),
  ...['ok', 'error', 'denied', 'pending', 'okay', 'OK', 'k1', 'a b', 'a/b', '-', '.a', 'A-Z._~:/@', 'a+b'],
  ...['0', 'a', 'A', 'g'].flatMap((digit) =>
    [15, 16, 17, 31, 32, 33, 63, 64, 65].map((count) => digit.repeat(count)),
  ),
  ...['7', '4'].flatMap((version) =>
    ['8', 'b', 'c'].map((variant) => `019aa000-0000-${version}000-${variant}000-00000000000f`),
  ),
  ...[
    '2026-11-21T02:14:00Z',
    '2026-11-21T02:14:00.1Z',
    '2026-11-21T02:14:00.123456789Z',
    '2026-11-21T02:14:00.1234567890Z',
  ],
  ...[
    '2026-02-28T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2028-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-21T24:00:00Z',
  ],
  ...[
    '2026-11-21T02:14:60Z',
    '2026-11-21t02:14:00Z',
    '2026-11-21T02:14:00+00:00',
    '0000-01-01T00:00:00Z',
    '2026-11-31T23:59:59Z',
  ],
  ...[
    `sha-256:${'0'.repeat(64)}`,
    `sha-256:${'0'.repeat(63)}g`,
    'text/plain',
    'text/',
    'text/p;q',
    `${'a'.repeat(63)}/b`,
    `${'a'.repeat(64)}/b`,
  ],
];
const VALUES: readonly unknown[] = [
  ...TEXTS,
  ...[0, 1, 2, -1, 0.5, 1e-7, 1e21, 1.7976931348623157e308, 67_108_864, 67_108_865, true, null, [], {}],
];
const PARTIES: readonly unknown[] = [
  ...[0, 1, 7, 8, 9].map(party),
  ...VALUES.flatMap((value) =>
    ['id', 'name', 'type', 'on_behalf_of', 'role'].map((name) => ({ ...party(0), [name]: value })),
  ),
  { id: 'a' },
  { type: 'a' },
  [party(0)],
];
const MEMBERS: Readonly<Record<string, readonly unknown[]>> = {
  ...Object.fromEntries(
    [
      ...[
        'action',
        'correlation_id',
        'cost_usd',
        'event_type',
        'id',
        'input_ref',
        'key_id',
        'latency_ms',
        'message',
      ],
      ...[
        'occurred_at',
        'outcome',
        'output_ref',
        'params_hash',
        'source',
        'span_id',
        'v',
        'unknown',
        '',
        'zzz',
      ],
    ].map((name) => [name, VALUES]),
  ),
  actor: PARTIES,
  resource: PARTIES,
  related_resources: [
    ...[...VALUES, ...PARTIES].map((value) => [value]),
    ...[0, 1, 32, 33].map((count) => Array(count).fill(party(0))),
    [party(0), 1],
  ],
  session: [
    ...VALUES,
    ...VALUES.flatMap((value) =>
      ['agent_id', 'agent_type', 'id', 'lineage', 'x'].map((name) => ({ id: 'a', [name]: value })),
    ),
    ...VALUES.map((value) => ({ lineage: ['a', value] })),
    ...[0, 1, 32, 33].map((count) => ({ lineage: Array(count).fill('a') })),
  ],
  idempotency: VALUES.flatMap((value) => [
    { digest: '0'.repeat(64), key: value },
    { digest: value, key: 'k' },
    { digest: '0'.repeat(64), key: 'k', x: value },
    { key: value },
  ]),
  attachment: VALUES.flatMap((value) =>
    ['digest', 'media_type', 'size', 'x'].map((name) => ({
      ...{ digest: `sha-256:${'0'.repeat(64)}`, media_type: 'text/plain', size: 1 },
      [name]: value,
    })),
  ),
};

for (const [name, values] of Object.entries(MEMBERS)) {
  test(`a record whose member is ${name === '' ? 'without a name' : name}`, () => {
    const answers = values.map((value) =>
      judged(bodyWith({ [name]: value, ...(name === 'attachment' && { data: undefined }) })),
    );
    assert.ok(answers.includes(false));
    assert.ok(answers.includes(true) || ['unknown', '', 'zzz'].includes(name));
  });
}

test('a record whose id or run has any byte at any place', () => {
  const id = '019aa000-0000-7000-8000-00000000000f';
  const correlation_id = '0af7651916cd43dd8448eb211c80319c';
  for (const [name, usual] of Object.entries({ id, correlation_id }))
    for (let place = 0; place < usual.length; place++)
      for (let byte = 0; byte < 128; byte++) {
        const changed = usual.slice(0, place) + String.fromCharCode(byte) + usual.slice(place + 1);
        judged(bodyWith({ [name]: changed }));
      }
});

test('a record whose time of recording has any byte at any place', () => {
  const usual = '2026-11-21T02:14:00.123Z';
  for (let place = 0; place < usual.length; place++)
    for (const byte of '/09:;-.TZaz ?@\u007f') {
      const recorded_at = usual.slice(0, place) + byte + usual.slice(place + 1);
      // Of an earlier one something else would be said.
      const later = recorded_at < '2027' ? `9${recorded_at.slice(1)}` : recorded_at;
      judged(bodyWith({ recorded_at: later }));
    }
});

test('a record without one of its members', () => {
  for (const name of Object.keys(JSON.parse(first.body) as object))
    assert.equal(judged(bodyWith({ [name]: undefined })), name === 'data', name);
});

test('data, or an attachment in its place', () => {
  const attachment = { digest: `sha-256:${'0'.repeat(64)}`, media_type: 'text/plain', size: 1 };
  assert.ok(judged(bodyWith({ attachment, data: undefined })));
  assert.ok(!judged(bodyWith({ attachment, data: null })));
});

test('a record of more than 65,535 bytes, which no tile can hold', () => {
  const room = 65_535 - encoder.encode(bodyWith({ data: '' })).length;
  assert.ok(judged(bodyWith({ data: 'x'.repeat(room) })));
  assert.ok(!judged(bodyWith({ data: 'x'.repeat(room + 1) })));
});

test('any members at all', () => {
  const member = fc
    .constantFrom(...Object.entries(MEMBERS))
    .chain(([name, values]) =>
      fc.oneof(fc.constantFrom(...values), fc.jsonValue()).map((value) => [name, value] as const),
    );
  fc.assert(
    fc.property(fc.array(member, { minLength: 1, maxLength: 5 }), (members) => {
      judged(bodyWith(Object.fromEntries(members)));
    }),
    { numRuns: runs(300) },
  );
});
