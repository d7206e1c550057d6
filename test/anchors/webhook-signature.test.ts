/** What a receiver accepts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { signWebhook, verifyWebhook } from '../../packages/indelible/src/anchors/webhook/signature.ts';

// The vector that the reference libraries of Standard Webhooks test with.
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const TIMESTAMP = 1614265330;
const BODY = '{"test": 2432232314}';
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
const NOW = TIMESTAMP * 1000;
const HEADERS = { 'webhook-id': ID, 'webhook-timestamp': String(TIMESTAMP), 'webhook-signature': SIGNATURE };

const refused = (headers: Record<string, string | string[] | undefined>, body = BODY, now = NOW) =>
  assert.throws(
    () => verifyWebhook(headers, body, SECRET, now),
    (error) => isIndelibleError(error, 'WEBHOOK_INVALID') && !error.message.includes(SECRET.slice(6)),
    JSON.stringify(headers),
  );

test('the vector of the reference libraries', () => {
  const body = new TextEncoder().encode(BODY);
  assert.deepEqual(signWebhook({ id: ID, timestamp: TIMESTAMP, body }, SECRET), HEADERS);
  const expected = { id: ID, sent_at: '2021-02-25T15:02:10.000Z' };
  assert.deepEqual(verifyWebhook(HEADERS, BODY, SECRET, NOW), expected);
  assert.deepEqual(verifyWebhook(new Headers(HEADERS), body, SECRET, NOW), expected);
  const capitals = Object.fromEntries(
    Object.entries(HEADERS).map(([name, value]) => [name.toUpperCase(), value]),
  );
  assert.deepEqual(verifyWebhook(capitals, BODY, SECRET, NOW), expected);
});

test('one signature among several is enough: secrets are changed without a gap', () => {
  const others = `v1,${'A'.repeat(43)}= v1a,xyz ${SIGNATURE} nonsense`;
  verifyWebhook({ ...HEADERS, 'webhook-signature': others }, BODY, SECRET, NOW);
  refused({ ...HEADERS, 'webhook-signature': `${`v1,${'A'.repeat(43)}= `.repeat(16)}${SIGNATURE}` });
});

test('anything that was not signed with this secret is refused', () => {
  refused(HEADERS, `${BODY} `);
  refused(HEADERS, '');
  refused({ ...HEADERS, 'webhook-id': 'msg_other' });
  refused({ ...HEADERS, 'webhook-id': `${ID}.` });
  refused({ ...HEADERS, 'webhook-timestamp': String(TIMESTAMP + 1) });
  for (const timestamp of ['', '0', ` ${TIMESTAMP}`, `${TIMESTAMP}.0`, '1e9', '-1', `0${TIMESTAMP}`]) {
    refused({ ...HEADERS, 'webhook-timestamp': timestamp });
  }
  for (const signature of [
    '',
    'v1',
    'v1,',
    SIGNATURE.slice(3),
    SIGNATURE.replace('v1', 'v2'),
    SIGNATURE.replace('v1,', 'v1a,'),
    SIGNATURE.slice(0, -1),
    SIGNATURE.replace('g0h', 'g0i'),
    `${SIGNATURE},${SIGNATURE}`,
    'x'.repeat(5000),
  ]) {
    refused({ ...HEADERS, 'webhook-signature': signature });
  }
  for (const name of Object.keys(HEADERS)) {
    refused({ ...HEADERS, [name]: undefined });
    refused({ ...HEADERS, [name]: [SIGNATURE, SIGNATURE] });
    refused({ ...HEADERS, [name.toUpperCase()]: 'twice' });
  }
  const other = 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  assert.throws(() => verifyWebhook(HEADERS, BODY, other, NOW), /no signature was made with this secret/);
});

test('a request of more than five minutes ago, or ahead, is refused', () => {
  for (const seconds of [-300, 300]) verifyWebhook(HEADERS, BODY, SECRET, NOW + seconds * 1000);
  for (const seconds of [-301, 301]) refused(HEADERS, BODY, NOW + seconds * 1000);
  refused(HEADERS, BODY, Date.now());
});
