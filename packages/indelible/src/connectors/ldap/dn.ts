/**
 * Distinguished names: taken apart strictly, so that whether one lies below another is no matter of spelling.
 *
 * Errors:  CONNECTOR_PARAMS.
 * Source:  RFC 4514. Values in hexadecimal (#04…), quotes and numeric attribute types are not taken.
 * Pure:    no I/O.
 */
import { IndelibleError } from '@indelible/core';

interface Pair {
  readonly type: string;
  readonly value: string;
}

/** From the entry's own name up to the root; each name has one pair or more. */
export type Dn = readonly (readonly Pair[])[];

const LENGTH_MAX = 2048;
const TYPE = /^[A-Za-z][A-Za-z0-9-]*$/;
const SPECIAL = /[",#+;<>\\= ]/;

export function parseDn(text: string): Dn {
  if (text.length > LENGTH_MAX) throw invalid(text, `has more than ${LENGTH_MAX} characters`);
  const names: Pair[][] = [];
  let pairs: Pair[] = [];
  let at = 0;
  for (;;) {
    const equals = text.indexOf('=', at);
    const type = equals === -1 ? '' : text.slice(at, equals).trim();
    if (!TYPE.test(type)) throw invalid(text, 'is not a list of attribute=value');
    const { value, end } = parseValue(text, equals + 1);
    pairs.push({ type, value });
    at = end + 1;
    if (text[end] === '+') continue;
    names.push(pairs);
    pairs = [];
    if (end === text.length) return names;
  }
}

/** One value, without the spaces around it, and where its separator is. */
function parseValue(text: string, from: number): { readonly value: string; readonly end: number } {
  const bytes: number[] = [];
  /** How many bytes are certain: spaces after them may be the value's end. */
  let kept = 0;
  let at = from;
  while (at < text.length && text[at] !== ',' && text[at] !== '+') {
    const character = String.fromCodePoint(text.codePointAt(at)!);
    if (character === '\\') {
      const hex = /^[0-9A-Fa-f]{2}/.exec(text.slice(at + 1));
      const escaped = text[at + 1] ?? '';
      if (hex === null && !SPECIAL.test(escaped)) throw invalid(text, 'has an escape that is none');
      bytes.push(hex === null ? escaped.charCodeAt(0) : Number.parseInt(hex[0], 16));
      at += hex === null ? 2 : 3;
      kept = bytes.length;
      continue;
    }
    if (/[";<>\0]/.test(character) || (character === '#' && bytes.length === 0))
      throw invalid(text, `has an unescaped ${JSON.stringify(character)}`);
    at += character.length;
    if (character === ' ' && bytes.length === 0) continue;
    bytes.push(...new TextEncoder().encode(character));
    if (character !== ' ') kept = bytes.length;
  }
  if (kept === 0) throw invalid(text, 'has an attribute without a value');
  try {
    return {
      value: new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes.slice(0, kept))),
      end: at,
    };
  } catch {
    throw invalid(text, 'has an escape that is no UTF-8');
  }
}

/** As it is sent: nothing but what must be escaped is. */
export function formatDn(dn: Dn): string {
  return dn
    .map((pairs) => pairs.map(({ type, value }) => `${type}=${escapeValue(value)}`).join('+'))
    .join(',');
}

function escapeValue(value: string): string {
  const escaped = value.replaceAll(/["+,;<>\\]/g, '\\$&').replaceAll('\0', '\\00');
  return escaped.replace(/^[ #]/, '\\$&').replace(/ $/, '\\ ');
}

/** The same text for every spelling of one name, as far as directories ignore case and repeated spaces. */
export function normalDn(dn: Dn): string {
  const fold = (text: string) => text.normalize('NFKC').toLowerCase().replaceAll(/ +/g, ' ').trim();
  const folded = dn.map((pairs) =>
    pairs
      .map(({ type, value }) => ({ type: type.toLowerCase(), value: fold(value) }))
      .sort((one, other) => (one.type < other.type ? -1 : 1)),
  );
  return formatDn(folded);
}

/** Whether it is the base itself, or below it. */
export function isWithin(dn: Dn, base: Dn): boolean {
  return dn.length >= base.length && normalDn(dn.slice(dn.length - base.length)) === normalDn(base);
}

/** The normal form of what may be a name; of anything else the text itself. */
export function normalText(text: string): string {
  try {
    return normalDn(parseDn(text));
  } catch {
    return text;
  }
}

function invalid(text: string, rule: string): IndelibleError {
  return new IndelibleError('CONNECTOR_PARAMS', `the name "${text.slice(0, 80)}" ${rule}`);
}
