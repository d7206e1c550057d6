/**
 * An entry of a directory: what of it is compared and shown, and what a change makes of it.
 *
 * Values are bytes here. Shown, they are text, or base64 where they are none; values of secret attributes are shown as
 * scrypt hashes, salted with the name of the entry, so that a change of a password is seen and the password is not.
 *
 * Errors:  TARGET_REFUSED for a change that does not fit what is there.
 */
import { createHash, scrypt } from 'node:crypto';
import { canonicalize, IndelibleError, type JsonObject } from '@indelible/core';
import type { TargetState } from '../contract.ts';
import { stateOf } from '../shared/state.ts';
import { type Dn, normalDn, parseDn } from './dn.ts';

/** Names in lower case, to values in no order. */
export type Attributes = ReadonlyMap<string, readonly Buffer[]>;

export interface Entry {
  /** As the directory spells it. */
  readonly dn: string;
  readonly attributes: Attributes;
  /** Who, when, entryUUID, entryCSN: evidence, never compared. */
  readonly operational: JsonObject;
  /** entryCSN: another one after every change. */
  readonly version: string;
  readonly has_children: boolean;
}

export interface Change {
  readonly operation: 'add' | 'delete' | 'replace';
  readonly attribute: string;
  readonly values: readonly Buffer[];
}

export type ShownValue = string | { readonly base64: string } | { readonly scrypt: string };
export type ShownAttributes = Readonly<Record<string, readonly ShownValue[]>>;

const SCRYPT = { N: 16_384, r: 8, p: 1 };
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Which attributes are secret, whatever options (`;lang-de`) come with them. */
export class SecretAttributes {
  readonly #names: ReadonlySet<string>;
  readonly #base: Dn;

  constructor(names: readonly string[], base: Dn) {
    this.#names = new Set(names.map((name) => name.toLowerCase()));
    this.#base = base;
  }

  has(attribute: string): boolean {
    return this.#names.has(attribute.toLowerCase().split(';')[0]!);
  }

  /** Equal passwords of two entries do not look equal. */
  saltOf(dn: string, attribute: string): string {
    const below = parseDn(dn).slice(0, -this.#base.length);
    return `indelible/ldap\n${normalDn(below)}\n${attribute}`;
  }
}

export async function stateOfEntry(
  { dn, attributes, operational }: Pick<Entry, 'dn' | 'attributes'> & Partial<Entry>,
  secrets: SecretAttributes,
): Promise<TargetState> {
  const shown: Record<string, ShownValue[]> = {};
  for (const [name, values] of attributes) {
    const salt = secrets.has(name) ? secrets.saltOf(dn, name) : null;
    const own = await Promise.all(values.map((value) => (salt === null ? show(value) : hide(value, salt))));
    shown[name] = own.sort((one, other) => (canonicalize(one) < canonicalize(other) ? -1 : 1));
  }
  return stateOf({ attributes: shown } as unknown as JsonObject, operational && { dn, ...operational });
}

function show(value: Buffer): ShownValue {
  try {
    return utf8.decode(value);
  } catch {
    return { base64: value.toString('base64') };
  }
}

/** Each operation looks at its entry some five times. */
const hashes = new Map<string, string>();
const HASHES_MAX = 1000;

async function hide(value: Buffer, salt: string): Promise<ShownValue> {
  const key = createHash('sha256').update(salt).update('\0').update(value).digest('hex');
  const known = hashes.get(key);
  if (known !== undefined) return { scrypt: known };
  const hash = await new Promise<Buffer>((resolve, reject) =>
    scrypt(value, salt, 32, SCRYPT, (error, derived) => (error === null ? resolve(derived) : reject(error))),
  );
  if (hashes.size >= HASHES_MAX) hashes.clear();
  hashes.set(key, hash.toString('hex'));
  return { scrypt: hash.toString('hex') };
}

/** The bytes of a shown value; null when it is hidden. */
export function bytesOf(value: ShownValue): Buffer | null {
  if (typeof value === 'string') return Buffer.from(value);
  return 'base64' in value ? Buffer.from(value.base64, 'base64') : null;
}

/** What the attributes are after these changes, one after the other. */
export function changed(attributes: Attributes, changes: readonly Change[]): Attributes {
  const now = new Map(attributes);
  for (const { operation, attribute, values } of changes) {
    const name = attribute.toLowerCase();
    const there = now.get(name) ?? [];
    const left = apply(operation, attribute, there, values);
    if (left.length === 0) now.delete(name);
    else now.set(name, left);
  }
  return now;
}

function apply(
  operation: Change['operation'],
  attribute: string,
  there: readonly Buffer[],
  values: readonly Buffer[],
): readonly Buffer[] {
  if (operation === 'replace') return values;
  const has = (value: Buffer) => there.some((one) => one.equals(value));
  if (operation === 'add') {
    if (values.some(has)) throw refused(`${attribute} has one of these values already`);
    return [...there, ...values];
  }
  if (there.length === 0) throw refused(`there is no ${attribute} to delete`);
  if (!values.every(has)) throw refused(`${attribute} has no such value, spelled so, to delete`);
  return values.length === 0 ? [] : there.filter((one) => !values.some((value) => value.equals(one)));
}

/** The changes that make `now` into `then`. */
export function changesBetween(now: Attributes, then: Attributes): Change[] {
  const names = [...new Set([...now.keys(), ...then.keys()])].sort();
  return names.flatMap((attribute): Change[] => {
    const values = then.get(attribute) ?? [];
    if (sameValues(now.get(attribute) ?? [], values)) return [];
    return [{ operation: 'replace', attribute, values }];
  });
}

function sameValues(some: readonly Buffer[], others: readonly Buffer[]): boolean {
  return some.length === others.length && some.every((value) => others.some((other) => other.equals(value)));
}

export function sizeOf(attributes: Attributes): number {
  let bytes = 0;
  for (const [name, values] of attributes) for (const value of values) bytes += name.length + value.length;
  return bytes;
}

function refused(message: string): IndelibleError {
  return new IndelibleError('TARGET_REFUSED', message);
}
