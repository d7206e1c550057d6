/**
 * Secret parameters: `{ "$secret": "<name>" }`, replaced by the value only where it is handed to the system.
 *
 * A declared operation takes them where the schema of its parameters says `writeOnly`, and nowhere else.
 *
 * Errors:  CONNECTOR_PARAMS; whatever `ctx.secret` raises.
 */
import { IndelibleError, type Json, type JsonObject } from '@indelible/core';
import type { ConnectorContext } from '../contract.ts';

const MEMBER = '$secret';

/** The name that a reference holds; null for any other value. */
export function secretNameOf(value: Json | undefined): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const name = (value as JsonObject)[MEMBER];
  return typeof name === 'string' ? name : null;
}

/** JSON Schema of a reference. */
export const SECRET_REFERENCE: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: [MEMBER],
  properties: { [MEMBER]: { type: 'string', minLength: 1, maxLength: 200 } },
};

/** The names of the parameters that are secret: texts that are only ever written. */
export function secretParams(schema: JsonObject): ReadonlySet<string> {
  const properties = Object.entries((schema.properties ?? {}) as JsonObject);
  return new Set(properties.filter(([, rule]) => isSecretText(rule)).map(([name]) => name));
}

/** The schema that checks parameters: what is secret comes by reference. */
export function byReference(schema: JsonObject): JsonObject {
  const secrets = secretParams(schema);
  if (secrets.size === 0) return schema;
  const properties = Object.entries(schema.properties as JsonObject).map(([name, rule]) => [
    name,
    secrets.has(name) ? SECRET_REFERENCE : rule,
  ]);
  return { ...schema, properties: Object.fromEntries(properties) as JsonObject };
}

function isSecretText(rule: Json): boolean {
  if (typeof rule !== 'object' || rule === null || isList(rule)) return false;
  return rule.type === 'string' && rule.writeOnly === true;
}

/** Raises CONNECTOR_PARAMS for a secret where the schema has none: it would be read back, and recorded. */
export function assertDeclaredSecrets(schema: JsonObject, params: JsonObject): void {
  const secrets = secretParams(schema);
  for (const [name, value] of Object.entries(params)) {
    if (secrets.has(name) || !holdsSecret(value)) continue;
    throw new IndelibleError('CONNECTOR_PARAMS', `${name} takes no secret: it is not declared as writeOnly`);
  }
}

function holdsSecret(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return secretNameOf(value) !== null || Object.values(value as JsonObject).some(holdsSecret);
}

/** The same value with every reference replaced; the values go into `used`, too, to be kept out of what is shown. */
export async function resolveSecrets(
  value: Json,
  ctx: Pick<ConnectorContext, 'secret'>,
  used: Set<string> = new Set(),
): Promise<Json> {
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return Promise.all(value.map((item) => resolveSecrets(item, ctx, used)));
  const name = secretNameOf(value);
  if (name !== null) {
    const secret = await ctx.secret(name);
    used.add(secret);
    return secret;
  }
  const entries = Object.entries(value).map(
    async ([key, item]): Promise<[string, Json]> => [key, await resolveSecrets(item, ctx, used)],
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** Programs and servers like to show what they were given. */
export function withoutSecrets(text: string, secrets: Iterable<string>): string {
  let shown = text;
  for (const value of secrets) if (value !== '') shown = shown.replaceAll(value, '[secret]');
  return shown;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
