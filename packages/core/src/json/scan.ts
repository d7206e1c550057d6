/**
 * A scanner that tells whether bytes are canonical JSON, without building the value.
 *
 * The verifier runs it over every record: many times as fast as parsing and writing again, and it shares no code
 * with the writer. It remembers where the members of the outermost object lie, so that the chain's own members can
 * be compared as bytes.
 *
 * Shapes:  offsets are byte positions in the scanned array, ends exclusive.
 * Errors:  none: `scan` answers false.
 * Source:  RFC 8785 §3.2; RFC 3629 for UTF-8.
 * Pure:    no I/O.
 */
import { LIMITS } from '../record/limits.ts';
import { isDigit, isNumberByte, isSimpleDecimal, isSimpleInteger } from './plain-number.ts';
import { nextSpecial, type Words, wordsOf } from './words.ts';

/** How many members of the outermost object are remembered; a record has fewer. */
const MEMBERS_MAX = 64;

/** ECMAScript writes no number with more than 25 characters. */
const NUMBER_BYTES_MAX = 32;
/** No position. */
const NONE = -1;

const decoder = new TextDecoder();

export class CanonicalScanner {
  /** Number of members of the outermost object, when it is one. */
  members = 0;
  /** Where each member's key lies, quotes excluded. */
  readonly key_start = new Int32Array(MEMBERS_MAX);
  readonly key_end = new Int32Array(MEMBERS_MAX);
  /** Where each member's value lies. */
  readonly value_start = new Int32Array(MEMBERS_MAX);
  readonly value_end = new Int32Array(MEMBERS_MAX);

  #bytes: Uint8Array = new Uint8Array(0);
  #words: Words = wordsOf(this.#bytes);
  #end = 0;
  /** Whether the string just read had neither an escape nor a byte above 127. */
  #plain = true;

  /** True when [start, end) is exactly one canonical JSON value. */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#words = wordsOf(bytes);
    }
    this.#end = end;
    this.members = 0;
    return this.#value(start, 0) === end;
  }

  // Each of these takes where something begins, and answers where it ends, which may be behind the last byte; NONE when
  // it is not canonical.

  #value(at: number, depth: number): number {
    if (at >= this.#end) return NONE;
    switch (this.#bytes[at]) {
      case 0x22:
        return this.#string(at);
      case 0x7b:
        return depth < LIMITS.json_depth ? this.#object(at, depth) : NONE;
      case 0x5b:
        return depth < LIMITS.json_depth ? this.#array(at, depth) : NONE;
      case 0x74:
        return this.#literal(at, TRUE);
      case 0x66:
        return this.#literal(at, FALSE);
      case 0x6e:
        return this.#literal(at, NULL);
      default:
        return this.#number(at);
    }
  }

  #object(begin: number, depth: number): number {
    const bytes = this.#bytes;
    let at = begin + 1;
    if (bytes[at] === 0x7d) return at + 1;
    let before_start = 0;
    let before_end = NONE;
    let before_plain = true;
    for (;;) {
      if (bytes[at] !== 0x22) return NONE;
      const start = at + 1;
      const end = this.#string(at) - 1;
      if (end < start) return NONE;
      const plain = this.#plain;
      if (before_end !== NONE) {
        const ascending =
          plain && before_plain
            ? bytesAscend(bytes, before_start, before_end, start, end)
            : textsAscend(bytes, before_start, before_end, start, end);
        if (!ascending) return NONE;
      }
      if (bytes[end + 1] !== 0x3a) return NONE;
      at = this.#value(end + 2, depth + 1);
      if (at === NONE) return NONE;
      if (depth === 0) this.#remember(start, end, at);
      before_start = start;
      before_end = end;
      before_plain = plain;
      const next = bytes[at];
      at++;
      if (next === 0x7d) return at;
      if (next !== 0x2c) return NONE;
    }
  }

  /** A member of the outermost object. */
  #remember(key_start: number, key_end: number, value_end: number): void {
    if (this.members === MEMBERS_MAX) this.members = -1;
    if (this.members < 0) return;
    this.key_start[this.members] = key_start;
    this.key_end[this.members] = key_end;
    this.value_start[this.members] = key_end + 2;
    this.value_end[this.members] = value_end;
    this.members++;
  }

  #array(begin: number, depth: number): number {
    const bytes = this.#bytes;
    let at = begin + 1;
    if (bytes[at] === 0x5d) return at + 1;
    for (;;) {
      at = this.#value(at, depth + 1);
      if (at === NONE) return NONE;
      const next = bytes[at];
      at++;
      if (next === 0x5d) return at;
      if (next !== 0x2c) return NONE;
    }
  }

  #string(begin: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    this.#plain = true;
    for (let at = nextSpecial(this.#words, begin + 1); at < end; at = nextSpecial(this.#words, at)) {
      const byte = bytes[at]!;
      if (byte === 0x22) return at + 1;
      if (byte < 0x20) return NONE;
      if (byte < 0x80 && byte !== 0x5c) {
        at++;
        continue;
      }
      this.#plain = false;
      const length = byte === 0x5c ? escapeLength(bytes, at) : utf8Length(bytes, at);
      if (length === 0) return NONE;
      at += length;
    }
    return NONE;
  }

  #number(start: number): number {
    const bytes = this.#bytes;
    const digits = bytes[start] === 0x2d ? start + 1 : start;
    const point = this.#pastDigits(digits);
    const at = point < this.#end && bytes[point] === 0x2e ? this.#pastDigits(point + 1) : point;
    const ends = at >= this.#end || !isNumberByte(bytes[at]!);
    const simple =
      at === point ? isSimpleInteger(bytes, start, digits, at) : isSimpleDecimal(bytes, digits, point, at);
    return ends && simple ? at : this.#anyNumber(start);
  }

  #pastDigits(start: number): number {
    let at = start;
    while (at < this.#end && isDigit(this.#bytes[at]!)) at++;
    return at;
  }

  #anyNumber(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    while (at < this.#end && isNumberByte(bytes[at]!)) at++;
    if (at === start || at - start > NUMBER_BYTES_MAX) return NONE;
    const text = decoder.decode(bytes.subarray(start, at));
    return JSON_NUMBER.test(text) && String(Number(text)) === text ? at : NONE;
  }

  #literal(at: number, literal: Uint8Array): number {
    if (at + literal.length > this.#end) return NONE;
    for (let i = 0; i < literal.length; i++) if (this.#bytes[at + i] !== literal[i]) return NONE;
    return at + literal.length;
  }
}

