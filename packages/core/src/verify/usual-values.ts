/**
 * The forms that nearly all values have, told faster: those of value-forms.ts decide about all others.
 *
 * True means that the value has the form; false means nothing. Bytes must be canonical.
 *
 * Pure:    no I/O.
 */
import { LIMITS } from '../record/limits.ts';

/** Bytes that stand for themselves in any text: no quote, backslash or control character, nothing beyond ASCII. */
const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x7f);
PLAIN[0x22] = PLAIN[0x5c] = 0;

const HEX = new Uint8Array(256).fill(1, 0x30, 0x3a).fill(1, 0x61, 0x67);

const encoder = new TextEncoder();
const ID = encoder.encode('{"id":"');
const ON_BEHALF_OF = encoder.encode('","on_behalf_of":');
const TYPE = encoder.encode('","type":"');
/** Behind an actor that this one stands for. */
const OUTER_TYPE = TYPE.subarray(1);

/** Whether a string's content has 1 to `most` bytes, all of them plain. */
export function isUsualLine(bytes: Uint8Array, begin: number, end: number, most: number): boolean {
  const length = end - begin - 2;
  return length > 0 && length <= most && bytes[begin] === 0x22 && pastPlain(bytes, begin + 1) === end - 1;
}

/** Whether a string is so many hex digits, not all of them zero. */
export function isUsualHex(bytes: Uint8Array, begin: number, end: number, count: number): boolean {
  if (end - begin !== count + 2 || bytes[begin] !== 0x22) return false;
  let any = 0;
  for (let at = begin + 1; at < end - 1; at++) {
    const byte = bytes[at]!;
    if (HEX[byte] === 0) return false;
    any |= byte ^ 0x30;
  }
  return any !== 0;
}

/** Whether a string is a UUID of version 7. */
export function isUsualId(bytes: Uint8Array, begin: number, end: number): boolean {
  if (end - begin !== 38) return false;
  const version = bytes[begin + 15];
  const variant = bytes[begin + 20]!;
  if (version !== 0x37 || !((variant >= 0x38 && variant <= 0x39) || variant === 0x61 || variant === 0x62))
    return false;
  for (let i = 1; i < 37; i++) {
    if (i === 9 || i === 14 || i === 19 || i === 24) {
      if (bytes[begin + i] !== 0x2d) return false;
    } else if (HEX[bytes[begin + i]!] === 0) return false;
  }
  return bytes[begin] === 0x22;
}

/** Whether an object is an actor or a resource without a name, which may stand for another one. */
export function isUsualParty(bytes: Uint8Array, begin: number, end: number, may_delegate: boolean): boolean {
  let at = pastId(bytes, begin);
  if (at < 0) return false;
  const delegates = may_delegate && startsWith(bytes, at, ON_BEHALF_OF);
  if (delegates) {
    at = pastId(bytes, at + ON_BEHALF_OF.length);
    if (at < 0) return false;
    at = pastType(bytes, at, TYPE);
    if (at < 0) return false;
  }
  at = pastType(bytes, at, delegates ? OUTER_TYPE : TYPE);
  return at === end;
}

/** Where the plain bytes from `at` on end. */
function pastPlain(bytes: Uint8Array, at: number): number {
  let next = at;
  while (PLAIN[bytes[next]!] === 1) next++;
  return next;
}

/** Where the quote behind an id is, or -1. */
function pastId(bytes: Uint8Array, at: number): number {
  if (!startsWith(bytes, at, ID)) return -1;
  const begin = at + ID.length;
  const end = pastPlain(bytes, begin);
  return end > begin && end - begin <= LIMITS.identifier && bytes[end] === 0x22 ? end : -1;
}

/** Where an object ends whose last member is the type, or -1. */
function pastType(bytes: Uint8Array, at: number, key: Uint8Array): number {
  if (!startsWith(bytes, at, key)) return -1;
  const begin = at + key.length;
  const end = pastPlain(bytes, begin);
  if (end === begin || end - begin > LIMITS.actor_type) return -1;
  return bytes[end] === 0x22 && bytes[end + 1] === 0x7d ? end + 2 : -1;
}

function startsWith(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}
