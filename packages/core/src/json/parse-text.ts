/**
 * JSON.parse, which cannot be trusted with names of members that are written with escapes.
 *
 * V8 13.6 (Node 24) guesses the next name from objects that it parsed before, and compares the guess with the text as it
 * is written: after {"a\\":1} it takes the name in {"a\"":1} for `a\`. What is hashed would not be what was sent, by the
 * choice of whoever sent the text before. Texts with such names, of which there are few, are parsed here.
 *
 * Errors:  SyntaxError as JSON.parse has it; JSON_TOO_DEEP.
 * Source:  RFC 8259.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { LIMITS } from '../record/limits.ts';
import type { Json } from '../record/record.ts';

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const LITERALS = { t: ['true', true], f: ['false', false], n: ['null', null] } as const;

/** The value of one JSON text. Of equal names in an object the last one counts. */
export function parseJsonText(text: string): Json {
  return hasEscapedName(text) ? new TextParser(text).parse() : (JSON.parse(text) as Json);
}

/** Index of the quote that closes the string which opens at `open`, or the text's end when there is none. */
export function endOfString(text: string, open: number): number {
  let i = open + 1;
  for (;;) {
    const quote = text.indexOf('"', i);
    if (quote === -1) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return quote;
    i = quote + 1;
  }
}

/** Whether a string with an escape stands before a colon. */
function hasEscapedName(text: string): boolean {
  let backslash = text.indexOf('\\');
  if (backslash === -1) return false;
  for (let open = text.indexOf('"'); open !== -1; ) {
    const close = endOfString(text, open);
    if (backslash < close) {
      const after = afterSpace(text, close + 1);
      if (text.charCodeAt(after) === 0x3a) return true;
      backslash = text.indexOf('\\', close);
      if (backslash === -1) return false;
    }
    open = text.indexOf('"', close + 1);
  }
  // An escape outside of strings: JSON.parse says what is wrong.
  return false;
}

function afterSpace(text: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.test(text);
  return SPACE.lastIndex;
}

class TextParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Json {
    const value = this.#value(0);
    if (this.#at < this.#text.length) throw this.#wrong();
    return value;
  }

  /** A value, and the white space about it. */
  #value(depth: number): Json {
    if (depth > LIMITS.json_depth)
      throw new IndelibleError('JSON_TOO_DEEP', `nested more than ${LIMITS.json_depth} deep`);
    this.#skipSpace();
    const value = this.#bareValue(depth);
    this.#skipSpace();
    return value;
  }

  #bareValue(depth: number): Json {
    const first = this.#text[this.#at];
    switch (first) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
      case 'f':
      case 'n': {
        const [word, value] = LITERALS[first];
        if (!this.#text.startsWith(word, this.#at)) throw this.#wrong();
        this.#at += word.length;
        return value;
      }
      default:
        return this.#number();
    }
  }

  #object(depth: number): Json {
    const members: [string, Json][] = [];
    this.#at++;
    this.#skipSpace();
    if (this.#takes('}')) return {};
    do {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') throw this.#wrong();
      const name = this.#string();
      this.#skipSpace();
      if (!this.#takes(':')) throw this.#wrong();
      members.push([name, this.#value(depth + 1)]);
    } while (this.#takes(','));
    if (!this.#takes('}')) throw this.#wrong();
    // Makes a member of its own of "__proto__", too.
    return Object.fromEntries(members);
  }

  #array(depth: number): Json {
    const items: Json[] = [];
    this.#at++;
    this.#skipSpace();
    if (this.#takes(']')) return items;
    do items.push(this.#value(depth + 1));
    while (this.#takes(','));
    if (!this.#takes(']')) throw this.#wrong();
    return items;
  }

  /** A string by itself holds no names: JSON.parse knows its escapes. */
  #string(): string {
    const start = this.#at;
    this.#at = endOfString(this.#text, start) + 1;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #number(): number {
    NUMBER.lastIndex = this.#at;
    const token = NUMBER.exec(this.#text)?.[0];
    if (token === undefined) throw this.#wrong();
    this.#at += token.length;
    return Number(token);
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    this.#at = afterSpace(this.#text, this.#at);
  }

  #wrong(): SyntaxError {
    return new SyntaxError(
      `Unexpected ${this.#at < this.#text.length ? 'token' : 'end'} in JSON at position ${this.#at}`,
    );
  }
}
