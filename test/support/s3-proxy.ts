/**
 * A proxy in front of an S3 server, for what networks and other servers do: answers that get lost, requests that fail,
 * and conditions that are honoured where the server behind ignores them.
 */
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { S3Credentials } from './s3-server.ts';
import { signAgain } from './s3-signature.ts';

/** What becomes of a request: it never gets there, or it does and nobody hears of it; or the server has trouble. */
export type Fate = 'lost' | 'answer lost' | 'fails' | 'hangs';

export interface Rule {
  /** Method and path, as `PUT /bucket/key`. */
  readonly match: RegExp;
  readonly fate: Fate;
  /** So many requests; default 1. */
  times?: number;
}

/** Whether there is an object at a path, or its ETag. */
type Exists = (path: string) => Promise<boolean | string | null>;

export class S3Proxy {
  readonly #target: URL;
  readonly #server: Server;
  readonly #exists: Exists | null;
  readonly #credentials: S3Credentials | null;
  /** Conditional writes take turns. */
  #turn: Promise<void> = Promise.resolve();
  rules: Rule[] = [];
  /** So many names to a page of a listing at most, as with other servers. It takes credentials. */
  page_max = Number.POSITIVE_INFINITY;
  /** Every request, as method and path without the query. */
  readonly seen: string[] = [];

  /**
   * With `exists` the proxy honours conditions by itself; If-Match, if it tells ETags. With credentials it does not pass
   * them on: some servers refuse what they do not understand.
   */
  static async start(
    target: string,
    exists: Exists | null = null,
    credentials: S3Credentials | null = null,
  ): Promise<S3Proxy> {
    const proxy = new S3Proxy(new URL(target), exists, credentials);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor(target: URL, exists: Exists | null, credentials: S3Credentials | null) {
    this.#target = target;
    this.#exists = exists;
    this.#credentials = credentials;
    this.#server = createServer((incoming, answer) => {
      this.#handle(incoming, answer).catch(() => incoming.socket.destroy());
    });
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const line = `${incoming.method} ${incoming.url?.replace(/\?.*/, '')}`;
    this.seen.push(line);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const rule = this.rules.find((one) => (one.times ?? 1) > 0 && one.match.test(line));
    if (rule !== undefined) rule.times = (rule.times ?? 1) - 1;
    if (rule?.fate === 'hangs') return;
    if (rule?.fate === 'lost') throw new Error('lost');
    if (rule?.fate === 'fails') {
      answer.writeHead(503).end();
      return;
    }
    const { 'if-none-match': none, 'if-match': match } = incoming.headers;
    const writes = incoming.method === 'PUT' || incoming.method === 'DELETE';
    if (this.#exists === null || !writes || (none === undefined && match === undefined))
      return this.#pass(incoming, body, answer, rule?.fate === 'answer lost');
    const path = decodeURIComponent(incoming.url!.replace(/\?.*/, ''));
    this.#turn = this.#turn.then(async () => {
      const there = (await this.#exists!(path)) || null;
      if (match === undefined ? there !== null : there !== match) answer.writeHead(412).end();
      else await this.#pass(incoming, body, answer, rule?.fate === 'answer lost');
    });
    await this.#turn;
  }

  /** As it is passed on. */
  #outgoing({ method, url, headers }: IncomingMessage): { path: string; headers: IncomingHttpHeaders } {
    const conditions = this.#exists === null ? [] : ['if-match', 'if-none-match'];
    const path = withShortPage(url!, this.page_max);
    const same = path === url && !conditions.some((name) => headers[name] !== undefined);
    if (this.#credentials === null || same) return { path: url!, headers };
    const request = { method: method!, url: path, headers: headers as Record<string, string> };
    return { path, headers: signAgain(request, conditions, this.#credentials) };
  }

  /** The host stays as the client wrote it: it is signed. */
  async #pass(incoming: IncomingMessage, body: Buffer, answer: ServerResponse, lose: boolean): Promise<void> {
    const { host, port } = { host: this.#target.hostname, port: this.#target.port };
    const outgoing = request({ host, port, method: incoming.method, ...this.#outgoing(incoming) });
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    if (lose) throw new Error('lost');
    answer.writeHead(response.statusCode!, response.headers).end(Buffer.concat(parts));
  }
}

/** The URL of a listing, asking for a page that is no larger; any other as it is. */
function withShortPage(url: string, page_max: number): string {
  const [path, query = ''] = url.split('?');
  const asked = query.split('&');
  const page = Number(asked.find((one) => one.startsWith('max-keys='))?.slice('max-keys='.length) ?? 1000);
  if (page <= page_max || !asked.some((one) => /^(?:versions|list-type)\b/.test(one))) return url;
  return `${path}?${[...asked.filter((one) => !one.startsWith('max-keys=')), `max-keys=${page_max}`].join('&')}`;
}
