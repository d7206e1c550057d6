/**
 * What went wrong between us and an S3 server, as one of our errors.
 *
 * Errors of the SDK hold requests with their signatures: only their names and messages go on from here.
 *
 * Errors:  STORE_UNAVAILABLE, STORE_READ_ONLY, STORE_FULL, LEDGER_NOT_FOUND.
 * Pure:    no I/O.
 */
import { type ErrorCode, IndelibleError, isIndelibleError } from '@indelible/core';

const MESSAGE_LENGTH_MAX = 200;
/** What the SDK calls an answer without an error in it. */
const SAYS_NOTHING = /^(?:Unknown|UnknownError|Error|)$/;

const BY_NAME: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  NoSuchBucket: ['LEDGER_NOT_FOUND', 'there is no such bucket'],
  CredentialsProviderError: ['STORE_UNAVAILABLE', 'no credentials were found'],
  InvalidAccessKeyId: ['STORE_UNAVAILABLE', 'the credentials are not known there'],
  SignatureDoesNotMatch: ['STORE_UNAVAILABLE', 'the secret of the credentials is wrong'],
  ExpiredToken: ['STORE_UNAVAILABLE', 'the credentials have expired'],
  RequestTimeTooSkewed: ['STORE_UNAVAILABLE', 'the clock of this machine is wrong'],
  PermanentRedirect: ['STORE_UNAVAILABLE', 'the bucket is in another region: say region=…'],
  AuthorizationHeaderMalformed: ['STORE_UNAVAILABLE', 'the bucket is in another region: say region=…'],
  QuotaExceeded: ['STORE_FULL', 'the quota is used up'],
  XMinioStorageFull: ['STORE_FULL', 'the server has no room left'],
  InsufficientStorage: ['STORE_FULL', 'the server has no room left'],
  AbortError: ['STORE_UNAVAILABLE', 'it did not answer in time'],
  TimeoutError: ['STORE_UNAVAILABLE', 'it did not answer in time'],
  SlowDown: ['STORE_UNAVAILABLE', 'it asks to slow down'],
};

/** The HTTP status of an answer that the SDK raised as an error; null when there was no answer. */
export function statusOf(error: unknown): number | null {
  const status = (error as { $metadata?: { httpStatusCode?: unknown } } | null)?.$metadata?.httpStatusCode;
  return typeof status === 'number' ? status : null;
}

export function nameOf(error: unknown): string {
  const { name, Code } = (error ?? {}) as { name?: unknown; Code?: unknown };
  return String(Code ?? name ?? 'unknown');
}

/** The server's time, of an answer that the SDK raised as an error; null when it does not say. */
export function answeredAt(error: unknown): number | null {
  const { headers } = (error as { $response?: { headers?: Record<string, string> } } | null)?.$response ?? {};
  const time = Date.parse(headers?.date ?? '');
  return Number.isNaN(time) ? null : time;
}

/** Turns whatever was raised while `doing` something at `place` into one of our errors. */
export function s3Fault(error: unknown, place: string, doing: string): IndelibleError {
  if (isIndelibleError(error)) return error;
  const status = statusOf(error);
  const [code, meaning] = meaningOf(error, status);
  return new IndelibleError(code, `${place}: ${meaning} (${doing}: ${saying(error, status)})`, {
    details: status === null ? {} : { status },
  });
}

function meaningOf(error: unknown, status: number | null): readonly [ErrorCode, string] {
  const known = BY_NAME[nameOf(error)];
  if (known !== undefined) return known;
  if (status === 403) return ['STORE_READ_ONLY', 'that is not allowed with these credentials'];
  if (status === 507) return ['STORE_FULL', 'the server has no room left'];
  if (status !== null && status < 500) return ['STORE_UNAVAILABLE', 'the server refused'];
  return ['STORE_UNAVAILABLE', status === null ? 'the server cannot be reached' : 'the server failed'];
}

/** What the server said, as far as it did: to a HEAD, and behind some proxies, the status is all there is. */
function saying(error: unknown, status: number | null): string {
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  const text = typeof message === 'string' && message !== '' ? message : String(code ?? '');
  const said = [nameOf(error), text.split('\n', 1)[0]!].filter((words) => !SAYS_NOTHING.test(words));
  const words = status === null ? said : [`HTTP ${status}`, ...said];
  return words.join(' ').slice(0, MESSAGE_LENGTH_MAX);
}
