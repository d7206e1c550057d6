/**
 * A witness behind node:http: reads bounded requests, hands them to the handler, and ends with grace.
 *
 * Plain HTTP: TLS is for the proxy in front. Signatures travel, and no secrets.
 *
 * Errors:  LISTEN_FAILED.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { IndelibleError } from '@indelible/core';
import { ADD_CHECKPOINT_BYTES_MAX, type Witness, type WitnessAnswer } from './handler.ts';
import { clientOfAddress } from './rate.ts';

export interface ServeWitnessOptions {
  readonly witness: Witness;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Take the client's address from the last entry of X-Forwarded-For: only behind a proxy that sets it. */
  readonly trust_proxy?: boolean;
  /** For a whole request to arrive; default 10 s. */
  readonly request_ms_max?: number;
}

export interface WitnessServer {
  readonly url: string;
  /** Takes nothing new, lets what is under way end, and cuts off what has not after a few seconds. */
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 1000;
const CLOSING_MS_MAX = 5000;

/** Listens until it is closed. The state of the witness stays open. */
export async function serveWitness(options: ServeWitnessOptions): Promise<WitnessServer> {
  const { host = '127.0.0.1', port, request_ms_max = 10_000 } = options;
  const server = createServer(
    {
      maxHeaderSize: 8192,
      headersTimeout: request_ms_max,
      requestTimeout: request_ms_max,
      keepAliveTimeout: 60_000,
      connectionsCheckingInterval: Math.min(request_ms_max, 1000),
    },
    (request, response) => void exchange(request, response, server, options),
  );
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, host, port);
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    close: () => close(server),
  };
}

async function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  server: Server,
  { witness, trust_proxy = false }: ServeWitnessOptions,
): Promise<void> {
  const body = await readBody(request);
  if (body === 'gone') return;
  const path = (request.url ?? '').split('?', 1)[0]!;
  const method = request.method ?? '';
  const answer =
    body === 'too_large'
      ? TOO_LARGE
      : await witness.handle({ method, path, body, client: clientOf(request, trust_proxy) });
  const bytes = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    ...answer.headers,
    'content-length': String(bytes.length),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // Where the body was not read to its end the connection cannot be used again; when closing it must not be.
    ...(body === 'too_large' || !server.listening ? { connection: 'close' } : {}),
  });
  response.end(method === 'HEAD' ? undefined : bytes);
}

const TOO_LARGE: WitnessAnswer = {
  status: 413,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: `at most ${ADD_CHECKPOINT_BYTES_MAX} bytes\n`,
};

async function readBody(request: IncomingMessage): Promise<Uint8Array | 'too_large' | 'gone'> {
  if (Number(request.headers['content-length'] ?? 0) > ADD_CHECKPOINT_BYTES_MAX) return 'too_large';
  const pieces: Buffer[] = [];
  let length = 0;
  return new Promise((resolve) => {
    request.on('data', (piece: Buffer) => {
      length += piece.length;
      if (length > ADD_CHECKPOINT_BYTES_MAX) {
        request.pause();
        resolve('too_large');
      } else pieces.push(piece);
    });
    request.on('end', () => resolve(Buffer.concat(pieces)));
    // Broken off or too slow; the server has answered or the client is gone.
    request.on('error', () => resolve('gone'));
    request.on('close', () => resolve('gone'));
  });
}

function clientOf(request: IncomingMessage, trust_proxy: boolean): string {
  const forwarded = request.headers['x-forwarded-for'];
  const last = trust_proxy
    ? String(forwarded ?? '')
        .split(',')
        .at(-1)!
        .trim()
    : '';
  return clientOfAddress(last === '' ? (request.socket.remoteAddress ?? '') : last);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new IndelibleError('LISTEN_FAILED', `cannot listen on ${host}:${port} (${error.code})`));
    });
    server.listen(port, host, resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSING_MS_MAX);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
