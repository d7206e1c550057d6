/**
 * The configuration of a bucket, and what can be asked of it.
 *
 * Errors:  CONNECTOR_CONFIG.
 * Pure:    no I/O.
 */
import { IndelibleError, isIndelibleError, type JsonObject } from '@indelible/core';
import { outboundUrl } from '../../outbound.ts';
import type { Capabilities, ConnectorAction } from '../contract.ts';
import { schemaCheck } from '../shared/checks.ts';
import { closedObject, TIMES } from '../shared/schemas.ts';

export interface S3Config {
  /** It must keep versions. */
  readonly bucket: string;
  /** The only keys that are touched begin so. */
  readonly prefix?: string;
  /** Of a server other than AWS: https, or http on this machine. */
  readonly endpoint?: string;
  readonly region?: string;
  /** Absent: credentials as the SDK finds them. */
  readonly access_key_id?: string;
  /** The name of the secret that holds the secret key. */
  readonly secret_key_secret?: string;
  /** The server honours If-Match and If-None-Match of a PUT, in a bucket with versions. Default: true for AWS. */
  readonly conditional_puts?: boolean;
  /** The server honours If-Match of a DELETE. Default false. */
  readonly conditional_deletes?: boolean;
  readonly max_bytes?: number;
  readonly timeout_ms?: number;
  readonly rollback_window_ms?: number;
}

const MIB = 1024 * 1024;
/** Written with each object that is put: tells which effect made it. */
export const EFFECT_MARK = 'indelible-effect';
export const OPERATION_MARK = 'indelible-operation';

const NAME: JsonObject = { type: 'string', minLength: 1, maxLength: 128 };
const checkConfig = schemaCheck<S3Config>(
  closedObject(['bucket'], {
    bucket: { type: 'string', pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' },
    prefix: { type: 'string', maxLength: 500 },
    endpoint: { type: 'string', minLength: 1, maxLength: 2048 },
    region: { type: 'string', pattern: '^[a-z0-9-]{1,64}$' },
    access_key_id: NAME,
    secret_key_secret: NAME,
    conditional_puts: { type: 'boolean' },
    conditional_deletes: { type: 'boolean' },
    max_bytes: { type: 'integer', minimum: 1, maximum: 15 * MIB },
    ...TIMES,
  }),
  'CONNECTOR_CONFIG',
  's3',
);

export interface S3Place {
  readonly config: S3Config;
  readonly endpoint: string | null;
  readonly region: string | null;
  readonly prefix: string;
  readonly conditional: { readonly put: boolean; readonly delete: boolean };
  readonly max_bytes: number;
  readonly timeout_ms: number;
}

export function readS3Config(id: string, given: unknown): S3Place {
  const config = checkConfig(given);
  if ((config.access_key_id === undefined) !== (config.secret_key_secret === undefined)) {
    throw new IndelibleError(
      'CONNECTOR_CONFIG',
      `${id} has one of access_key_id and secret_key_secret without the other`,
    );
  }
  const endpoint = config.endpoint === undefined ? null : originOf(config.endpoint);
  return {
    config,
    endpoint,
    region: config.region ?? (endpoint === null ? null : 'us-east-1'),
    prefix: config.prefix ?? '',
    conditional: {
      put: config.conditional_puts ?? endpoint === null,
      delete: config.conditional_deletes ?? false,
    },
    max_bytes: config.max_bytes ?? 8 * MIB,
    timeout_ms: config.timeout_ms ?? 60_000,
  };
}

function originOf(endpoint: string): string {
  try {
    const url = outboundUrl(endpoint, { plain_http: false });
    if (url.pathname === '/') return url.origin;
  } catch (error) {
    if (!isIndelibleError(error, 'REMOTE_URL')) throw error;
    throw new IndelibleError('CONNECTOR_CONFIG', error.message, { cause: error });
  }
  throw new IndelibleError('CONNECTOR_CONFIG', 'an endpoint has no path');
}

/** What is kept with an object besides its bytes and its metadata. */
export const HEADERS = {
  content_type: 'ContentType',
  cache_control: 'CacheControl',
  content_disposition: 'ContentDisposition',
  content_encoding: 'ContentEncoding',
  content_language: 'ContentLanguage',
} as const;

const PRINTABLE: JsonObject = {
  type: 'string',
  minLength: 1,
  maxLength: 1024,
  pattern: '^[!-~](?:[ -~]*[!-~])?$',
};
const KEY: JsonObject = { type: 'string', minLength: 1, maxLength: 1024, pattern: '^[^\\x00-\\x1f\\x7f]+$' };

export function s3Actions(
  capabilities: (action: 'put' | 'delete') => Capabilities,
): Readonly<Record<string, ConnectorAction>> {
  const put: JsonObject = {
    key: KEY,
    content: { type: 'string' },
    content_base64: { type: 'string', pattern: '^[A-Za-z0-9+/]*={0,2}$' },
    ...Object.fromEntries(Object.keys(HEADERS).map((name) => [name, PRINTABLE])),
    metadata: {
      type: 'object',
      maxProperties: 50,
      propertyNames: { pattern: `^(?!${EFFECT_MARK}$|${OPERATION_MARK}$)[a-z0-9-]{1,64}$` },
      additionalProperties: PRINTABLE,
    },
  };
  return {
    put: {
      summary: 'Puts an object, as a new version.',
      params: {
        type: 'object',
        additionalProperties: false,
        required: ['key'],
        properties: put,
        oneOf: [{ required: ['content'] }, { required: ['content_base64'] }],
      },
      capabilities: capabilities('put'),
    },
    delete: {
      summary: 'Puts a delete marker over an object, whose versions stay.',
      params: { type: 'object', additionalProperties: false, required: ['key'], properties: { key: KEY } },
      capabilities: capabilities('delete'),
    },
  };
}
