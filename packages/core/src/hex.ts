/**
 * Lower-case hex, strictly: one byte string, one text.
 *
 * Errors:  HASH_SIZE for another length, an odd digit or an upper-case one.
 * Source:  RFC 4648 §8, in lower case.
 * Pure:    no I/O.
 */
import { IndelibleError } from './errors.ts';

const HEX = /^[0-9a-f]*$/;

/** The bytes of a hex text that must be exactly `length` bytes long. */
export function bytesFromHex(text: string, length: number): Uint8Array {
  if (text.length !== length * 2 || !HEX.test(text)) {
    throw new IndelibleError('HASH_SIZE', `expected ${length} bytes as lower-case hex`);
  }
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
