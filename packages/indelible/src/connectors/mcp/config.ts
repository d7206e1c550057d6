/**
 * What is declared of an MCP server: how it is reached, and which tools read, write and undo.
 *
 * Errors:  CONNECTOR_CONFIG.
 * Pure:    no I/O.
 */
import { IndelibleError, isIndelibleError, type Json, type JsonObject } from '@indelible/core';
import { outboundUrl } from '../../outbound.ts';
import { schemaCheck } from '../shared/checks.ts';
import {
  closedObject,
  DECLARED,
  declaredActions,
  SECRET_HEADERS,
  TARGET_NAME,
  TIMES,
  VARIABLES,
} from '../shared/schemas.ts';
import { secretParams } from '../shared/secrets.ts';
import { mentions } from '../shared/template.ts';

/** A call; see shared/template.ts for what stands in the arguments. */
export interface DeclaredCall {
  readonly tool: string;
  readonly arguments?: Json;
}

export interface DeclaredMcpOperation {
  readonly summary: string;
  /** JSON Schema of the parameters. Those of `"type": "string", "writeOnly": true` are secrets. */
  readonly params: JsonObject;
  /** Names what is changed, such as `price/{sku}`. */
  readonly target: string;
  /** Must change nothing. */
  readonly read: DeclaredCall & {
    /** A JSON Pointer to the target within the result; null there, or nothing: the target does not exist. */
    readonly at?: string;
    /** A JSON Pointer to the target's version within the result, for `{"$version": true}`. */
    readonly version_at?: string;
  };
  readonly write: DeclaredCall & {
    /** A JSON Pointer to where the result says true when the effect key had been seen before. */
    readonly repeated_at?: string;
  };
  /** What the target is after the write: this value, or this merged into what is there (RFC 7396), or nothing. */
  readonly predict?: 'absent' | { readonly value: Json } | { readonly merge: Json };
  /** Undoes a write of what existed. */
  readonly inverse?: DeclaredCall;
  /** Undoes a write that made the target. */
  readonly inverse_created?: DeclaredCall;
}

export interface McpConfig {
  readonly server:
    | {
        readonly command: readonly string[];
        readonly folder?: string;
        readonly env?: Readonly<Record<string, string>>;
        /** Variables whose values are secrets, by the secrets' names. */
        readonly secret_env?: Readonly<Record<string, string>>;
      }
    | {
        /** https, or http on this machine. */
        readonly url: string;
        readonly secret_headers?: Readonly<
          Record<string, { readonly secret: string; readonly prefix?: string }>
        >;
      };
  /** Members at the top of a target that change by themselves and are not compared. */
  readonly ignore?: readonly string[];
  readonly operations: Readonly<Record<string, DeclaredMcpOperation>>;
  readonly max_bytes?: number;
  readonly timeout_ms?: number;
  readonly rollback_window_ms?: number;
}

const TEXT: JsonObject = { type: 'string', minLength: 1, maxLength: 4096 };
const POINTER: JsonObject = { type: 'string', maxLength: 500, pattern: '^(?:/(?:[^~/]|~[01])*)*$' };
const CALL = { tool: { type: 'string', minLength: 1, maxLength: 200 }, arguments: { type: 'object' } };

const checkConfig = schemaCheck<McpConfig>(
  closedObject(['server', 'operations'], {
    server: {
      anyOf: [
        closedObject(['command'], {
          command: { type: 'array', minItems: 1, maxItems: 100, items: TEXT },
          folder: TEXT,
          env: VARIABLES,
          secret_env: VARIABLES,
        }),
        closedObject(['url'], {
          url: { type: 'string', minLength: 1, maxLength: 2048 },
          secret_headers: SECRET_HEADERS,
        }),
      ],
    },
    ignore: { type: 'array', items: { type: 'string', minLength: 1 } },
    operations: declaredActions(
      closedObject(['summary', 'params', 'target', 'read', 'write'], {
        ...DECLARED,
        target: TARGET_NAME,
        read: closedObject(['tool'], { ...CALL, at: POINTER, version_at: POINTER }),
        write: closedObject(['tool'], { ...CALL, repeated_at: POINTER }),
        predict: {
          anyOf: [
            { const: 'absent' },
            closedObject(['value'], { value: {} }),
            closedObject(['merge'], { merge: {} }),
          ],
        },
        inverse: closedObject(['tool'], CALL),
        inverse_created: closedObject(['tool'], CALL),
      }),
    ),
    max_bytes: { type: 'integer', minimum: 1, maximum: 8 * 1024 * 1024 },
    ...TIMES,
  }),
  'CONNECTOR_CONFIG',
  'mcp',
);

export interface McpPlace {
  readonly config: McpConfig;
  /** null: the server is a program. */
  readonly url: URL | null;
  readonly max_bytes: number;
  readonly timeout_ms: number;
}

export function readMcpConfig(given: unknown): McpPlace {
  const config = checkConfig(given);
  for (const [name, operation] of Object.entries(config.operations)) checkOperation(name, operation);
  return {
    config,
    url: 'url' in config.server ? urlOf(config.server.url) : null,
    max_bytes: config.max_bytes ?? 1024 * 1024,
    timeout_ms: config.timeout_ms ?? 60_000,
  };
}

function checkOperation(name: string, { params, read, write, predict, ...inverses }: DeclaredMcpOperation) {
  const calls = [write, inverses.inverse, inverses.inverse_created];
  if (read.version_at === undefined && calls.some((call) => mentions(call?.arguments, '$version')))
    throw invalid(`${name} passes a version on, but says not where it is read (version_at)`);
  const secrets = secretParams(params);
  const shown = typeof predict === 'object' ? Object.values(predict)[0] : undefined;
  if (mentions(shown, secrets) || mentions(read.arguments, secrets))
    throw invalid(`${name} has a secret in what is read or predicted: it would be recorded`);
}

function urlOf(text: string): URL {
  try {
    return outboundUrl(text, { plain_http: false });
  } catch (error) {
    if (!isIndelibleError(error, 'REMOTE_URL')) throw error;
    throw new IndelibleError('CONNECTOR_CONFIG', error.message, { cause: error });
  }
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('CONNECTOR_CONFIG', message);
}