const encoder = new TextEncoder();
const TRUE = encoder.encode('true');
const FALSE = encoder.encode('false');
const NULL = encoder.encode('null');
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]\d+)?$/;

/** Length of the canonical escape at `at`, or 0: the two-character forms, and \u00xx for other controls. */
function escapeLength(bytes: Uint8Array, at: number): number {
  const kind = bytes[at + 1];
  switch (kind) {
    case 0x22: // "
    case 0x5c: // \
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 2;
    case 0x75: {
      if (bytes[at + 2] !== 0x30 || bytes[at + 3] !== 0x30) return 0;
      const high = bytes[at + 4];
      const low = bytes[at + 5]!;
      const isLowerHex = (low >= 0x30 && low <= 0x39) || (low >= 0x61 && low <= 0x66);
      if (!isLowerHex || (high !== 0x30 && high !== 0x31)) return 0;
      // \u0008, 9, a, c and d have shorter forms, which are the canonical ones.
      if (high === 0x30 && (low === 0x38 || low === 0x39 || low === 0x61 || low === 0x63 || low === 0x64))
        return 0;
      return 6;
    }
    default:
      return 0;
  }
}

/** Length of the well-formed UTF-8 sequence at `at`, or 0 (RFC 3629: no surrogates, nothing overlong). */
function utf8Length(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  const second = bytes[at + 1] ?? 0;
  if (lead >= 0xc2 && lead <= 0xdf) return isContinuation(second) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const lowest = lead === 0xe0 ? 0xa0 : 0x80;
    const highest = lead === 0xed ? 0x9f : 0xbf;
    return second >= lowest && second <= highest && isContinuation(bytes[at + 2]) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const lowest = lead === 0xf0 ? 0x90 : 0x80;
    const highest = lead === 0xf4 ? 0x8f : 0xbf;
    const fits = second >= lowest && second <= highest;
    return fits && isContinuation(bytes[at + 2]) && isContinuation(bytes[at + 3]) ? 4 : 0;
  }
  return 0;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x80 && byte <= 0xbf;
}

function bytesAscend(bytes: Uint8Array, a: number, a_end: number, b: number, b_end: number): boolean {
  const length = Math.min(a_end - a, b_end - b);
  for (let i = 0; i < length; i++) {
    const difference = bytes[b + i]! - bytes[a + i]!;
    if (difference !== 0) return difference > 0;
  }
  return b_end - b > a_end - a;
}

/** UTF-16 order differs from byte order beyond the basic plane, and escapes hide characters: compare as text. */
function textsAscend(bytes: Uint8Array, a: number, a_end: number, b: number, b_end: number): boolean {
  return textOf(bytes, a, a_end) < textOf(bytes, b, b_end);
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return JSON.parse(`"${decoder.decode(bytes.subarray(start, end))}"`) as string;
}
