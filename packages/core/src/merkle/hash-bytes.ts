/**
 * Hashes between their two shapes: 64 lower-case hex digits, and 32 bytes inside a larger array.
 *
 * Errors:  HASH_SIZE for text that is not a hash.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';

/** Bytes of a hash. */
export const HASH_BYTES = 32;

/** The value of each lower-case hex digit by its character code; 255 for every other character. */
const DIGITS = new Uint8Array(128).fill(255);
for (let value = 0; value < 16; value++) DIGITS[value.toString(16).charCodeAt(0)] = value;

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Writes a hash into `target` from position `at` on. */
export function writeHash(hash: string, target: Uint8Array, at: number): void {
  let valid = hash.length === 2 * HASH_BYTES;
  for (let i = 0; valid && i < HASH_BYTES; i++) {
    const high = DIGITS[hash.charCodeAt(2 * i)] ?? 255;
    const low = DIGITS[hash.charCodeAt(2 * i + 1)] ?? 255;
    valid = (high | low) < 16;
    target[at + i] = high * 16 + low;
  }
  if (!valid) throw new IndelibleError('HASH_SIZE', 'expected 32 bytes as lower-case hex');
}

/** The hash in the 32 bytes of `source` from position `at` on. */
export function readHash(source: Uint8Array, at: number): string {
  let hash = '';
  for (let i = at; i < at + HASH_BYTES; i++) hash += PAIRS[source[i]!];
  return hash;
}
