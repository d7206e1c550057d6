/**
 * Secret parameters: referred to by name, hashed with a salt, never recorded.
 *
 * Shapes:  a reference is `{ "$secret": "<name>" }` anywhere in the parameters.
 * Errors:  CONNECTOR_PARAMS for a reference of another shape, or a value where the action's schema says `writeOnly`.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { IndelibleError, type Json, type JsonObject } from '@indelible/core';
import type { SecretHash } from './types.ts';

const MEMBER = '$secret';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$/;
const SECRETS_MAX = 16;
/** Some 50 ms: who reads the ledger must not be able to try out every short password. */
const SCRYPT = { N: 16_384, r: 8, p: 1 };

/** The names that parameters refer to, sorted, each once. */
export function secretNames(params: Json): string[] {
  const names = new Set<string>();
  collect(params, names);
  if (names.size > SECRETS_MAX) throw invalid(`refers to more than ${SECRETS_MAX} secrets`);
  return [...names].sort();
}

function collect(value: Json, names: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) collect(item, names);
    return;
  }
  const object = value as JsonObject;
  if (!Object.hasOwn(object, MEMBER)) {
    for (const item of Object.values(object)) collect(item, names);
    return;
  }
  const name = object[MEMBER];
  if (typeof name !== 'string' || !NAME.test(name) || Object.keys(object).length !== 1)
    throw invalid(`has a ${MEMBER} that is not the name of a secret and nothing else`);
  names.add(name);
}

/** Refuses values where the schema of an action says `writeOnly`: they would be recorded. */
export function refuseOpenSecrets(schema: JsonObject, params: JsonObject): void {
  const properties = (schema.properties ?? {}) as JsonObject;
  for (const [name, rule] of Object.entries(properties)) {
    const value = params[name];
    if (value === undefined || typeof rule !== 'object' || rule === null) continue;
    if ((rule as JsonObject).writeOnly === true && secretNames(value).length === 0)
      throw new IndelibleError('CONNECTOR_PARAMS', `${name} is secret: pass {"$secret": "<name>"}`, {
        details: { member: name },
      });
    if (isObject(value)) refuseOpenSecrets(rule as JsonObject, value);
  }
}

/** The hash of a secret's value, under a new salt or the one given. */
export async function hashSecret(
  name: string,
  value: string,
  salt = randomBytes(16).toString('hex'),
): Promise<SecretHash> {
  const hash = await new Promise<Buffer>((resolve, reject) =>
    scrypt(value, Buffer.from(salt, 'hex'), 32, SCRYPT, (error, key) =>
      error === null ? resolve(key) : reject(error),
    ),
  );
  return { name, salt, hash: hash.toString('hex') };
}

/** True when the secret still has the value that was hashed. */
export async function isSameSecret(known: SecretHash, value: string): Promise<boolean> {
  const { hash } = await hashSecret(known.name, value, known.salt);
  return timingSafeEqual(Buffer.from(hash, 'hex'), Buffer.from(known.hash, 'hex'));
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(rule: string): IndelibleError {
  return new IndelibleError('CONNECTOR_PARAMS', `a parameter ${rule}`);
}
