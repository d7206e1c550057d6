/**
 * Reading a target and writing to it, one exchange each.
 *
 * Errors:  CONNECTOR_UNAVAILABLE when it cannot be known what the server did; TARGET_CHANGED, TARGET_NOT_FOUND and
 *          TARGET_REFUSED when it said that it did nothing; CONNECTOR_PARAMS.
 */
import { IndelibleError, isIndelibleError, type Json, type JsonObject, parseJson } from '@indelible/core';
import { askRemote, type OutboundRequest } from '../../outbound.ts';
import type { ConnectorContext, TargetState } from '../contract.ts';
import { resolveSecrets } from '../shared/secrets.ts';
import { stateOf } from '../shared/state.ts';
import type { DeclaredRequest, HttpConfig } from './config.ts';

export interface FoundTarget {
  readonly body: Json;
  readonly state: TargetState;
  readonly version: string;
  /** Only a strong one: others say nothing about the bytes. */
  readonly etag: string | null;
}

export interface Place {
  readonly base: URL;
  readonly config: HttpConfig;
  /** Members of a target's JSON that are not compared. */
  readonly hidden: ReadonlySet<string>;
  readonly max_bytes: number;
  readonly timeout_ms: number;
}

/** null: the server says that there is nothing. */
export async function readTarget(
  place: Place,
  path: string,
  ctx: ConnectorContext,
): Promise<FoundTarget | null> {
  const { status, headers, bytes } = await ask(place, path, ctx, { method: 'GET', headers: {} });
  if (status === 404 || status === 410) return null;
  if (status !== 200) {
    throw new IndelibleError('CONNECTOR_UNAVAILABLE', `${place.base.host} answers ${status} when read`);
  }
  let body: Json;
  try {
    body = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new IndelibleError('CONNECTOR_UNAVAILABLE', `${place.base.host} answers with what is not JSON`, {
      cause: error,
    });
  }
  const etag = headers.get('etag');
  const strong = etag?.startsWith('"') ? etag : null;
  const state = stateOfBody(place.hidden, body, strong === null ? {} : { etag: strong });
  return { body, state, version: strong ?? state.digest, etag: strong };
}

/** Without what changes by itself. */
export function stateOfBody(hidden: ReadonlySet<string>, body: Json, observed?: JsonObject): TargetState {
  const compared =
    typeof body === 'object' && body !== null && !Array.isArray(body)
      ? Object.fromEntries(Object.entries(body).filter(([name]) => !hidden.has(name)))
      : body;
  return stateOf({ body: compared }, observed);
}

/** With its parameters; secrets are references still. */
export interface FilledRequest extends Omit<DeclaredRequest, 'headers'> {
  readonly headers: Readonly<Record<string, Json>>;
}

export interface WriteRequest extends FilledRequest {
  /** What the server must compare: an ETag, null for "nothing is there", undefined for no condition. */
  readonly condition: string | null | undefined;
  readonly idempotency_key: string | null;
}

/** Resolves to what is evidence of the answer. */
export async function writeTarget(
  place: Place,
  request: WriteRequest,
  ctx: ConnectorContext,
): Promise<JsonObject> {
  const { method, path, condition, idempotency_key } = request;
  const body = request.body === undefined ? undefined : await resolveSecrets(request.body, ctx);
  const declared = (await resolveSecrets(request.headers, ctx)) as JsonObject;
  const { status, headers } = await ask(place, path, ctx, {
    method,
    headers: {
      ...Object.fromEntries(Object.entries(declared).map(([name, value]) => [name, String(value)])),
      ...(body === undefined ? {} : { 'content-type': typeOf(method) }),
      ...(condition === undefined
        ? {}
        : condition === null
          ? { 'if-none-match': '*' }
          : { 'if-match': condition }),
      // A structured string, as the IETF's draft has it.
      ...(idempotency_key === null ? {} : { 'idempotency-key': `"${idempotency_key}"` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const said = `${place.base.host} answers ${status} to ${method}`;
  if (status >= 200 && status < 300) {
    const replayed = headers.get('idempotent-replayed') ?? headers.get('idempotency-replayed');
    return { status, request_id: headers.get('x-request-id'), replayed: replayed === 'true' };
  }
  if (status === 412) throw new IndelibleError('TARGET_CHANGED', said);
  if (status === 404 || status === 410) throw new IndelibleError('TARGET_NOT_FOUND', said);
  // A server that was too slow, too busy or broken may have done it all the same.
  const refused = status >= 400 && status < 500 && ![408, 409, 425, 429].includes(status);
  throw new IndelibleError(refused ? 'TARGET_REFUSED' : 'CONNECTOR_UNAVAILABLE', said);
}

function typeOf(method: string): string {
  return method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
}

async function ask(
  place: Place,
  path: string,
  ctx: ConnectorContext,
  request: Pick<OutboundRequest, 'method' | 'headers' | 'body'>,
) {
  const { base, config, max_bytes: bytes_max, timeout_ms } = place;
  const headers: Record<string, string> = {
    accept: 'application/json',
    ...config.headers,
    ...request.headers,
  };
  for (const [name, { secret, prefix = '' }] of Object.entries(config.secret_headers ?? {})) {
    headers[name] = prefix + (await ctx.secret(secret));
  }
  for (const [name, value] of Object.entries(headers)) {
    // Said by us: fetch would quote the value, which may be a secret.
    if (!/^[\t -~]*$/.test(value))
      throw new IndelibleError('CONNECTOR_PARAMS', `the header ${name} cannot hold its value`);
  }
  const url = new URL(base.pathname.replace(/\/$/, '') + path, base);
  try {
    return await askRemote(url, { ...request, headers, timeout_ms, bytes_max, signal: ctx.signal });
  } catch (error) {
    if (!isIndelibleError(error, 'REMOTE_FAILED')) throw error;
    throw new IndelibleError('CONNECTOR_UNAVAILABLE', error.message, { cause: error });
  }
}
