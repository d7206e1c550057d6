/**
 * The JSON Lines form of a record: `{"hash":"<64 hex>","record":<canonical bytes>}` and a newline.
 *
 * Everything but the record has a fixed width, so that a reader slices instead of parsing, and nobody
 * ever re-serialises a record to check it.
 *
 * Shapes:  a line is bytes including its newline; a body is the record's canonical bytes.
 * Pure:    no I/O.
 */

/** Where the 64 hex digits of the hash start in a line. */
export const LINE_HASH_START = 9;
/** Where the record starts in a line; the byte before is the colon. */
export const LINE_BODY_START = 84;
/** The closing brace and the newline behind the record. */
export const LINE_TAIL = 2;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The stored hash of the line that starts at `start`. Not checked. */
export function lineHash(bytes: Uint8Array, start: number): string {
  return decoder.decode(bytes.subarray(start + LINE_HASH_START, start + LINE_HASH_START + 64));
}

/** The record bytes of the line in [`start`, `end`), `end` being just past the newline. Not copied. */
export function lineBody(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return bytes.subarray(start + LINE_BODY_START, end - LINE_TAIL);
}

/** True when the bytes in [`start`, `end`) have the fixed parts of a line in their places. */
export function isLine(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < LINE_BODY_START + 2 + LINE_TAIL) return false;
  for (let i = 0; i < LINE_HASH_START; i++) if (bytes[start + i] !== PREFIX[i]) return false;
  for (let i = 0; i < MIDDLE.length; i++) if (bytes[start + 73 + i] !== MIDDLE[i]) return false;
  return bytes[end - 2] === 0x7d && bytes[end - 1] === 0x0a;
}

/** One line from a hash and record bytes. */
export function frameLine(hash: string, body: Uint8Array): Uint8Array {
  const line = new Uint8Array(LINE_BODY_START + body.length + LINE_TAIL);
  line.set(PREFIX, 0);
  encoder.encodeInto(hash, line.subarray(LINE_HASH_START));
  line.set(MIDDLE, 73);
  line.set(body, LINE_BODY_START);
  line[line.length - 2] = 0x7d;
  line[line.length - 1] = 0x0a;
  return line;
}

const PREFIX = encoder.encode('{"hash":"');
const MIDDLE = encoder.encode('","record":');
