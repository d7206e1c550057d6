import assert from 'node:assert/strict';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { ByteWindow } from '../../packages/indelible/src/ingest/byte-window.ts';
import { RecordSplitter } from '../../packages/indelible/src/ingest/record-splitter.ts';
import { ValueScanner } from '../../packages/indelible/src/ingest/value-scanner.ts';
import { runs } from '../support/runs.ts';
import { bytes, source } from './support.ts';

interface Split {
  values: unknown[];
  faults: { position: string; code: string; message: string }[];
}

async function split(content: Uint8Array | string, size = 65_536): Promise<Split> {
  const window = new ByteWindow(source(content, size).bytes);
  const result: Split = { values: [], faults: [] };
  for await (const item of new RecordSplitter(window, {
    member: 'Records',
    opening: 'eventVersion',
  }).split()) {
    if ('error' in item) {
      result.faults.push({ position: item.position, code: item.error.code, message: item.error.message });
    } else result.values.push(item.value);
  }
  return result;
}

const places = (result: Split): string[] => result.faults.map(({ position, code }) => `${position} ${code}`);

const json = fc.jsonValue({ maxDepth: 4, noUnicodeString: false } as fc.JsonSharedConstraints);
const document = fc.record({
  before: fc.dictionary(fc.string(), json, { maxKeys: 2 }),
  records: fc.array(json, { maxLength: 8 }),
  after: fc.dictionary(fc.string(), json, { maxKeys: 2 }),
  indent: fc.constantFrom(undefined, 1, '\t', '\r\n '),
  size: fc.integer({ min: 1, max: 40 }),
});

test('property: any document in any pieces splits into what JSON.parse finds', async () => {
  await fc.assert(
    fc.asyncProperty(document, async ({ before, records, after, indent, size }) => {
      const text = JSON.stringify({ ...before, Records: records, ...after, Records2: 1 }, null, indent);
      const { values, faults } = await split(text, size);
      assert.deepEqual(faults, []);
      assert.deepEqual(values, JSON.parse(text).Records);
    }),
    { numRuns: runs(300) },
  );
});

test('property: a document with one byte changed has a fault, or JSON.parse agrees', async () => {
  const damage = fc.record({
    at: fc.nat(),
    byte: fc.constantFrom(...bytes('{}[],:"\\ ae1\n').values()),
    size: fc.integer({ min: 1, max: 40 }),
  });
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(json, { minLength: 1, maxLength: 4 }),
      damage,
      async (records, { at, byte, size }) => {
        const content = bytes(JSON.stringify({ Records: records }));
        content[at % content.length] = byte;
        const { values, faults } = await split(content, size);
        if (faults.length > 0) {
          refused++;
          return;
        }
        assert.deepEqual(values, JSON.parse(new TextDecoder().decode(content)).Records);
      },
    ),
    { numRuns: runs(500) },
  );
  assert.ok(refused > runs(50));
});

test('property: nothing but complete records is ever handed out, wherever the source is cut', async () => {
  const records = [{ eventVersion: '1', a: ['}', '{"eventVersion"', '\\"'] }, { b: { c: [1, {}] } }, 3, 'x'];
  const text = JSON.stringify({ Records: records });
  for (let length = 0; length < text.length; length++) {
    const { values, faults } = await split(text.slice(0, length), 5);
    assert.deepEqual(values, records.slice(0, values.length));
    assert.equal(faults.length, 1, text.slice(0, length));
  }
});

const R = (n: number) => `{"eventVersion":"1","n":${n}}`;
const N = (...n: number[]) => n.map((i) => ({ eventVersion: '1', n: i }));

