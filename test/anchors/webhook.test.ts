/** The webhook anchor, against a real server. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { isIndelibleError, parseJson } from '@indelible/core';
import { runAnchorConformance, sampleCheckpoint } from '../../packages/indelible/src/anchors/conformance.ts';
import { retryAfter } from '../../packages/indelible/src/anchors/shared/retry.ts';
import { verifyWebhook } from '../../packages/indelible/src/anchors/webhook/signature.ts';
import {
  openWebhookAnchor,
  type WebhookAnchorOptions,
} from '../../packages/indelible/src/anchors/webhook/webhook-anchor.ts';
import { type Answer, reply, type Server, serve } from './http-server.ts';
import { CLOCK_START, publish } from './support.ts';

const KEY = Buffer.from('0123456789abcdef0123456789abcdef');
const SECRET = `whsec_${KEY.toString('base64')}`;
const PATH = '/hook/path-secret-1?token=query-secret-2';
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

const ok: Answer = (_, response) => reply(response, 200, 'kept');

async function withServer(answer: Answer, run: (server: Server) => Promise<void>): Promise<void> {
  const server = await serve(answer);
  try {
    await run(server);
  } finally {
    await server.close();
  }
}

/** Never really waits, and tells for how long it was asked to. */
function impatient(server: Server, options: Partial<WebhookAnchorOptions> = {}) {
  const pauses: number[] = [];
  const anchor = openWebhookAnchor({
    url: server.url + PATH,
    secret: SECRET,
    clock: () => CLOCK_START,
    ...options,
    retry: { sleep: async (ms) => pauses.push(ms), ...options.retry },
  });
  return { anchor, pauses };
}

async function fault(promise: Promise<unknown>) {
  const error = await promise.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => error,
  );
  assert.ok(isIndelibleError(error), String(error));
  const shown = `${error.message} ${JSON.stringify(error.details)} ${error.cause} ${error.stack}`;
  for (const secret of ['path-secret-1', 'query-secret-2', SECRET, SECRET.slice(6)]) {
    assert.ok(!shown.includes(secret), `a secret is shown: ${shown}`);
  }
  return error;
}

runAnchorConformance(test, 'webhook', async () => {
  const server = await serve(ok);
  return {
    open: async () => openWebhookAnchor({ url: server.url + PATH, secret: SECRET }),
    kept: async () => server.received.map(({ body }) => body).join('\n'),
    remove: () => server.close(),
    secrets: ['path-secret-1', 'query-secret-2', SECRET],
  };
});

test('it posts the checkpoint with the headers of the specification, and keeps a digest of the answer', () =>
  withServer(ok, async (server) => {
    const checkpoint = sampleCheckpoint(41);
    const { anchor } = impatient(server);
    const { evidence } = await publish(anchor, checkpoint);
    const { method, path, headers, body } = server.received[0]!;
    assert.deepEqual([method, path, headers['content-type']], ['POST', PATH, 'application/json']);
    assert.deepEqual(parseJson(body.toString()), {
      type: 'ledger.checkpoint',
      timestamp: '2026-11-21T02:14:00.000Z',
      data: { note: checkpoint.note, origin: checkpoint.origin, root: checkpoint.root, size: 41 },
    });
    const id = headers['webhook-id'] as string;
    assert.equal(headers['webhook-timestamp'], String(CLOCK_START / 1000));
    // By the letter of the specification, without our code.
    const expected = createHmac('sha256', KEY)
      .update(`${id}.${CLOCK_START / 1000}.${body}`)
      .digest('base64');
    assert.equal(headers['webhook-signature'], `v1,${expected}`);
    assert.deepEqual(verifyWebhook(headers, body, SECRET, CLOCK_START), {
      id,
      sent_at: '2026-11-21T02:14:00.000Z',
    });
    assert.deepEqual(evidence, {
      host: new URL(server.url).host,
      webhook_id: id,
      checkpoint_sha256: sha256(`${checkpoint.note.split('\n\n')[0]}\n`),
      response: { status: 200, sha256: sha256('kept'), bytes: 4, complete: true },
    });
    await publish(anchor, checkpoint);
    assert.equal(server.received[1]?.headers['webhook-id'], id, 'the same message has the same id');
  }));

test('it tries again after a fault of the server, with growing pauses, and signs each attempt anew', () =>
  withServer(
    (_, response, nth) => {
      if (nth === 1) reply(response, 503);
      else if (nth === 2) response.destroy();
      else if (nth === 3) reply(response, 429, '', { 'retry-after': '7' });
      else reply(response, 204);
    },
    async (server) => {
      let now = CLOCK_START;
      const { anchor, pauses } = impatient(server, { clock: () => (now += 1000) });
      await publish(anchor, sampleCheckpoint(3));
      assert.deepEqual(pauses, [1000, 2000, 7000]);
      const sent = server.received.map(({ headers }) => headers);
      assert.equal(new Set(sent.map((headers) => headers['webhook-id'])).size, 1);
      assert.equal(new Set(sent.map((headers) => headers['webhook-timestamp'])).size, 4);
      for (const { headers, body } of server.received) verifyWebhook(headers, body, SECRET, CLOCK_START);
    },
  ));

