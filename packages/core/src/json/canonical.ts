/**
 * Canonical JSON: one value, one text, so that everyone hashes the same bytes.
 *
 * Shapes:  returns text; its UTF-8 form is what is stored and hashed.
 * Errors:  JSON_VALUE for anything JSON has not (undefined, NaN, Date, functions, sparse arrays, cycles count as
 *          too deep), JSON_LONE_SURROGATE, JSON_TOO_DEEP. The message names the place.
 * Source:  RFC 8785 (JCS).
 * Pure:    no I/O, no clock, no randomness.
 */
import { IndelibleError } from '../errors.ts';
import { LIMITS } from '../record/limits.ts';

/**
 * The RFC 8785 text of a JSON value. Nothing is dropped or converted: what JSON cannot say is refused.
 *
 * `depth` is how many objects and arrays the text will stand inside: they count against the limit.
 */
export function canonicalize(value: unknown, depth = 0): string {
  return write(value, depth);
}

/** The RFC 8785 text of a string. */
export function canonicalString(text: string): string {
  // Most strings are short and need no escape; looking is cheaper than asking JSON.stringify.
  if (text.length <= PLAIN_LENGTH_MAX && isPlain(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new IndelibleError('JSON_LONE_SURROGATE', 'a string has a lone surrogate');
  return JSON.stringify(text);
}

const PLAIN_LENGTH_MAX = 256;

/** True when the text is its own canonical form: no control, quote, backslash or surrogate. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x22 || code === 0x5c || code >= 0xd800) return false;
  }
  return true;
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return canonicalString(value);
    case 'number':
      if (!Number.isFinite(value)) throw new IndelibleError('JSON_VALUE', `${value} is not a JSON number`);
      // ECMAScript's number formatting is RFC 8785's; String(-0) is "0", as §3.2.2.3 asks.
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth >= LIMITS.json_depth)
        throw new IndelibleError('JSON_TOO_DEEP', `nested more than ${LIMITS.json_depth} deep`);
      return Array.isArray(value) ? writeArray(value, depth) : writeObject(value, depth);
    default:
      throw new IndelibleError('JSON_VALUE', `${typeof value} is not a JSON value`);
  }
}

function writeArray(items: readonly unknown[], depth: number): string {
  let text = '[';
  for (let i = 0; i < items.length; i++) {
    if (i > 0) text += ',';
    try {
      text += write(items[i], depth + 1);
    } catch (error) {
      throw at(`[${i}]`, error);
    }
  }
  return `${text}]`;
}

function writeObject(object: object, depth: number): string {
  const prototype = Object.getPrototypeOf(object);
  // An object from another realm has a prototype that is itself the root of its chain.
  if (prototype !== Object.prototype && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new IndelibleError(
      'JSON_VALUE',
      `${object.constructor?.name ?? 'an instance'} is not a plain object`,
    );
  }
  const keys = sortKeys(Object.keys(object));
  let text = '{';
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (i > 0) text += ',';
    try {
      text += quotedKey(key) + write((object as Record<string, unknown>)[key], depth + 1);
    } catch (error) {
      throw at(`.${key}`, error);
    }
  }
  return `${text}}`;
}

/** Sorts by UTF-16 code units, in place. Insertion beats the generic sort for the few keys objects have. */
function sortKeys(keys: string[]): string[] {
  if (keys.length > 24) return keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i]!;
    let j = i - 1;
    while (j >= 0 && keys[j]! > key) {
      keys[j + 1] = keys[j]!;
      j--;
    }
    keys[j + 1] = key;
  }
  return keys;
}

// Programs use few distinct keys; the bound keeps hostile input from growing the table.
const QUOTED_KEYS_MAX = 4096;
const quotedKeys = new Map<string, string>();

function quotedKey(key: string): string {
  const known = quotedKeys.get(key);
  if (known !== undefined) return known;
  const quoted = `${canonicalString(key)}:`;
  if (quotedKeys.size < QUOTED_KEYS_MAX && key.length <= 64) quotedKeys.set(key, quoted);
  return quoted;
}

/** Prefixes the place to our own error's message, so that the caller learns which member is wrong. */
function at(step: string, error: unknown): unknown {
  if (!(error instanceof IndelibleError)) return error;
  const inner = typeof error.details.at === 'string' ? error.details.at : '';
  const where = (step + inner).slice(0, 200);
  const what = typeof error.details.what === 'string' ? error.details.what : error.message;
  return new IndelibleError(error.code, `${what} (at ${where})`, { details: { at: where, what } });
}
