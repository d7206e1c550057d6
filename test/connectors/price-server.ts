/** A small HTTP interface as a real server: ETags, conditions, idempotency keys, a token. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PriceServer {
  readonly url: string;
  readonly items: Map<string, { body: Record<string, unknown>; revision: number }>;
  /** Requests that changed something. */
  readonly effects: () => number;
  /** The next request that writes is done, but the connection ends before the answer. */
  loseAnswer(): void;
  close(): Promise<void>;
}

export const TOKEN = 'price-server-token-9c1d';

export async function startPriceServer(): Promise<PriceServer> {
  const items: PriceServer['items'] = new Map();
  const answers = new Map<string, number>();
  let revision = 0;
  let effects = 0;
  let losing = false;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const end = (status: number, body?: unknown, headers: Record<string, string> = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(body === undefined ? undefined : JSON.stringify(body));
    };
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return end(401);
    const [, kind, name = ''] = /^\/v1\/(prices|loose|ring)\/([^/?]+)$/.exec(request.url ?? '') ?? [];
    if (kind === undefined) return end(404);
    const key = `${kind}/${decodeURIComponent(name)}`;
    const item = items.get(key);
    const etag = item === undefined ? undefined : `"r${item.revision}"`;
    if (request.method === 'GET') {
      if (item === undefined) return end(404, { error: 'not found' });
      return end(200, item.body, kind === 'prices' ? { etag: etag! } : {});
    }
    const idempotency = request.headers['idempotency-key'] as string | undefined;
    const earlier = idempotency === undefined ? undefined : answers.get(idempotency);
    if (earlier !== undefined) return end(earlier, {}, { 'idempotent-replayed': 'true' });
    const { 'if-match': match, 'if-none-match': noneMatch } = request.headers;
    if (match !== undefined && match !== etag) return end(412);
    if (noneMatch === '*' && item !== undefined) return end(412);
    let status = 200;
    if (request.method === 'DELETE') {
      if (item === undefined) return end(404);
      items.delete(key);
      status = 204;
    } else {
      const sent = JSON.parse(text || '{}') as Record<string, unknown>;
      if (sent.pin !== undefined && request.headers['x-pin'] !== sent.pin) return end(403);
      if (typeof sent.amount === 'number' && sent.amount < 0) return end(422, { error: 'below zero' });
      const body: Record<string, unknown> =
        request.method === 'PATCH' ? { ...item?.body, ...sent } : { ...sent };
      if (kind === 'ring') body.rings = Number(item?.body.rings ?? 0) + 1;
      if (request.method === 'PATCH' && item === undefined) return end(404);
      revision++;
      items.set(key, { body: { ...body, updated_at: `revision ${revision}` }, revision });
    }
    effects++;
    if (idempotency !== undefined) answers.set(idempotency, status);
    if (losing) {
      losing = false;
      request.socket.destroy();
      return;
    }
    end(status);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.writeHead(500);
      response.end(String(error));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    items,
    effects: () => effects,
    loseAnswer: () => {
      losing = true;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
