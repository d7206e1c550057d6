/** The S3 connector: conformance on a real server, and what buckets have of their own. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import {
  connectorConformance,
  memoryBlobs,
  runConnectorConformance,
} from '../../packages/indelible/src/connectors/conformance.ts';
import type { Connector, EffectContext } from '../../packages/indelible/src/connectors/contract.ts';
import { openS3Connector } from '../../packages/indelible/src/connectors/s3/connector.ts';
import { type S3Place, type S3Places, s3Places } from '../connectors/s3-place.ts';
import { conformanceOptions } from '../connectors/support.ts';
import { S3Proxy } from '../support/s3-proxy.ts';
import type { S3TestServer } from '../support/s3-server.ts';

let places: S3Places;
/** Honours conditions where the server ignores them in buckets with versions. */
let proxy: S3Proxy;
const secrets: Record<string, string> = {};

export function connector(server: () => S3TestServer): void {
  before(async () => {
    places = await s3Places(server());
    secrets.KEY = server().owner.AWS_SECRET_ACCESS_KEY;
    proxy = await S3Proxy.start(server().endpoint, places.etagOf, server().owner);
  });
  after(async () => {
    await proxy.close();
    await places.stop();
  });
  runConnectorConformance(test, 's3 connector', () => places.make(), { ...conformanceOptions(1), secrets });
  // What comparing versions changes.
  const conditional = () => places.make({ endpoint: proxy.endpoint, conditional: true });
  const options = { ...conformanceOptions(1), secrets };
  for (const { name, run } of connectorConformance('s3 connector with conditions', conditional, options))
    if (/after a crash|of two operations/.test(name)) test(name, run);
  ownCases();
}

function contextOf(effect: string): EffectContext {
  return {
    signal: new AbortController().signal,
    blobs: memoryBlobs(),
    secret: async () => secrets.KEY!,
    operation_id: effect,
    effect_key: createHash('sha256').update(effect).digest('hex'),
    fencing_epoch: 1,
    reached: async () => {},
  };
}

async function openPlace(t: { after(undo: () => Promise<void>): void }, place: S3Place): Promise<Connector> {
  const connector = await place.open();
  t.after(() => connector.close());
  return connector;
}

function ownCases(): void {
  test('pitfall 25: the server itself refuses what was planned upon another content', async (t) => {
    const place = await places.make({ endpoint: proxy.endpoint, conditional: true });
    const connector = await openPlace(t, place);
    for (const { action, params } of place.samples) {
      const ctx = contextOf('late');
      const plan = await connector.plan(action, params, ctx);
      const snapshot = await connector.snapshot(plan, ctx);
      let disturbed = '';
      const reached = async (point: string) => {
        if (point !== 'checked') return;
        await place.disturb(plan);
        disturbed = await place.digest();
      };
      await assert.rejects(
        connector.execute(plan, snapshot, { ...ctx, reached }, { commit: true }),
        (error) => isIndelibleError(error, 'TARGET_CHANGED'),
      );
      assert.equal(await place.digest(), disturbed);
    }
  });

  test('pitfall 31: a put whose answer is lost is found by its mark, also when it was put over since', async (t) => {
    const place = await places.make({ endpoint: proxy.endpoint, conditional: false });
    const connector = await openPlace(t, place);
    const ctx = contextOf('lost');
    const { action, params } = place.samples[0]!;
    const plan = await connector.plan(action, params, ctx);
    const snapshot = await connector.snapshot(plan, ctx);
    // Others use the proxy at the same time.
    proxy.rules = [{ match: new RegExp(`^PUT /[a-z]+/${place.prefix}`), fate: 'answer lost' }];
    await assert.rejects(connector.execute(plan, snapshot, ctx, { commit: true }), (error) =>
      isIndelibleError(error, 'CONNECTOR_UNAVAILABLE'),
    );
    await place.disturb(plan);
    const probe = await connector.probe(plan, snapshot, ctx);
    assert.equal(probe.outcome, 'applied');
    assert.equal(probe.execution!.targets[0]!.after!.digest, plan.targets[0]!.after!.digest);
    assert.equal((await connector.execute(plan, snapshot, ctx, { commit: true })).repeated, true);
  });

  test('pitfall 26: an effect that somebody deleted since is not had again', async (t) => {
    const place = await places.make();
    const connector = await openPlace(t, place);
    const ctx = contextOf('deleted');
    const params = { key: `${place.prefix}fresh`, content: 'x' };
    const plan = await connector.plan('put', params, ctx);
    const snapshot = await connector.snapshot(plan, ctx);
    await connector.execute(plan, snapshot, ctx, { commit: true });
    await place.delete('fresh');
    assert.equal((await connector.execute(plan, snapshot, ctx, { commit: true })).repeated, true);
    assert.equal((await connector.probe(plan, snapshot, ctx)).outcome, 'applied');
  });

  test('without the earlier version there is no undo, and that is said before anything is changed', async (t) => {
    const place = await places.make();
    const connector = await openPlace(t, place);
    const ctx = contextOf('expired');
    const { action, params } = place.samples[0]!;
    const plan = await connector.plan(action, params, ctx);
    const snapshot = await connector.snapshot(plan, ctx);
    const done = await connector.execute(plan, snapshot, ctx, { commit: true });
    await place.delete('app.conf', plan.targets[0]!.version!);
    await assert.rejects(connector.planRollback(plan, done, snapshot, ctx), (error) =>
      isIndelibleError(error, 'ROLLBACK_IMPOSSIBLE'),
    );
  });

  test('a bucket without versions, one that is not there, and wrong credentials are refused', async (t) => {
    const place = await places.make();
    const { kind: _, ...config } = place.configuration;
    const cases = [
      [{ ...config, bucket: 'no-such-bucket' }, 'there is no such bucket'],
      [{ ...config, access_key_id: 'nobody' }, 'not known'],
      [{ ...config, access_key_id: places.server.stranger.AWS_ACCESS_KEY_ID }, 'wrong'],
    ] as const;
    for (const [one, message] of cases) {
      const connector = await openS3Connector('files', one);
      t.after(() => connector.close());
      await assert.rejects(
        connector.plan('delete', { key: `${place.prefix}old` }, contextOf('plan')),
        (error) => {
          assert.ok(isIndelibleError(error, 'CONNECTOR_CONFIG'), String(error));
          assert.ok(error.message.includes(message), error.message);
          assert.ok(!error.message.includes(secrets.KEY!));
          return true;
        },
      );
    }
    const connector = await openPlace(t, place);
    await assert.rejects(connector.plan('delete', { key: 'elsewhere' }, contextOf('plan')), (error) =>
      isIndelibleError(error, 'CONNECTOR_PARAMS'),
    );
  });
}
