/**
 * Finds where the next record of a damaged document begins: `{` and one of the keys that records begin with.
 *
 * Inside a JSON string the quotes of such a text would be escaped, so user input that is logged in a record
 * cannot pose as the beginning of one.
 *
 * Pure:    no I/O.
 */

/** A record's beginning is found if it is spelled within this many bytes, white space and key included. */
export const OPENING_BYTES_MAX = 512;

const OPEN_BRACE = 0x7b;
const encoder = new TextEncoder();

/** Where a record that begins with one of `keys` begins in `bytes`, at `from` or later; -1 when nowhere. */
export function findOpening(bytes: Uint8Array, from: number, keys: Iterable<string>): number {
  const spellings = Array.from(keys, (key) => encoder.encode(JSON.stringify(key)));
  for (let at = bytes.indexOf(OPEN_BRACE, from); at !== -1; at = bytes.indexOf(OPEN_BRACE, at + 1)) {
    const key_at = skipSpace(bytes, at + 1);
    if (
      spellings.some((key) => key_at + key.length - at <= OPENING_BYTES_MAX && startsWith(bytes, key_at, key))
    ) {
      return at;
    }
  }
  return -1;
}

/** Index of the first byte at or after `from` that is not JSON white space. */
export function skipSpace(bytes: Uint8Array, from: number): number {
  let i = from;
  while (i < bytes.length && isSpace(bytes[i]!)) i++;
  return i;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function startsWith(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  if (at + prefix.length > bytes.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}
