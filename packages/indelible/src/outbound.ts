/**
 * Asking another machine over HTTP: bounded in time and in bytes, and never sent elsewhere by a redirect.
 *
 * Errors:  REMOTE_URL for an address that is not allowed, REMOTE_FAILED for no usable answer. Neither tells secrets.
 */
import { IndelibleError } from '@indelible/core';

/** The `fetch` of Node, or a stand-in for tests. */
export type Fetch = typeof globalThis.fetch;

export interface OutboundRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | string;
  /** For the whole exchange, the last byte of the answer included. */
  readonly timeout_ms: number;
  /** The most that is read of the answer, after decompression. */
  readonly bytes_max: number;
  readonly signal?: AbortSignal;
  readonly fetch?: Fetch;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

/**
 * An address as configured. Without `plain_http`, http is for this machine only. Credentials belong in headers: they
 * would end up in logs.
 */
export function outboundUrl(text: string, options: { readonly plain_http: boolean }): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new IndelibleError('REMOTE_URL', 'an address on the network is an https URL');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new IndelibleError(
      'REMOTE_URL',
      `the address at ${url.host} has credentials, a query or a fragment`,
    );
  }
  if (url.protocol === 'http:' && !options.plain_http && !isLoopback(url.hostname)) {
    throw new IndelibleError('REMOTE_URL', `${url.host} must be asked over https: it is not this machine`);
  }
  return url;
}

/** One exchange. An answer of any status but a redirect is an answer. */
export async function askRemote(url: URL, request: OutboundRequest): Promise<OutboundAnswer> {
  const { method = 'GET', headers = {}, body, timeout_ms, bytes_max, signal } = request;
  const timeout = AbortSignal.timeout(timeout_ms);
  const ended = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  try {
    const response = await (request.fetch ?? fetch)(url, {
      method,
      headers,
      redirect: 'manual',
      signal: ended,
      ...(body === undefined ? {} : { body }),
    });
    if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
      await response.body?.cancel();
      throw failed(url, 'answers with a redirect, which is not followed: give the address itself');
    }
    return {
      status: response.status,
      headers: response.headers,
      bytes: await readAtMost(response, bytes_max, url),
    };
  } catch (error) {
    if (error instanceof IndelibleError) throw error;
    if (timeout.aborted && !signal?.aborted)
      throw failed(url, `did not answer within ${timeout_ms} ms`, error);
    if (ended.aborted) throw failed(url, 'was not waited for any longer', error);
    throw failed(url, `cannot be asked (${reasonOf(error)})`, error);
  }
}

async function readAtMost(response: Response, bytes_max: number, url: URL): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the stream, and with it the connection.
  for await (const piece of response.body ?? []) {
    length += piece.length;
    if (length > bytes_max) throw failed(url, `answers with more than ${bytes_max} bytes`);
    pieces.push(piece);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Whether a host name means this machine, whatever the network says. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown };
  const code = (cause as { readonly code?: unknown } | undefined)?.code;
  if (typeof code === 'string') return code;
  if (cause instanceof Error) return cause.message;
  return error instanceof Error ? error.message : String(error);
}

function failed(url: URL, what: string, cause?: unknown): IndelibleError {
  return new IndelibleError('REMOTE_FAILED', `${url.host} ${what}`, {
    details: { host: url.host },
    ...(cause === undefined ? {} : { cause }),
  });
}
