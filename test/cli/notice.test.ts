/** Break-glass is announced to a webhook before it runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyWebhook } from '../../packages/indelible/src/anchors/webhook/signature.ts';
import { noticeTo } from '../../packages/indelible/src/cli/operation-engine.ts';
import { receiver } from './receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 6).toString('base64')}`;
const NOTICE = {
  operation_id: '01938c2e-0000-7000-8000-000000000001',
  ledger: 'acme.example/prod',
  requester: { type: 'user', id: 'alice' },
  reason: 'the shop is down',
  plan_hash: '0'.repeat(64),
};

test('a notice says which operation, whose and why, and is signed', async (t) => {
  const hook = await receiver(t);
  const env = { INDELIBLE_NOTICE_WEBHOOK: hook.url, INDELIBLE_WEBHOOK_SECRET: SECRET };
  await noticeTo(env)!(NOTICE);
  await noticeTo({ INDELIBLE_NOTICE_WEBHOOK: 'https://other.example/' }, hook.url)!(NOTICE);
  const [signed, plain] = hook.got;
  verifyWebhook(signed!.headers, signed!.body, SECRET);
  const { type, data } = JSON.parse(signed!.body);
  assert.deepEqual([type, data], ['operation.break_glass', NOTICE]);
  assert.equal(plain!.headers['webhook-signature'], undefined, 'no secret, no signature');
});

test('without an address nobody is told; a wrong address or secret is refused at once, a receiver that is not there later', async () => {
  assert.equal(noticeTo({}), null);
  assert.equal(noticeTo({ INDELIBLE_NOTICE_WEBHOOK: '' }), null);
  assert.throws(() => noticeTo({}, 'http://far.example/'), { code: 'REMOTE_URL' });
  assert.throws(() => noticeTo({ INDELIBLE_WEBHOOK_SECRET: 'x' }, 'https://near.example/'), {
    code: 'ANCHOR_CONFIG',
  });
  await assert.rejects(noticeTo({}, 'http://127.0.0.1:9/')!(NOTICE), { code: 'REMOTE_FAILED' });
});
