/**
 * JSON Schemas that the configurations of several connectors are made of.
 *
 * Pure:    no I/O.
 */
import type { JsonObject } from '@indelible/core';

/** An object that has no other members than these. */
export function closedObject(required: readonly string[], properties: JsonObject): JsonObject {
  return { type: 'object', additionalProperties: false, required, properties };
}

/** Actions that are declared, by name, each of this form. */
export function declaredActions(action: JsonObject): JsonObject {
  return {
    type: 'object',
    minProperties: 1,
    propertyNames: { pattern: '^[a-z][a-z0-9-]{0,63}$' },
    additionalProperties: action,
  };
}

/** What every declared action says of itself. */
export const DECLARED: JsonObject = {
  summary: { type: 'string', minLength: 1, maxLength: 500 },
  // A schema itself, of an object that takes nothing else: what is misspelt is refused.
  params: {
    type: 'object',
    required: ['type', 'additionalProperties'],
    properties: { type: { const: 'object' }, additionalProperties: { const: false } },
  },
};

/** Names a target, such as `price/{sku}`. */
export const TARGET_NAME: JsonObject = { type: 'string', minLength: 1, maxLength: 500 };

/** Variables of an environment. */
export const VARIABLES: JsonObject = {
  type: 'object',
  propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
  additionalProperties: { type: 'string' },
};

/** A name of an HTTP header (RFC 9110 §5.6.2: token). */
export const HEADER_NAME = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";

const HEADER_VALUE = '^[\\t -~]*$';

export const HEADERS: JsonObject = {
  type: 'object',
  propertyNames: { pattern: HEADER_NAME },
  additionalProperties: { type: 'string', pattern: HEADER_VALUE },
};

/** Headers whose values are secrets: the secret's name, and what stands before its value. */
export const SECRET_HEADERS: JsonObject = {
  type: 'object',
  propertyNames: { pattern: HEADER_NAME },
  additionalProperties: closedObject(['secret'], {
    secret: { type: 'string', minLength: 1, maxLength: 128 },
    prefix: { type: 'string', pattern: HEADER_VALUE },
  }),
};

/** How long an action may take, and for how long it can be undone. */
export const TIMES: JsonObject = {
  timeout_ms: { type: 'integer', minimum: 1 },
  rollback_window_ms: { type: 'integer', minimum: 1 },
};
