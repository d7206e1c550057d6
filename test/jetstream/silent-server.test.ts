/** Servers that accept a connection and never say a word of NATS: no connection to them outlives the try. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { parseAddress } from '../../packages/indelible/src/stores/jetstream/address.ts';
import { Connection } from '../../packages/indelible/src/stores/jetstream/connection.ts';
import { loadDriver } from '../../packages/indelible/src/stores/jetstream/driver.ts';
import { openJetStreamStore } from '../../packages/indelible/src/stores/jetstream/jetstream-store.ts';

/** Only a connection that is left open meets this bound. */
const STUCK = { timeout: 20_000 };
const TIMES = { patience_ms: 300, answer_ms: 200, recheck_ms: 1000 };
const INFO = { server_id: 'test', version: '2.10.0', proto: 1, max_payload: 1 << 20, headers: true };

interface Listener {
  readonly host: string;
  /** One for each connection there ever was: resolves when the client has closed it. */
  readonly ends: Promise<unknown>[];
}

async function listen(t: TestContext, greet: (socket: Socket) => void): Promise<Listener> {
  const sockets: Socket[] = [];
  const ends: Promise<unknown>[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    ends.push(once(socket, 'close'));
    socket.on('error', () => {}).resume();
    greet(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, ends };
}

/** As much of a server as it takes to connect. */
function speak(socket: Socket): void {
  socket.write(`INFO ${JSON.stringify(INFO)}\r\n`);
  socket.on('data', (bytes) => {
    if (bytes.includes('PING')) socket.write('PONG\r\n');
  });
}

test('every connection to a server that stays silent is closed when it is given up', STUCK, async (t) => {
  const silent = await listen(t, () => {});
  const url = `nats://${silent.host}/SILENT?replicas=1`;
  await assert.rejects(openJetStreamStore({ url, env: {}, times: TIMES }), (error) => {
    assert.ok(isIndelibleError(error, 'STORE_UNAVAILABLE'), String(error));
    return true;
  });
  assert.ok(silent.ends.length > 1, 'it was tried more than once');
  await Promise.all(silent.ends);
});

test('nor is one left when another server answers', STUCK, async (t) => {
  const silent = await listen(t, () => {});
  const speaking = await listen(t, speak);
  const address = parseAddress(`nats://${silent.host},${speaking.host}/SILENT?replicas=1`);
  const driver = await loadDriver();
  // Servers are tried in any order.
  while (silent.ends.length === 0) {
    const times = { ...TIMES, patience_ms: STUCK.timeout };
    const connection = new Connection({ driver, address, env: {}, times });
    t.after(() => connection.close());
    const { nats } = await connection.repeat(async (link) => link);
    assert.equal(nats.isClosed(), false);
    assert.equal(nats.getServer(), speaking.host);
  }
  await Promise.all(silent.ends);
});
