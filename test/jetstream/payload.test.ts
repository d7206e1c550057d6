/** Compressed payloads: what we write can be read, and nothing else. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { sampleBatch, sampleLines } from '../../packages/indelible/src/stores/conformance.ts';
import {
  decodeLines,
  encodeLines,
  LINES_BYTES_MAX,
} from '../../packages/indelible/src/stores/jetstream/payload.ts';

const lines = sampleBatch(sampleLines(100)).bytes;
const compressed = encodeLines(lines).payload;

/** Not by comparing with null: that would compare a large payload line by line, for minutes. */
function isRefused(payload: Uint8Array, encoding = 'zstd', name = ''): void {
  assert.ok(decodeLines(payload, encoding) === null, name);
}

function isRead(payload: Uint8Array, encoding: string | null, as: Uint8Array): void {
  const read = decodeLines(payload, encoding);
  assert.ok(read !== null && Buffer.compare(read, as) === 0);
}

test('many lines are compressed, few are left readable', () => {
  const many = encodeLines(lines);
  assert.equal(many.encoding, 'zstd');
  assert.ok(many.payload.length * 3 < lines.length, `${many.payload.length} of ${lines.length} bytes`);
  const few = sampleBatch(sampleLines(3)).bytes;
  const { payload, encoding } = encodeLines(few);
  assert.equal(encoding, null);
  assert.deepEqual(Buffer.from(payload).toString(), Buffer.from(few).toString());
});

test('what does not shrink is left as it is', () => {
  const noise = randomBytes(10_000);
  const { payload, encoding } = encodeLines(noise);
  assert.equal(encoding, null);
  isRead(payload, encoding, noise);
});

test('a payload is a copy: it stays when the buffer is used again', () => {
  for (const count of [2, 100]) {
    const buffer = Uint8Array.from(sampleBatch(sampleLines(count)).bytes);
    const expected = Uint8Array.from(buffer);
    const { payload, encoding } = encodeLines(buffer);
    buffer.fill(0x20);
    isRead(payload, encoding, expected);
  }
});

test('whatever is encoded can be decoded, up to the largest message', () => {
  const repeated = fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 3000 }))
    .map(([piece, times]) => Buffer.alloc(piece.length * times, piece));
  fc.assert(
    fc.property(repeated, (bytes) => {
      const { payload, encoding } = encodeLines(bytes);
      isRead(payload, encoding, bytes);
    }),
    { numRuns: 50 },
  );
  for (const length of [4095, 4096, LINES_BYTES_MAX]) {
    const bytes = Buffer.alloc(length, lines);
    const { payload, encoding } = encodeLines(bytes);
    isRead(payload, encoding, bytes);
  }
});

test('golden: a frame of zstd 1.5.7', () => {
  const payload = Buffer.from(
    '28b52ffd6088120d0100c87b2268617368223a2230222c227265636f7264223a7b7d7d0a0100b10df7730c',
    'hex',
  );
  isRead(payload, 'zstd', Buffer.from('{"hash":"0","record":{}}\n'.repeat(200)));
});

/** One block as it is, in a frame that says how much memory it takes to decompress: a power of two. */
function frameWithWindow(log: number, content: string): Buffer {
  const block = Buffer.alloc(3);
  block.writeUIntLE((content.length << 3) | 1, 0, 3);
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3]);
  return Buffer.concat([header, block, Buffer.from(content)]);
}

test('frames made by hand are read, unless they take more memory than any of ours', () => {
  isRead(frameWithWindow(20, 'hello\n'), 'zstd', Buffer.from('hello\n'));
  isRefused(frameWithWindow(21, 'hello\n'));
  isRefused(frameWithWindow(27, 'hello\n'));
});

const bombs = {
  '200 MiB in 6 KiB': zstdCompressSync(Buffer.alloc(200 << 20)),
  'one byte too many': zstdCompressSync(Buffer.alloc(LINES_BYTES_MAX + 1)),
  'one byte too many, in a small window': zstdCompressSync(Buffer.alloc(LINES_BYTES_MAX + 1), {
    params: { [constants.ZSTD_c_windowLog]: 10 },
  }),
};
for (const [name, bomb] of Object.entries(bombs)) {
  test(`larger than any message of ours is refused: ${name}`, () => {
    isRefused(bomb);
  });
}

test('what is not one whole frame is refused', () => {
  const end = compressed.length;
  const wrong: Record<string, Uint8Array> = {
    nothing: new Uint8Array(),
    'lines as they are': lines,
    'cut short': compressed.subarray(0, end - 1),
    'cut in the header': compressed.subarray(0, 5),
    'more behind it': Buffer.concat([compressed, Buffer.from('more')]),
    'another frame behind it': Buffer.concat([compressed, compressed]),
    'an empty frame before it': Buffer.concat([Buffer.from('502a4d1800000000', 'hex'), compressed]),
    noise: randomBytes(1000),
  };
  for (const [name, payload] of Object.entries(wrong)) isRefused(payload, 'zstd', name);
});

test('an encoding that is not known is refused, not taken for lines', () => {
  for (const encoding of ['', 'gzip', 'ZSTD', 'zstd ', 'zstd, zstd', 'identity'])
    isRefused(lines, encoding, encoding);
});

test('flipped bits: something else, or nothing, and never more than a message holds', () => {
  fc.assert(
    fc.property(fc.nat(compressed.length * 8 - 1), (bit) => {
      const garbled = Uint8Array.from(compressed);
      garbled[bit >> 3]! ^= 1 << (bit & 7);
      assert.ok((decodeLines(garbled, 'zstd')?.length ?? 0) <= LINES_BYTES_MAX);
    }),
    { numRuns: 300 },
  );
});
