/**
 * A scanner that tells whether bytes are canonical JSON, without building the value.
 *
 * The verifier runs it over every record: five times as fast as parsing and writing again, and it shares no code
 * with the writer. It remembers where the members of the outermost object lie, so that the chain's own members can
 * be compared as bytes.
 *
 * Shapes:  offsets are byte positions in the scanned array, ends exclusive.
 * Errors:  none: `scan` answers false.
 * Source:  RFC 8785 §3.2; RFC 3629 for UTF-8.
 * Pure:    no I/O.
 */
import { LIMITS } from '../record/limits.ts';

/** How many members of the outermost object are remembered; a record has fewer. */
const MEMBERS_MAX = 64;

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
  #at = 0;
  #end = 0;
  /** Whether the string just read had an escape or a byte above 127. */
  #plain = true;

  /** True when [start, end) is exactly one canonical JSON value. */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.members = 0;
    return this.#value(0) && this.#at === end;
  }

  #value(depth: number): boolean {
    if (this.#at >= this.#end) return false;
    switch (this.#bytes[this.#at]) {
      case 0x22:
        return this.#string();
      case 0x7b:
        return depth < LIMITS.json_depth && this.#object(depth);
      case 0x5b:
        return depth < LIMITS.json_depth && this.#array(depth);
      case 0x74:
        return this.#literal(TRUE);
      case 0x66:
        return this.#literal(FALSE);
      case 0x6e:
        return this.#literal(NULL);
      default:
        return this.#number();
    }
  }

  #object(depth: number): boolean {
    const bytes = this.#bytes;
    this.#at++;
    if (bytes[this.#at] === 0x7d) {
      this.#at++;
      return this.#at <= this.#end;
    }
    let before_start = 0;
    let before_end = -1;
    let before_plain = true;
    for (;;) {
      if (bytes[this.#at] !== 0x22) return false;
      const start = this.#at + 1;
      if (!this.#string()) return false;
      const end = this.#at - 1;
      const plain = this.#plain;
      if (before_end >= 0) {
        const ascending =
          plain && before_plain
            ? bytesAscend(bytes, before_start, before_end, start, end)
            : textsAscend(bytes, before_start, before_end, start, end);
        if (!ascending) return false;
      }
      if (bytes[this.#at] !== 0x3a) return false;
      this.#at++;
      const value_start = this.#at;
      if (!this.#value(depth + 1)) return false;
      if (depth === 0) {
        if (this.members === MEMBERS_MAX) this.members = -1;
        if (this.members >= 0) {
          this.key_start[this.members] = start;
          this.key_end[this.members] = end;
          this.value_start[this.members] = value_start;
          this.value_end[this.members] = this.#at;
          this.members++;
        }
      }
      before_start = start;
      before_end = end;
      before_plain = plain;
      const next = bytes[this.#at];
      this.#at++;
      if (next === 0x7d) return this.#at <= this.#end;
      if (next !== 0x2c) return false;
    }
  }

  #array(depth: number): boolean {
    this.#at++;
    if (this.#bytes[this.#at] === 0x5d) {
      this.#at++;
      return this.#at <= this.#end;
    }
    for (;;) {
      if (!this.#value(depth + 1)) return false;
      const next = this.#bytes[this.#at];
      this.#at++;
      if (next === 0x5d) return this.#at <= this.#end;
      if (next !== 0x2c) return false;
    }
  }

  #string(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at + 1;
    let plain = true;
    while (at < end) {
      const byte = bytes[at]!;
      if (byte === 0x22) {
        this.#at = at + 1;
        this.#plain = plain;
        return true;
      }
      if (byte < 0x20) return false;
      if (byte === 0x5c) {
        plain = false;
        const length = escapeLength(bytes, at);
        if (length === 0) return false;
        at += length;
      } else if (byte < 0x80) {
        at++;
      } else {
        plain = false;
        const length = utf8Length(bytes, at);
        if (length === 0) return false;
        at += length;
      }
    }
    return false;
  }

  #number(): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    while (at < this.#end && isNumberByte(bytes[at]!)) at++;
    const digits = bytes[start] === 0x2d ? start + 1 : start;
    if (at === digits) return false;
    this.#at = at;
    // The common case: an integer of at most 15 digits without leading zeros.
    let simple = at - digits <= 15 && (bytes[digits] !== 0x30 || (at - start === 1 && digits === start));
    for (let i = digits; simple && i < at; i++) simple = bytes[i]! >= 0x30 && bytes[i]! <= 0x39;
    if (simple) return true;
    if (at - start > 32) return false;
    const text = decoder.decode(bytes.subarray(start, at));
    return JSON_NUMBER.test(text) && String(Number(text)) === text;
  }

  #literal(literal: Uint8Array): boolean {
    if (this.#at + literal.length > this.#end) return false;
    for (let i = 0; i < literal.length; i++) if (this.#bytes[this.#at + i] !== literal[i]) return false;
    this.#at += literal.length;
    return true;
  }
}

const encoder = new TextEncoder();
const TRUE = encoder.encode('true');
const FALSE = encoder.encode('false');
const NULL = encoder.encode('null');
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]\d+)?$/;

function isNumberByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2e || byte === 0x65 || byte === 0x2b;
}

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
