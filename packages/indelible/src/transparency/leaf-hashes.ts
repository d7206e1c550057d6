/**
 * Leaf hashes of stored lines: SHA-256(0x00 ‖ record), RFC 6962 §2.1.
 *
 * In a plain ledger that is the hash in the line. A keyed ledger's line has an HMAC there, which no outsider could
 * compute, so that its leaves are hashed here.
 *
 * Errors:  LEDGER_DAMAGED for what is no line.
 */
import { hash } from 'node:crypto';
import { IndelibleError, isLine, LIMITS, LINE_BODY_START, LINE_HASH_START, LINE_TAIL } from '@indelible/core';

export const HASH_BYTES = 32;

/** Writes the leaf hash of the line in [start, end) to `target` at `at`; false when that is no line. */
export type WriteLeaf = (
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Buffer,
  at: number,
) => boolean;

/** For plain ledgers. */
export const writePlainLeaf: WriteLeaf = (bytes, start, end, target, at) => {
  if (!isLine(bytes, start, end)) return false;
  const first = start + LINE_HASH_START;
  let seen = 0;
  for (let i = 0; i < HASH_BYTES; i++) {
    const high = DIGITS[bytes[first + 2 * i]!]!;
    const low = DIGITS[bytes[first + 2 * i + 1]!]!;
    seen |= high | low;
    target[at + i] = (high << 4) | low;
  }
  return seen < 16;
};

/** For keyed ledgers. */
export const writeKeyedLeaf: WriteLeaf = (bytes, start, end, target, at) => {
  if (!isLine(bytes, start, end)) return false;
  const body_bytes = end - LINE_TAIL - (start + LINE_BODY_START);
  if (body_bytes > LIMITS.record_bytes) return false;
  prefixed.set(bytes.subarray(start + LINE_BODY_START, end - LINE_TAIL), 1);
  target.write(hash('sha256', prefixed.subarray(0, body_bytes + 1), 'binary'), at, HASH_BYTES, 'latin1');
  return true;
};

/** The leaf hash of a single line, in hex. */
export function leafOfLine(line: Uint8Array, write: WriteLeaf): string {
  const leaf = Buffer.alloc(HASH_BYTES);
  if (!write(line, 0, line.length, leaf, 0))
    throw new IndelibleError('LEDGER_DAMAGED', 'a line is unreadable');
  return leaf.toString('hex');
}

/** The value of each lower-case hex digit by its byte; 255 for every other byte. */
const DIGITS = new Uint8Array(256).fill(255);
for (let value = 0; value < 16; value++) DIGITS[value.toString(16).charCodeAt(0)] = value;

const prefixed = new Uint8Array(LIMITS.record_bytes + 1);