test('broken structure is named with its place, and reading goes on at the next record', async () => {
  const cases: [text: string, good: number[], faults: string[]][] = [
    [`{"Records":[${R(0)},nope,${R(2)}]}`, [0, 2], ['Records[1] JSON_INVALID']],
    [`{"Records":[${R(0)},{"eventVersion":,${R(2)}]}`, [0, 2], ['Records[1] JSON_INVALID']],
    [
      `{"Records":[${R(0)},{"eventVersion":"1,"n":1},${R(2)},${R(3)}]}`,
      [0, 2, 3],
      ['Records[1] JSON_INVALID'],
    ],
    [`{"Records":[${R(0)},{"eventVersion":"1","n":[1},${R(2)}]}`, [0, 2], ['Records[1] JSON_INVALID']],
    [`{"Records":[${R(0)},{"eventVersion":"1"}},${R(2)}]}`, [0, 2], ['Records[1] JSON_INVALID']],
    [`{"Records":[${R(0)},{"eventVersion":"1"]},${R(2)}]}`, [0, 2], ['Records[1] JSON_INVALID']],
    [`{"Records":[${R(0)}${R(1)},${R(2)}]}`, [0, 1, 2], ['byte 38 JSON_INVALID']],
    [`{"Records":[${R(0)},]}`, [0], ['Records[1] JSON_INVALID']],
    [`{"Records":[${R(0)}],${R(1)},${R(2)}]}`, [0, 1, 2], ['byte 40 IMPORT_SOURCE']],
    [`{"Records":[${R(0)}]}\n{"Records":[${R(1)}]}`, [0, 1], ['byte 41 IMPORT_SOURCE']],
    [`[${R(0)},${R(1)}]`, [0, 1], ['byte 0 IMPORT_SOURCE']],
    [`{"Records":[${R(0)}]} junk`, [0], ['byte 41 IMPORT_SOURCE']],
    [`{"Records":{"a":1}}`, [], ['byte 11 IMPORT_SOURCE']],
    ['{"Events":[]}', [], ['byte 13 IMPORT_SOURCE']],
    [`{"Records":[${R(0)}],"Records":[${R(1)}]}`, [0, 1], ['byte 49 JSON_DUPLICATE_KEY']],
    [`{"x":[1,],"Records":[${R(0)}]}`, [0], ['byte 5 JSON_INVALID']],
    // Other records begin with another key: the last good one tells which.
    ['{"Records":[{"id":1,"n":[]},{"id":,{"id":3,"eventVersion":"1"}]}', [1, 3], ['Records[1] JSON_INVALID']],
    ['', [], ['byte 0 IMPORT_SOURCE']],
    ['  \n', [], ['byte 3 IMPORT_SOURCE']],
  ];
  for (const [text, good, faults] of cases) {
    for (const size of [3, 65_536]) {
      const result = await split(text, size);
      assert.deepEqual(places(result), faults, text);
      const ids = result.values.map(
        (value) => (value as { id?: number; n: number }).id ?? (value as { n: number }).n,
      );
      assert.deepEqual(ids, good, text);
    }
  }
});

test('the scanner tells where a value ends, and where brackets do not match', () => {
  const cases: [text: string, status: string, index: number][] = [
    ['{"a":[1,"]}"]},', 'end', 14],
    ['1]', 'end', 1],
    ['"a\\\\",', 'end', 5],
    ['"a\\",', 'more', 5],
    ['{"a":[1}', 'broken', 7],
    ['[{]', 'broken', 2],
    ['['.repeat(2000), 'broken', 1024],
  ];
  for (const [text, status, index] of cases) {
    const whole = new ValueScanner();
    assert.deepEqual([whole.scan(bytes(text)), whole.index], [status, index], text);
    const stepwise = new ValueScanner();
    let last = 'more';
    for (let i = 1; i <= text.length && last === 'more'; i++) last = stepwise.scan(bytes(text.slice(0, i)));
    assert.deepEqual([last, stepwise.index], [status, index], text);
  }
});

test('a truncated document says where, and what is whole goes in', async () => {
  const result = await split(`{"Records":[${R(0)},${R(1).slice(0, -4)}`);
  assert.deepEqual(result.values, N(0));
  assert.deepEqual(places(result), ['Records[1] JSON_INVALID']);
  assert.match(result.faults[0]!.message, /record at byte 39 is cut short/);
});

