/**
 * The forms that members of a record have, told from canonical bytes without parsing them.
 *
 * Part of the verifier: it shares nothing with the checks that the writer makes. It relies on the bytes being canonical
 * JSON: every string ends, control characters are escaped, and members of an object are sorted, each there once.
 *
 * Shapes:  a form takes where a value begins, and answers where it ends, or NONE when the value does not have it.
 * Source:  docs/format/record.md.
 * Pure:    no I/O.
 */

/** No position. */
export const NONE = -1;

export type Form = (bytes: Uint8Array, at: number) => number;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Exactly these bytes. */
export function literal(text: string): Form {
  const wanted = encoder.encode(text);
  return (bytes, at) => {
    for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return NONE;
    return at + wanted.length;
  };
}

/** One of these, none of which begins another. */
export function oneOf(...forms: readonly Form[]): Form {
  return (bytes, at) => {
    for (const form of forms) {
      const end = form(bytes, at);
      if (end !== NONE) return end;
    }
    return NONE;
  };
}

/** One line of text: 1 to `most` UTF-16 code units, no control characters. */
export function line(most: number): Form {
  return characters(1, most, true);
}

/** Any text of at most `most` UTF-16 code units. */
export function text(most: number): Form {
  return characters(0, most, false);
}

function characters(least: number, most: number, one_line: boolean): Form {
  return (bytes, begin) => {
    if (bytes[begin] !== QUOTE) return NONE;
    let at = begin + 1;
    let units = 0;
    for (let byte = bytes[at]!; byte !== QUOTE; byte = bytes[at]!) {
      if (byte === BACKSLASH) {
        const escaped = bytes[at + 1];
        // All other escapes are of control characters: one more character, or u and four digits.
        if (one_line && escaped !== QUOTE && escaped !== BACKSLASH) return NONE;
        at += escaped === 0x75 ? 5 : 1;
      } else if (one_line && byte === 0x7f) return NONE;
      units += unitsOf(byte);
      at++;
    }
    return units >= least && units <= most ? at + 1 : NONE;
  };
}

/** How many UTF-16 code units a character has, counted at the first of its bytes. */
function unitsOf(byte: number): number {
  if (byte < 0x80) return 1;
  if (byte < 0xc0) return 0;
  return byte < 0xf0 ? 1 : 2;
}

/** Text whose content passes, of at most so many bytes. Decoded: for what few records have. */
export function short(longest: number, passes: (content: string) => boolean): Form {
  return (bytes, begin) => {
    if (bytes[begin] !== QUOTE) return NONE;
    const length = bytes.subarray(begin + 1, begin + longest + 2).indexOf(QUOTE);
    if (length < 0) return NONE;
    const end = begin + 1 + length;
    return passes(decoder.decode(bytes.subarray(begin + 1, end))) ? end + 1 : NONE;
  };
}

/** 1 to `most` letters, digits and characters of `others`. */
export function word(most: number, others: string): Form {
  const allowed = new Uint8Array(256);
  for (let byte = 0; byte < 128; byte++) {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9]/.test(character) || others.includes(character)) allowed[byte] = 1;
  }
  return (bytes, begin) => {
    if (bytes[begin] !== QUOTE) return NONE;
    let at = begin + 1;
    while (allowed[bytes[at]!] === 1) at++;
    const length = at - begin - 1;
    return bytes[at] === QUOTE && length > 0 && length <= most ? at + 1 : NONE;
  };
}

/** Text in which # stands for a hex digit, 0 for a digit, * for 8, 9, a or b, and all else for itself. */
export function template(pattern: string): Form {
  const wanted = encoder.encode(`"${pattern}"`);
  return (bytes, begin) => {
    for (let i = 0; i < wanted.length; i++) {
      const byte = bytes[begin + i]!;
      switch (wanted[i]) {
        case 0x23:
          if (!isHexDigit(byte)) return NONE;
          break;
        case 0x30:
          if (!isDigit(byte)) return NONE;
          break;
        case 0x2a:
          if (byte !== 0x38 && byte !== 0x39 && byte !== 0x61 && byte !== 0x62) return NONE;
          break;
        default:
          if (byte !== wanted[i]) return NONE;
      }
    }
    return begin + wanted.length;
  };
}

/** A form, but not of zeros alone. */
export function notZero(form: Form): Form {
  return (bytes, begin) => {
    const end = form(bytes, begin);
    for (let at = begin + 1; at < end - 1; at++) if (bytes[at] !== 0x30) return end;
    return NONE;
  };
}

/** A number of an object, zero or more. */
export const amount: Form = (bytes, begin) => {
  if (!isDigit(bytes[begin]!)) return NONE;
  let at = begin + 1;
  // In canonical bytes it reaches to what must follow a value.
  while (bytes[at] !== 0x2c && bytes[at] !== 0x7d && at < bytes.length) at++;
  return at;
};

/** At most `most` values of a form, in brackets. */
export function list(item: Form, most: number): Form {
  return (bytes, begin) => {
    if (bytes[begin] !== 0x5b) return NONE;
    let at = begin + 1;
    if (bytes[at] === 0x5d) return at + 1;
    for (let count = 1; count <= most; count++) {
      at = item(bytes, at);
      if (at === NONE) return NONE;
      if (bytes[at] === 0x5d) return at + 1;
      at++;
    }
    return NONE;
  };
}

/** An object with these members alone, in the order of their names; those whose names end with a question mark may lack. */
export function object(members: Readonly<Record<string, Form>>): Form {
  const steps = Object.entries(members).map(([name, form]) => ({
    key: literal(`"${name.replace('?', '')}":`),
    form,
    optional: name.endsWith('?'),
  }));
  return (bytes, begin) => {
    if (bytes[begin] !== 0x7b) return NONE;
    let at = begin + 1;
    let first = true;
    for (const { key, form, optional } of steps) {
      const value = first || bytes[at] === 0x2c ? key(bytes, first ? at : at + 1) : NONE;
      if (value === NONE) {
        if (optional) continue;
        return NONE;
      }
      at = form(bytes, value);
      if (at === NONE) return NONE;
      first = false;
    }
    return bytes[at] === 0x7d ? at + 1 : NONE;
  };
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isHexDigit(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x61 && byte <= 0x66);
}
