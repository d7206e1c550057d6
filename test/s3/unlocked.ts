/** Records that lie somewhere without their lock: what the permission to pass by GOVERNANCE is good for is said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize } from '@indelible/core';
import type { Bucket } from '../../packages/indelible/src/s3/bucket.ts';
import { Server } from '../../packages/indelible/src/s3/client.ts';
import { parseS3Url } from '../../packages/indelible/src/s3/place.ts';
import { inspectLog } from '../../packages/indelible/src/stores/s3/inspect.ts';
import { batchFacts, batchMetadata } from '../../packages/indelible/src/stores/s3/layout.ts';
import { openLog } from '../../packages/indelible/src/stores/s3/open-log.ts';
import {
  type Buckets,
  Hand,
  lockedUrl,
  newPrefix,
  openStore,
  recordSteps,
  rejectsWith,
  startConditional,
  url,
  verified,
} from './support.ts';

const DAY_MS = 86_400_000;

const recorded = (address: string): Promise<void> => recordSteps(address, 'unlocked');

/** A bucket that does not list this name, as servers may that are slow to. */
function withoutListing(bucket: Bucket, hidden: string): Bucket {
  const names: Bucket['names'] = async function* (options) {
    for await (const page of bucket.names(options)) yield page.filter(({ key }) => key !== hidden);
  };
  const { name, place, versioned } = bucket;
  const head: Bucket['head'] = (...object) => bucket.head(...object);
  const first: Bucket['first'] = (key) => bucket.first(key);
  return { name, place, versioned, head, first, names } as Bucket;
}

export function unlocked(buckets: () => Buckets): void {
  test('a claim that leads to a copy elsewhere, which nothing locks, is damage', async () => {
    const prefix = newPrefix();
    const address = lockedUrl(buckets(), prefix, { lock: 'governance' });
    await recorded(address);
    const { client, plain, locked } = buckets();
    const [hand, heads] = [new Hand(client, locked), new Hand(client, plain)];
    const { key, version } = (await hand.versions(`${prefix}/log/`))[2]!;
    const spare = `${prefix}/spare`;
    await hand.put(spare, await hand.text(key));
    const [copy] = await hand.versions(spare);
    assert.equal(await hand.delete(key, version), true);
    const claim = (await heads.versions(`${locked}/${prefix}/head/`))[2]!;
    const said = JSON.parse(await heads.text(claim.key));
    await heads.put(claim.key, `${canonicalize({ ...said, key: spare, version_id: copy!.version })}\n`);
    const report = await verified(address);
    assert.equal(report.ok, false, report.detail);
    const store = await openStore(address, { read_only: true });
    await rejectsWith('LEDGER_DAMAGED', () => store.get([2]));
    await store.close();
  });

  test('the lock of a batch is looked at also where the server does not list it', async (t) => {
    const prefix = newPrefix();
    const address = lockedUrl(buckets(), prefix, { lock: 'governance' });
    await recorded(address);
    const hand = new Hand(buckets().client, buckets().locked);
    const { key, version } = (await hand.versions(`${prefix}/log/`))[2]!;
    const place = parseS3Url(address, 'LEDGER_URL', { head_bucket: true });
    const server = await Server.connect(place);
    t.after(() => server.close());
    const log = await openLog({ place, server, read_only: true, create: false, clock: Date.now });
    const inspect = () =>
      inspectLog({ ...log, bucket: withoutListing(log.bucket, key) }, { now: Date.now(), verifier_keys: [] });
    assert.deepEqual(await inspect(), []);
    assert.equal(await hand.retain(key, version, 'GOVERNANCE', new Date(Date.now() + DAY_MS / 2)), true);
    assert.deepEqual(
      (await inspect()).map(({ code, damage, seq }) => [code, damage, seq]),
      [['lock_weakened', true, 2]],
    );
  });

  test('batches of which none is locked any more are noted, where the ledger was made with a lock', async (t) => {
    const { client, locked } = buckets();
    const proxy = await startConditional(buckets());
    t.after(() => proxy.close());
    const prefix = newPrefix();
    const options = { endpoint: proxy.endpoint, retention_days: 1, lock: 'governance' };
    const address = url(locked, prefix, options);
    await recorded(address);
    const hand = new Hand(client, locked);
    const objects = await hand.versions(`${prefix}/log/`);
    for (const { key, version } of objects) {
      const [bytes, metadata] = [await hand.text(key), await hand.metadata(key)];
      assert.equal(await hand.delete(key, version), true);
      await hand.put(key, bytes, batchMetadata(batchFacts(metadata)!));
    }
    const report = await verified(address);
    assert.equal(report.records_checked, 4);
    assert.deepEqual(
      report.store_notes.map(({ code, damage, detail }) => [code, damage, detail]),
      [['not_locked', false, '4 of 4 batches were put without a lock']],
    );
  });
}
