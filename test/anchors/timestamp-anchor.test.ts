/** The timestamp anchor and authorities that answer other things than they should. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { sampleCheckpoint } from '../../packages/indelible/src/anchors/conformance.ts';
import { stampedDigest } from '../../packages/indelible/src/anchors/timestamp/check-token.ts';
import { openTimestampAnchor } from '../../packages/indelible/src/anchors/timestamp/timestamp-anchor.ts';
import { integer, sequence, utf8 } from '../support/der.ts';
import { forgeToken, issue, type TokenOrder } from '../support/forge.ts';
import { serve } from './http-server.ts';
import { CLOCK_START, publish } from './support.ts';

const root = issue({ name: 'root' });
const signer = issue({ name: 'authority', issuer: root });
const CHECKPOINT = sampleCheckpoint(41);
const DIGEST = stampedDigest(Buffer.from(CHECKPOINT.note));
const TYPE = 'application/timestamp-reply';

/** Where our queries have the nonce: they are of one length. */
const nonceOf = (query: Buffer): Uint8Array => query.subarray(58, 66);
const granted = (order: Partial<TokenOrder> & { nonce: Uint8Array }, status = 0): Buffer =>
  sequence(sequence(integer(status)), forgeToken({ digest: DIGEST, signer, ...order }));

type Answer = (query: Buffer, response: ServerResponse) => void;
const send =
  (make: (nonce: Uint8Array) => Uint8Array, type = TYPE, status = 200): Answer =>
  (query, response) =>
    response.writeHead(status, { 'content-type': type }).end(make(nonceOf(query)));

async function ask(answer: Answer, clock = CLOCK_START, checkpoint = CHECKPOINT) {
  const server = await serve(({ body }, response) => answer(body, response));
  try {
    const anchor = await openTimestampAnchor({
      url: `${server.url}/tsr`,
      roots: root.pem,
      clock: () => clock,
      retry: { sleep: async () => {} },
    });
    const receipt = await publish(anchor, checkpoint);
    assert.ok((await anchor.check(receipt, checkpoint)).ok);
    return { receipt, received: server.received };
  } finally {
    await server.close();
  }
}

test('a right answer is taken, also one that was granted with modifications', async () => {
  for (const status of [0, 1]) {
    const { receipt, received } = await ask(send((nonce) => granted({ nonce }, status)));
    assert.equal(receipt.anchored_at, '2026-11-21T02:14:00.000Z');
    assert.equal(received[0]?.method, 'POST');
    assert.equal(received[0]?.headers['content-type'], 'application/timestamp-query');
    assert.deepEqual(new Uint8Array(received[0]!.body.subarray(24, 56)), DIGEST);
  }
});

const oldNonce = Uint8Array.from([0x41, 2, 3, 4, 5, 6, 7, 8]);
const REFUSED: readonly [what: string, answer: Answer, message: RegExp, clock?: number][] = [
  ['an old token again', send(() => granted({ nonce: oldNonce })), /another nonce/],
  [
    'a token for something else',
    send((nonce) => granted({ nonce, digest: stampedDigest(Buffer.from('x')) })),
    /something else/,
  ],
  [
    'a token by a stranger',
    send((nonce) =>
      granted({ nonce, signer: issue({ name: 'authority', issuer: issue({ name: 'root' }) }) }),
    ),
    /no root that is trusted/,
  ],
  [
    'a rejection',
    send(() => sequence(sequence(integer(2), sequence(utf8('no\u0007 more'))))),
    /refused \(status 2: no\? more\)/,
  ],
  ['a rejection with a token', send((nonce) => granted({ nonce }, 2)), /refused \(status 2\)/],
  ['waiting, with a token', send((nonce) => granted({ nonce }, 3)), /refused \(status 3\)/],
  ['a status that is none', send((nonce) => granted({ nonce }, 256)), /refused/],
  ['granted, but no token', send(() => sequence(sequence(integer(0)))), /sent none/],
  ['another type', send((nonce) => granted({ nonce }), 'text/html'), /something else than a timestamp/],
  ['nothing', send(() => new Uint8Array()), /malformed|not well-formed/],
  [
    'bytes behind the answer',
    send((nonce) => Buffer.concat([granted({ nonce }), Buffer.alloc(1)])),
    /not well-formed/,
  ],
  ['too much', send(() => new Uint8Array(65 * 1024)), /more than 65536 bytes/],
  [
    'a clock that is ten minutes behind',
    send((nonce) => granted({ nonce })),
    /before it was asked for/,
    CLOCK_START + 600_000,
  ],
  [
    'a clock that is ten minutes ahead',
    send((nonce) => granted({ nonce })),
    /still to come/,
    CLOCK_START - 600_000,
  ],
  ['404', send((nonce) => granted({ nonce }), TYPE, 404), /answered 404/],
];
for (const [what, answer, message, clock] of REFUSED) {
  test(`refused: ${what}`, () =>
    assert.rejects(
      ask(answer, clock),
      (error) => isIndelibleError(error, 'ANCHOR_REFUSED') && message.test(error.message),
    ));
}

test('a token or a note that no record can take is refused', async () => {
  const fat = Array.from({ length: 15 }, (_, i) => issue({ name: 'x'.repeat(1200) + i, issuer: root }));
  const token = send((nonce) => granted({ nonce, certificates: [signer, ...fat] }));
  const refused = (message: RegExp) => (error: unknown) =>
    isIndelibleError(error, 'ANCHOR_REFUSED') && message.test(error.message);
  await assert.rejects(ask(token), refused(/at most 20480 bytes/));
  const own = `\u2014 ${CHECKPOINT.origin} ${Buffer.alloc(24 * 1024, 7).toString('base64')}\n`;
  const note = CHECKPOINT.note + own;
  const answer = send((nonce) => granted({ nonce, digest: stampedDigest(Buffer.from(note)) }));
  await assert.rejects(ask(answer, CLOCK_START, { ...CHECKPOINT, note }), refused(/more than 32768 bytes/));
});

test('roots and addresses that are none are refused at once', async () => {
  const url = 'https://tsa.example/';
  await assert.rejects(openTimestampAnchor({ url, roots: 'none' }), (error) =>
    isIndelibleError(error, 'ANCHOR_CONFIG'),
  );
  for (const other of ['http://tsa.example/', 'https://user:secret@tsa.example/']) {
    await assert.rejects(openTimestampAnchor({ url: other, roots: root.pem }), (error) =>
      isIndelibleError(error, 'ANCHOR_URL'),
    );
  }
});