test('truncated and corrupt gzip are one fault each, at the place reached', async () => {
  const records = Array.from({ length: 3000 }, (_, n) => ({
    eventVersion: '1',
    n,
    salt: Math.imul(n, 2654435761),
  }));
  const zipped = gzipSync(JSON.stringify({ Records: records }));
  const whole = await split(zipped, 1000);
  assert.equal(whole.values.length, 3000);

  const cut = await split(zipped.subarray(0, zipped.length / 2), 1000);
  assert.ok(cut.values.length > 100 && cut.values.length < 3000);
  assert.deepEqual(cut.values, records.slice(0, cut.values.length));
  assert.deepEqual(places(cut), [`Records[${cut.values.length}] IMPORT_SOURCE`]);
  assert.match(cut.faults[0]!.message, /gzip data is cut short, within the first \d+ bytes/);

  const corrupt = Uint8Array.from(zipped);
  corrupt.fill(0xff, zipped.length / 2, zipped.length / 2 + 20);
  const damaged = await split(corrupt, 1000);
  assert.ok(damaged.faults.some(({ message }) => /gzip data is corrupt/.test(message)));

  const checksum = Uint8Array.from(zipped);
  checksum[zipped.length - 6]! ^= 1;
  assert.match((await split(checksum, 1000)).faults.at(-1)!.message, /gzip data is corrupt/);

  // What stands before the fault goes in, even from a file that is one small slice.
  const small = gzipSync(JSON.stringify({ Records: records.slice(0, 9) }));
  for (const tail of ['tail', '\0tail', '\x1f']) {
    const result = await split(Buffer.concat([small, bytes(tail)]));
    assert.deepEqual(result.values, records.slice(0, 9), tail);
    assert.deepEqual(places(result), ['Records[9] IMPORT_SOURCE'], tail);
  }
  // Here output was delivered before the fault: none of it comes twice.
  const dense = Array.from({ length: 4000 }, (_, n) => ({ eventVersion: '1', n: n % 7 }));
  const dense_result = await split(
    Buffer.concat([gzipSync(JSON.stringify({ Records: dense })), bytes('tail')]),
  );
  assert.deepEqual(dense_result.values, dense);
  const padded = await split(Buffer.concat([small, new Uint8Array(700)]));
  assert.deepEqual([padded.values.length, padded.faults], [9, []]);
  small[small.length - 30]! ^= 0xff;
  assert.ok((await split(small)).values.length >= 4);
});

test('constant memory: 60 MB of records and one giant record', async () => {
  async function* giant() {
    yield bytes(`{"Records":[${R(0)}`);
    const filler = bytes(`,{"eventVersion":"1","n":1,"filler":"${'x'.repeat(1000)}"}`);
    const block = new Uint8Array(filler.length * 60);
    for (let i = 0; i < 60; i++) block.set(filler, i * filler.length);
    for (let i = 0; i < 500; i++) yield block;
    yield bytes(',{"eventVersion":"1","big":"');
    const stuff = new Uint8Array(65_536).fill(0x79);
    for (let i = 0; i < 500; i++) yield stuff;
    yield bytes(`"},${R(2)}]}`);
  }
  const window = new ByteWindow(giant());
  let values = 0;
  let most = 0;
  const faults: string[] = [];
  for await (const item of new RecordSplitter(window, {
    member: 'Records',
    opening: 'eventVersion',
  }).split()) {
    most = Math.max(most, window.length);
    if ('error' in item) faults.push(`${item.position} ${item.error.code}`);
    else values++;
  }
  assert.equal(values, 30_002);
  assert.deepEqual(faults, ['Records[30001] RECORD_TOO_LARGE']);
  assert.ok(most < 1.3 * 1024 * 1024, `the window held ${most} bytes`);
});

test('a document of nothing but unclosed records ends in bounded time', async () => {
  const result = await split(`{"Records":[${'{"eventVersion":['.repeat(5000)}`);
  assert.equal(result.values.length, 0);
  assert.ok(result.faults.length <= 1002);
  assert.match(result.faults.at(-1)!.message, /given up/);
});
