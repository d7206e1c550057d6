/**
 * SQLite's values as JSON, each in a form that gives back the very same value.
 *
 * Text and null are themselves. Whole numbers are integers; an integer beyond 2^53 is `{"$int": "…"}`, a real number
 * without a fraction `{"$real": "5"}`, and a blob `{"$bytes": "<base64>"}`.
 *
 * Pure:    no I/O.
 */
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { Json, JsonObject } from '@indelible/core';

/** JSON Schema of a value. */
export const SQLITE_VALUE: JsonObject = {
  anyOf: [
    { type: ['string', 'number', 'null'] },
    wrapped('$int', '^-?[0-9]{1,19}$'),
    wrapped('$real', '^(?:-?Infinity|-?[0-9.]+(?:e[+-]?[0-9]+)?)$'),
    wrapped('$bytes', '^[A-Za-z0-9+/]*={0,2}$'),
  ],
};

function wrapped(name: string, pattern: string): JsonObject {
  return {
    type: 'object',
    additionalProperties: false,
    required: [name],
    properties: { [name]: { type: 'string', pattern } },
  };
}

/** What a statement that reads big integers gave. */
export function fromSqlite(value: SQLOutputValue): Json {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : { $int: String(value) };
  }
  if (typeof value === 'number') {
    return Number.isInteger(value) || !Number.isFinite(value) ? { $real: realText(value) } : value;
  }
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  return value;
}

/** -0 is a number of its own. */
function realText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

export function toSqlite(value: Json): SQLInputValue {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value === 'string' || value === null) return value;
  const { $int, $real, $bytes } = value as Record<string, string | undefined>;
  if ($int !== undefined) return BigInt($int);
  if ($real !== undefined) return Number($real);
  return Buffer.from($bytes ?? '', 'base64');
}
