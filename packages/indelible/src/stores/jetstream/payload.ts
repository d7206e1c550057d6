/**
 * Lines as the payload of a message: compressed (zstd) where that is shorter, or as they are.
 *
 * Lines of one ledger resemble each other: many together shrink to about a seventh, and every byte is checked, sent on and
 * stored by all replicas.
 *
 * Pure:    no I/O.
 */
import { constants, type ZstdOptions, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

export type Encoding = 'zstd' | null;

/** How many bytes of lines one message may hold: what a reader must have room for. */
export const LINES_BYTES_MAX = 1 << 20;
/** Fewer are left readable: the servers would gain less than it costs us. */
const COMPRESSED_BYTES_MIN = 4096;
/**
 * Higher levels take longer and gain nothing here. What resembles a line stands in the 128 KiB before it: looking back
 * further takes half as long again, for a twentieth less.
 */
const LEVEL = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_windowLog]: 17 };
/** Memory for more than the largest message is never set aside, whatever a payload says that it needs. */
const WINDOW = { [constants.ZSTD_d_windowLogMax]: Math.log2(LINES_BYTES_MAX) };
/** Lines rarely shrink to less than this share, so that most are decompressed in one go. */
const SHRUNK = 8;

/** A copy: what is on its way to a server must not change when the caller uses its buffer again. */
export function encodeLines(lines: Uint8Array): {
  readonly payload: Uint8Array;
  readonly encoding: Encoding;
} {
  if (lines.length >= COMPRESSED_BYTES_MIN) {
    // Memory for all of them would live as long as the payload does: twice as many collections of all garbage.
    const chunkSize = lines.length >> 2;
    const payload = zstdCompressSync(lines, { params: LEVEL, chunkSize });
    if (payload.length < lines.length) return { payload, encoding: 'zstd' };
  }
  return { payload: new Uint8Array(lines), encoding: null };
}

/** Null when it is not one frame that holds at most LINES_BYTES_MAX, and nothing else. */
export function decodeLines(payload: Uint8Array, encoding: string | null): Uint8Array | null {
  if (encoding === null) return payload;
  if (encoding !== 'zstd') return null;
  const options = {
    params: WINDOW,
    maxOutputLength: LINES_BYTES_MAX,
    chunkSize: Math.min(LINES_BYTES_MAX, Math.max(1024, payload.length * SHRUNK)),
    info: true,
  } satisfies ZstdOptions;
  try {
    // With `info` it also tells how much it has read, which the types do not know.
    const { buffer, engine } = zstdDecompressSync(payload, options) as unknown as {
      readonly buffer: Buffer;
      readonly engine: { readonly bytesWritten: number };
    };
    return engine.bytesWritten === payload.length ? buffer : null;
  } catch {
    return null;
  }
}
