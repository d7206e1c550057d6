/** The HTTP connector: conformance against a real server, and what HTTP has of its own. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { memoryBlobs, runConnectorConformance } from '../../packages/indelible/src/connectors/conformance.ts';
import type { EffectContext } from '../../packages/indelible/src/connectors/contract.ts';
import { httpPlace, PRICE_SECRETS } from './http-place.ts';
import { conformanceOptions } from './support.ts';

runConnectorConformance(test, 'http', httpPlace, { ...conformanceOptions(20), secrets: PRICE_SECRETS });

function contextOf(effect: string): EffectContext {
  return {
    signal: new AbortController().signal,
    blobs: memoryBlobs(),
    secret: async () => PRICE_SECRETS.PRICES,
    operation_id: effect,
    effect_key: createHash('sha256').update(effect).digest('hex'),
    fencing_epoch: 1,
    reached: async () => {},
  };
}

for (const action of ['set-price', 'set-loosely']) {
  test(`pitfall 31: an answer to ${action} that is lost is not taken for a failure: probed, it happened`, async (t) => {
    const place = await httpPlace();
    t.after(() => place.remove());
    const connector = await place.open();
    const ctx = contextOf('lost');
    const plan = await connector.plan(action, { sku: 'apple', amount: 77 }, ctx);
    const snapshot = await connector.snapshot(plan, ctx);
    place.server.loseAnswer();
    await assert.rejects(connector.execute(plan, snapshot, ctx, { commit: true }), (error) =>
      isIndelibleError(error, 'CONNECTOR_UNAVAILABLE'),
    );
    assert.equal((await connector.probe(plan, snapshot, ctx)).outcome, 'applied');
    assert.equal((await connector.execute(plan, snapshot, ctx, { commit: true })).repeated, true);
    assert.equal(place.server.effects(), 1);
  });
}

test('what the server refuses did not happen, and says so', async (t) => {
  const place = await httpPlace();
  t.after(() => place.remove());
  const connector = await place.open();
  const ctx = contextOf('refused');
  const plan = await connector.plan('set-price', { sku: 'apple', amount: -1 }, ctx);
  const snapshot = await connector.snapshot(plan, ctx);
  await assert.rejects(connector.execute(plan, snapshot, ctx, { commit: true }), (error) =>
    isIndelibleError(error, 'TARGET_REFUSED'),
  );
  assert.equal((await connector.probe(plan, snapshot, ctx)).outcome, 'not_applied');
});

test('a parameter cannot lead to another path', async (t) => {
  const place = await httpPlace();
  t.after(() => place.remove());
  const connector = await place.open();
  for (const sku of ['..', '.']) {
    await assert.rejects(connector.plan('set-price', { sku, amount: 1 }, contextOf('plan')), (error) =>
      isIndelibleError(error, 'CONNECTOR_PARAMS'),
    );
  }
  const plan = await connector.plan('set-price', { sku: '../loose/apple?x#y', amount: 1 }, contextOf('plan'));
  assert.equal(plan.targets[0]!.resource.id, 'prices:/prices/..%2Floose%2Fapple%3Fx%23y');
});
