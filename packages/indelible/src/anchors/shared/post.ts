/**
 * One HTTP POST to somebody else's server, with a limit on everything that it may send back. Follows no redirects and
 * keeps no connection open.
 *
 * Errors:  ANCHOR_UNAVAILABLE with the host alone: paths and queries of such addresses may be secrets.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { IndelibleError } from '@indelible/core';

export interface Post {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** From the first byte sent to the last received. */
  readonly ms_max: number;
  readonly response_bytes_max: number;
}

export interface PostAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
  /** False when there was more than the limit; `body` is then its beginning. */
  readonly complete: boolean;
}

const HEADER_BYTES_MAX = 16 * 1024;

export function post(options: Post, signal: AbortSignal): Promise<PostAnswer> {
  const { url, headers, body, ms_max } = options;
  const { promise, resolve, reject } = Promise.withResolvers<PostAnswer>();
  const late = AbortSignal.timeout(ms_max);
  const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    method: 'POST',
    headers: { ...headers, 'content-length': body.length, 'user-agent': 'indelible' },
    signal: AbortSignal.any([signal, late]),
    agent: false,
    maxHeaderSize: HEADER_BYTES_MAX,
  });
  const fail = (error: unknown) => {
    if (signal.aborted) return reject(signal.reason);
    const code = String((error as { code?: unknown } | null)?.code ?? 'unknown');
    const what = late.aborted ? `did not answer within ${ms_max} ms` : `could not be reached (${code})`;
    // Without the cause: its message may hold the address.
    reject(new IndelibleError('ANCHOR_UNAVAILABLE', `${url.host} ${what}`, { details: { reason: code } }));
  };
  request.on('error', fail);
  request.on('response', (response) => {
    read(response, options.response_bytes_max).then(resolve, fail);
  });
  request.end(body);
  return promise;
}

async function read(response: IncomingMessage, bytes_max: number): Promise<PostAnswer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > bytes_max) break;
  }
  const body = new Uint8Array(Buffer.concat(pieces).subarray(0, bytes_max));
  const { statusCode: status = 0, headers } = response;
  return { status, headers, body, complete: bytes <= bytes_max };
}

/** True for this very machine, where nobody listens in between. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/** Refuses an address that is not https (but on this machine), or that carries a user's name or password. */
export function checkAddress(text: string): URL {
  // Without a host, the parser would take the first part of the path for one.
  const url = /^https?:\/\/[^/\\]/.test(text) && URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url)))) {
    throw new IndelibleError('ANCHOR_URL', 'an address is https://…, or http://… on this machine');
  }
  if (url.username !== '' || url.password !== '') {
    throw new IndelibleError(
      'ANCHOR_URL',
      `the address at ${url.host} must not hold a user name or password`,
    );
  }
  return url;
}
