/**
 * The forms that nearly all values have, told faster: those of value-forms.ts decide about all others.
 *
 * True means that the value has the form; false means nothing. Bytes must be canonical.
 *
 * Pure:    no I/O.
 */
import { LIMITS } from '../record/limits.ts';

const encoder = new TextEncoder();
const ID = encoder.encode('{"id":"');
const ON_BEHALF_OF = encoder.encode('","on_behalf_of":');
const TYPE = encoder.encode('","type":"');
/** Behind an actor that this one stands for. */
const OUTER_TYPE = TYPE.subarray(1);

/** Whether a string's content has 1 to `most` bytes, all of them plain. */
export function isUsualLine(
  bytes: Uint8Array,
  view: DataView,
  begin: number,
  end: number,
  most: number,
): boolean {
  const length = end - begin - 2;
  return length > 0 && length <= most && bytes[begin] === 0x22 && pastPlain(view, begin + 1) === end - 1;
}

/** Whether a string is so many hex digits, a multiple of four, not all of them zero. */
export function isUsualHex(view: DataView, begin: number, end: number, count: number): boolean {
  if (end - begin !== count + 2) return false;
  let any = 0;
  for (let at = begin + 1; at < end - 1; at += 4) {
    const word = view.getInt32(at);
    if (!areHexDigits(word)) return false;
    any |= word ^ 0x30303030;
  }
  return any !== 0;
}

/** Whether a string is a UUID of version 7. */
export function isUsualId(bytes: Uint8Array, view: DataView, begin: number, end: number): boolean {
  if (end - begin !== 38 || bytes[begin + 15] !== 0x37) return false;
  const variant = bytes[begin + 20];
  return (
    (variant === 0x38 || variant === 0x39 || variant === 0x61 || variant === 0x62) &&
    bytes[begin + 9] === 0x2d &&
    bytes[begin + 14] === 0x2d &&
    bytes[begin + 19] === 0x2d &&
    bytes[begin + 24] === 0x2d &&
    areHexDigits(view.getInt32(begin + 1)) &&
    areHexDigits(view.getInt32(begin + 5)) &&
    areHexDigits(view.getInt32(begin + 10)) &&
    areHexDigits(view.getInt32(begin + 15)) &&
    areHexDigits(view.getInt32(begin + 20)) &&
    areHexDigits(view.getInt32(begin + 25)) &&
    areHexDigits(view.getInt32(begin + 29)) &&
    areHexDigits(view.getInt32(begin + 33))
  );
}

/**
 * Of four bytes: a letter is moved to 0x3a and what follows, where it must be ten or more in its lower half, and a digit
 * less.
 */
function areHexDigits(word: number): boolean {
  const letters = (word >>> 6) & 0x01010101;
  const moved = word - letters * 0x27;
  const tens = (((moved & 0x0f0f0f0f) + 0x06060606) >>> 4) & 0x01010101;
  return ((moved & 0xf0f0f0f0) ^ 0x30303030) === 0 && tens === letters;
}

/** Whether a string is a time in UTC with milliseconds: four characters at a time, of which some are no digits. */
export function isUsualTime(view: DataView, begin: number, end: number): boolean {
  return (
    end - begin === 26 &&
    areDigits(view.getInt32(begin + 1)) &&
    areBetween(view.getInt32(begin + 5), 0xff0000ff, 0x2d00002d) &&
    areBetween(view.getInt32(begin + 9), 0x0000ff00, 0x00005400) &&
    areBetween(view.getInt32(begin + 13), 0x00ff0000, 0x003a0000) &&
    areBetween(view.getInt32(begin + 17), 0xff0000ff, 0x3a00002e) &&
    areBetween(view.getInt32(begin + 21), 0x000000ff, 0x0000005a)
  );
}

/** Whether what the mask covers is as it must be, and all else a digit. */
function areBetween(word: number, mask: number, fixed: number): boolean {
  return ((word ^ fixed) & mask) === 0 && areDigits((word & ~mask) | (0x30303030 & mask));
}

/** Of four bytes: 0x30 to 0x39, and six more are still 0x3f at most. */
function areDigits(word: number): boolean {
  return ((word & 0xf0f0f0f0) ^ 0x30303030) === 0 && (((word + 0x06060606) & 0xf0f0f0f0) ^ 0x30303030) === 0;
}

/** Whether an object is an actor or a resource without a name, which may stand for another one. */
export function isUsualParty(
  bytes: Uint8Array,
  view: DataView,
  begin: number,
  end: number,
  may_delegate: boolean,
): boolean {
  let at = pastId(bytes, view, begin);
  if (at < 0) return false;
  const delegates = may_delegate && startsWith(bytes, at, ON_BEHALF_OF);
  if (delegates) {
    at = pastId(bytes, view, at + ON_BEHALF_OF.length);
    if (at < 0) return false;
    at = pastType(bytes, view, at, TYPE);
    if (at < 0) return false;
  }
  at = pastType(bytes, view, at, delegates ? OUTER_TYPE : TYPE);
  return at === end;
}

/**
 * Where the plain bytes from `at` on end: those that stand for themselves in any text, no quote, backslash or control
 * character, nothing beyond ASCII. Four at a time, as `nextSpecial` does, and with the same marks; 0x7f has one, too.
 * At least three bytes must follow the string.
 */
function pastPlain(view: DataView, begin: number): number {
  for (let at = begin; ; at += 4) {
    const word = view.getInt32(at, true);
    const marks =
      (((word ^ 0x02020202) - 0x21212121) |
        ((word ^ 0x5c5c5c5c) - 0x01010101) |
        ((word ^ 0x7f7f7f7f) - 0x01010101)) &
      0x80808080;
    if (marks !== 0) return at + ((31 - Math.clz32(marks & -marks)) >> 3);
  }
}

/** Where the quote behind an id is, or -1. */
function pastId(bytes: Uint8Array, view: DataView, at: number): number {
  if (!startsWith(bytes, at, ID)) return -1;
  const begin = at + ID.length;
  const end = pastPlain(view, begin);
  return end > begin && end - begin <= LIMITS.identifier && bytes[end] === 0x22 ? end : -1;
}

/** Where an object ends whose last member is the type, or -1. */
function pastType(bytes: Uint8Array, view: DataView, at: number, key: Uint8Array): number {
  if (!startsWith(bytes, at, key)) return -1;
  const begin = at + key.length;
  const end = pastPlain(view, begin);
  if (end === begin || end - begin > LIMITS.actor_type) return -1;
  return bytes[end] === 0x22 && bytes[end + 1] === 0x7d ? end + 2 : -1;
}

function startsWith(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}