test('it gives up after four attempts', () =>
  withServer(
    (_, response) => reply(response, 500, 'path-secret-1'),
    async (server) => {
      const { anchor, pauses } = impatient(server);
      assert.equal((await fault(publish(anchor, sampleCheckpoint(3)))).code, 'ANCHOR_UNAVAILABLE');
      assert.deepEqual([server.received.length, pauses], [4, [1000, 2000, 4000]]);
    },
  ));

test('a Retry-After beyond its bound is left to the scheduler', () =>
  withServer(
    (_, response) => reply(response, 503, '', { 'retry-after': '61' }),
    async (server) => {
      const { anchor, pauses } = impatient(server);
      assert.equal((await fault(publish(anchor, sampleCheckpoint(3)))).code, 'ANCHOR_UNAVAILABLE');
      assert.deepEqual([server.received.length, pauses], [1, []]);
    },
  ));

test('Retry-After is seconds or a date, and nothing else', () => {
  const now = Date.parse('2026-11-21T02:14:00Z');
  assert.equal(retryAfter('120', now), 120_000);
  assert.equal(retryAfter('Sat, 21 Nov 2026 02:14:30 GMT', now), 30_000);
  assert.equal(retryAfter('Sat, 21 Nov 2026 02:13:30 GMT', now), 0);
  for (const header of [undefined, '', '-1', 'soon', '1e9x']) assert.equal(retryAfter(header, now), null);
});

for (const status of [301, 302, 307, 308, 400, 401, 404, 410]) {
  test(`an answer of ${status} is final: nothing is repeated, no redirect is followed`, () =>
    withServer(
      (_, response) => reply(response, status, '', { location: '/elsewhere' }),
      async (server) => {
        const { anchor } = impatient(server);
        const error = await fault(publish(anchor, sampleCheckpoint(3)));
        assert.equal(error.code, 'ANCHOR_REFUSED');
        assert.equal(server.received.length, 1);
      },
    ));
}

test('only the beginning of a long answer is read', () =>
  withServer(
    (_, response) => {
      response.writeHead(200);
      // Without an end: whoever reads on never returns.
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    },
    async (server) => {
      const { evidence } = await publish(impatient(server).anchor, sampleCheckpoint(3));
      const { response } = evidence as { response: object };
      assert.deepEqual(response, {
        status: 200,
        sha256: sha256('x'.repeat(65_536)),
        bytes: 65_536,
        complete: false,
      });
    },
  ));

test('a server that does not answer is given up on', () =>
  withServer(
    () => {},
    async (server) => {
      const { anchor } = impatient(server, { ms_max: 20, retry: { attempts_max: 2 } });
      const error = await fault(publish(anchor, sampleCheckpoint(3)));
      assert.equal(error.code, 'ANCHOR_UNAVAILABLE');
      assert.match(error.message, /did not answer within 20 ms/);
    },
  ));

test('giving up ends an attempt under way, and a pause', () =>
  withServer(
    (_, response, nth) => nth > 1 && reply(response, 503),
    async (server) => {
      const controller = new AbortController();
      const { anchor } = impatient(server, {
        retry: {
          sleep: async (_, signal) => {
            controller.abort(new Error('given up'));
            signal.throwIfAborted();
          },
        },
      });
      const waiting = new AbortController();
      const answer = anchor.publish(sampleCheckpoint(3), waiting.signal);
      while (server.received.length === 0) await new Promise(setImmediate);
      waiting.abort(new Error('given up'));
      await assert.rejects(answer, /given up/);
      await assert.rejects(anchor.publish(sampleCheckpoint(3), controller.signal), /given up/);
    },
  ));

test('a server that is not there is ANCHOR_UNAVAILABLE, and its address is not shown', async () => {
  const server = await serve(ok);
  await server.close();
  const { anchor, pauses } = impatient(server);
  const error = await fault(publish(anchor, sampleCheckpoint(3)));
  assert.deepEqual([error.code, pauses.length], ['ANCHOR_UNAVAILABLE', 3]);
});

test('plain http is for this machine alone, and addresses hold no passwords', () => {
  const open = (url: string) => openWebhookAnchor({ url, secret: SECRET });
  for (const url of ['https://a.example/x', 'http://127.0.0.1:1/', 'http://localhost/', 'http://[::1]:8/'])
    open(url);
  for (const url of [
    'http://a.example/',
    'http://127.0.0.1.a.example/',
    'http://128.0.0.1/',
    'ftp://a.example/',
    'nothing',
    'https://user:secret-3@a.example/',
    'https://user@a.example/',
  ]) {
    assert.throws(
      () => open(url),
      (error) => isIndelibleError(error, 'ANCHOR_URL') && !error.message.includes('secret-3'),
      url,
    );
  }
});

test('a secret that is none is refused at once, and not shown', () => {
  const weak = Buffer.alloc(23, 7).toString('base64');
  for (const secret of [
    '',
    'hunter2',
    `whsec_${weak}`,
    `WHSEC_${SECRET.slice(6)}`,
    `${SECRET}=`,
    SECRET.slice(6),
  ]) {
    assert.throws(
      () => openWebhookAnchor({ url: 'https://a.example/', secret }),
      (error) =>
        isIndelibleError(error, 'ANCHOR_CONFIG') && (secret === '' || !error.message.includes(secret)),
      secret,
    );
  }
});
