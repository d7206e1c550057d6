/**
 * Strict JSON parsing: what JSON.parse silently changes is refused.
 *
 * JSON.parse keeps the last of two equal keys and rounds numbers. Both would make the record differ from what was
 * sent, so one cheap pass over the text counts members and finds long numbers, and the parsed tree must agree.
 *
 * Errors:  JSON_INVALID, JSON_DUPLICATE_KEY, JSON_NUMBER, JSON_TOO_DEEP.
 * Source:  RFC 8259; RFC 7493 (I-JSON) for duplicate names and number range.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { LIMITS } from '../record/limits.ts';
import type { Json } from '../record/record.ts';
import { isLosslessNumber } from './number.ts';
import { endOfString, parseJsonText } from './parse-text.ts';

/** Parses one JSON text strictly. Lone surrogates are left to `canonicalize`, which refuses them. */
export function parseJson(text: string): Json {
  const members = scan(text);
  let value: Json;
  try {
    value = parseJsonText(text);
  } catch (error) {
    throw new IndelibleError('JSON_INVALID', error instanceof Error ? error.message : 'not JSON');
  }
  if (countMembers(value) !== members) {
    throw new IndelibleError('JSON_DUPLICATE_KEY', 'an object names a member twice');
  }
  return value;
}

/** Counts the colons outside strings, which is the number of members written; checks depth and numbers. */
function scan(text: string): number {
  let members = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) {
      i = endOfString(text, i);
    } else if (code === 0x3a) {
      members++;
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > LIMITS.json_depth) {
        throw new IndelibleError('JSON_TOO_DEEP', `nested more than ${LIMITS.json_depth} deep`);
      }
    } else if (code === 0x7d || code === 0x5d) {
      depth--;
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      const start = i;
      while (i + 1 < text.length && isNumberCode(text.charCodeAt(i + 1))) i++;
      checkNumber(text, start, i + 1);
    }
  }
  return members;
}

function isNumberCode(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2e ||
    code === 0x65 ||
    code === 0x45 ||
    code === 0x2b ||
    code === 0x2d
  );
}

function checkNumber(text: string, start: number, end: number): void {
  // Up to 15 digits without an exponent always survive; only the rest needs the exact comparison.
  if (end - start <= 15 && !/[eE]/.test(text.slice(start, end))) return;
  const token = text.slice(start, end);
  if (!isLosslessNumber(token)) {
    throw new IndelibleError('JSON_NUMBER', `the number ${token.slice(0, 40)} does not survive as a double`);
  }
}

function countMembers(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += countMembers(item);
    return count;
  }
  for (const key of Object.keys(value)) count += 1 + countMembers((value as Record<string, Json>)[key]!);
  return count;
}
