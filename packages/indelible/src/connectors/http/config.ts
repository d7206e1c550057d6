/**
 * What is declared of an HTTP interface: which requests read, write and undo.
 *
 * Errors:  CONNECTOR_CONFIG.
 * Pure:    no I/O.
 */
import { IndelibleError, type Json, type JsonObject } from '@indelible/core';
import { schemaCheck } from '../shared/checks.ts';
import {
  closedObject,
  DECLARED,
  declaredActions,
  HEADER_NAME,
  HEADERS,
  SECRET_HEADERS,
  TIMES,
} from '../shared/schemas.ts';
import { secretParams } from '../shared/secrets.ts';
import { mentions } from '../shared/template.ts';

/** A request; see shared/template.ts for what stands in path and body. */
export interface DeclaredRequest {
  readonly method: 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: Json;
  /** Headers whose values are parameters, by the parameters' names: a one-time password. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface DeclaredOperation {
  readonly summary: string;
  /** JSON Schema of the parameters. Those of `"type": "string", "writeOnly": true` are secrets. */
  readonly params: JsonObject;
  /** The path that GET reads the target from; it names the target. */
  readonly read: string;
  readonly write: DeclaredRequest;
  /** What the target is after the write: its body, the body merged into what is there (RFC 7396), or nothing. */
  readonly predict?: 'body' | 'merge' | 'absent';
  /** Undoes a write of what existed. */
  readonly inverse?: DeclaredRequest;
  /** Undoes a write that made the target. */
  readonly inverse_created?: DeclaredRequest;
  /** The server gives strong ETags, and honours If-Match and If-None-Match. */
  readonly if_match?: boolean;
  /** The server honours Idempotency-Key. */
  readonly idempotency_key?: boolean;
}

export interface HttpConfig {
  /** https, or http on this machine; without credentials. */
  readonly base_url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers whose values are secrets: the secret's name, and what stands before its value. */
  readonly secret_headers?: Readonly<Record<string, { readonly secret: string; readonly prefix?: string }>>;
  /** Members at the top of a target's JSON that change by themselves and are not compared: `updated_at`. */
  readonly ignore?: readonly string[];
  readonly operations: Readonly<Record<string, DeclaredOperation>>;
  readonly max_bytes?: number;
  readonly timeout_ms?: number;
  readonly rollback_window_ms?: number;
}

const PATH: JsonObject = { type: 'string', pattern: '^/', maxLength: 2048 };
const REQUEST = closedObject(['method', 'path'], {
  method: { enum: ['PUT', 'PATCH', 'POST', 'DELETE'] },
  path: PATH,
  body: {},
  headers: {
    type: 'object',
    maxProperties: 20,
    propertyNames: { pattern: HEADER_NAME },
    additionalProperties: { type: 'string', pattern: '^\\w{1,64}$' },
  },
});
const OPERATION = closedObject(['summary', 'params', 'read', 'write'], {
  ...DECLARED,
  read: PATH,
  write: REQUEST,
  predict: { enum: ['body', 'merge', 'absent'] },
  inverse: REQUEST,
  inverse_created: REQUEST,
  if_match: { type: 'boolean' },
  idempotency_key: { type: 'boolean' },
});

export const checkHttpConfig = schemaCheck<HttpConfig>(
  closedObject(['base_url', 'operations'], {
    base_url: { type: 'string', minLength: 1, maxLength: 2048 },
    headers: HEADERS,
    secret_headers: SECRET_HEADERS,
    ignore: { type: 'array', items: { type: 'string', minLength: 1 } },
    operations: declaredActions(OPERATION),
    max_bytes: { type: 'integer', minimum: 1, maximum: 15 * 1024 * 1024 },
    ...TIMES,
  }),
  'CONNECTOR_CONFIG',
  'http',
);

/**
 * Members at the top of a target's JSON that are not compared: what changes by itself, and what secret parameters are
 * written to, which must not be recorded when a server gives it back.
 */
export function hiddenMembers({ ignore = [], operations }: HttpConfig): ReadonlySet<string> {
  const hidden = new Set(ignore);
  for (const [name, { params, write }] of Object.entries(operations)) {
    const secrets = secretParams(params);
    const { body } = write;
    if (!mentions(body, secrets)) continue;
    const open = typeof body !== 'object' || body === null || Array.isArray(body) || '$param' in body;
    if (open) {
      throw new IndelibleError(
        'CONNECTOR_CONFIG',
        `${name} writes a secret that is no member of an object: it could not be kept out of what is read`,
      );
    }
    for (const [member, item] of Object.entries(body as JsonObject))
      if (mentions(item, secrets)) hidden.add(member);
  }
  return hidden;
}
