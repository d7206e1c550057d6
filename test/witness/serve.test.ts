/** The witness behind a real server: limits on what it reads, and an orderly end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EMPTY_ROOT, formatVerifierKey, type IndelibleError } from '@indelible/core';
import { Witness, type WitnessRequest } from '../../packages/indelible/src/witness/handler.ts';
import { originHash, parseKnownLogs } from '../../packages/indelible/src/witness/known-logs.ts';
import { clientOfAddress } from '../../packages/indelible/src/witness/rate.ts';
import { serveWitness, type WitnessServer } from '../../packages/indelible/src/witness/serve.ts';
import { WitnessState } from '../../packages/indelible/src/witness/state.ts';
import { LOG_VKEY, ORIGIN, signerOf } from '../monitor/support/served-log.ts';
import { requestFor } from './support/log.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-serve-'));
const state = new WitnessState(folder);
const witness = new Witness({
  state,
  logs: parseKnownLogs(LOG_VKEY),
  signers: [signerOf('w.example/1', 'ed25519_cosignature', 21)],
});
const clients: string[] = [];
const handle = witness.handle.bind(witness);
witness.handle = (request: WitnessRequest) => {
  clients.push(request.client);
  return handle(request);
};
let server: WitnessServer;
before(async () => {
  server = await serveWitness({ witness, port: 0, trust_proxy: true, request_ms_max: 100 });
});
after(async () => {
  await server.close();
  state.close();
  rmSync(folder, { recursive: true });
});

async function rawConnection(text: string): Promise<{ socket: Socket; answer: Promise<string> }> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(text);
  let got = '';
  socket.on('data', (piece) => (got += piece));
  return { socket, answer: once(socket, 'close').then(() => got) };
}

test('over HTTP: cosigned, refused, asked for, and never to be cached', async () => {
  const post = async (body: string): Promise<Response> =>
    fetch(`${server.url}/add-checkpoint`, { method: 'POST', body });
  const first = await post(await requestFor(0, 5));
  assert.equal(first.status, 200);
  assert.equal(first.headers.get('cache-control'), 'no-store');
  assert.match(await first.text(), /^— w\.example\/1 /);
  const conflict = await post(await requestFor(0, 7));
  assert.deepEqual(
    [conflict.status, conflict.headers.get('content-type'), await conflict.text()],
    [409, 'text/x.tlog.size', '5\n'],
  );
  const seen = await fetch(`${server.url}/${originHash(ORIGIN)}/checkpoint?at=${EMPTY_ROOT}`);
  assert.match(await seen.text(), /^example\.com\/log\n5\n/);
  const head = await fetch(`${server.url}/${originHash(ORIGIN)}/checkpoint`, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [200, '']);
});

test('the client is the last entry of X-Forwarded-For where a proxy is trusted', async () => {
  clients.length = 0;
  await fetch(`${server.url}/`, { headers: { 'x-forwarded-for': 'forged, 192.0.2.7' } });
  await fetch(`${server.url}/`);
  assert.deepEqual(clients, ['192.0.2.7', '127.0.0.1']);
});

test('an IPv6 network counts as one client', () => {
  for (const [address, client] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:2::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['x'.repeat(100), 'x'.repeat(64)],
  ] as const) {
    assert.equal(clientOfAddress(address), client, address);
  }
});

test('too much is refused before it is read, whether announced or not', async () => {
  const announced = await rawConnection(
    'POST /add-checkpoint HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n',
  );
  assert.match(await announced.answer, /^HTTP\/1\.1 413 /);
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  const chunked = await rawConnection(
    `POST /add-checkpoint HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(5)}`,
  );
  assert.match(await chunked.answer, /^HTTP\/1\.1 413 /);
});

test('a request that does not arrive is given up', async () => {
  const headers = await rawConnection('POST /add-checkpoint HTTP/1.1\r\nhost: a\r\n');
  const body = await rawConnection(
    'POST /add-checkpoint HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nold',
  );
  for (const { answer } of [headers, body]) assert.match(await answer, /^(?:HTTP\/1\.1 408 |$)/);
});

test('closing lets an answer under way end, and takes nothing new', async () => {
  let release = (): void => {};
  const slow = new Witness({
    state,
    logs: parseKnownLogs(formatVerifierKey(signerOf('x.example', 'ed25519', 3).key)),
    signers: [signerOf('w.example/1', 'ed25519_cosignature', 21)],
  });
  const arrived = new Promise<void>((resolve) => {
    slow.handle = async () => {
      resolve();
      await new Promise<void>((go) => (release = go));
      return { status: 200, headers: {}, body: 'late\n' };
    };
  });
  const other = await serveWitness({ witness: slow, port: 0 });
  const answer = fetch(`${other.url}/`);
  await arrived;
  const closed = other.close();
  await assert.rejects(fetch(`${other.url}/`));
  release();
  assert.equal(await (await answer).text(), 'late\n');
  await closed;
});

test('a port that is taken has its own error', async () => {
  await assert.rejects(
    serveWitness({ witness, port: Number(new URL(server.url).port) }),
    (error: IndelibleError) => error.code === 'LISTEN_FAILED',
  );
});
