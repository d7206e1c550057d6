/** The anchor satisfies the common suite, and is what its server makes it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAnchorUrl } from '../../packages/indelible/src/anchors/anchor-url.ts';
import { runAnchorConformance, sampleCheckpoint } from '../../packages/indelible/src/anchors/conformance.ts';
import type { Anchor } from '../../packages/indelible/src/anchors/contract.ts';
import { openS3Anchor } from '../../packages/indelible/src/anchors/s3/s3-anchor.ts';
import { createAnchors } from '../../packages/indelible/src/compose/anchors.ts';
import { parseS3Url } from '../../packages/indelible/src/s3/place.ts';
import { FULL } from './conformance.ts';
import { type Buckets, Hand, newPrefix, rejectsWith, url } from './support.ts';

const DAY_MS = 86_400_000;
const never = new AbortController().signal;
const open = async (address: string): Promise<Anchor> => (await createAnchors([address], process.env))[0]!;

export function anchors(buckets: () => Buckets): void {
  for (const kind of FULL ? (['locked', 'plain'] as const) : (['locked'] as const)) {
    runAnchorConformance(test, `s3, ${kind}`, async () => {
      const { endpoint, client, ...names } = buckets();
      const prefix = newPrefix();
      const options = kind === 'locked' ? { retention_days: 1 } : { worm: 'off' };
      return {
        open: () => open(url(names[kind], prefix, { endpoint, ...options })),
        kept: async () => JSON.stringify(await new Hand(client, names[kind]).versions(prefix)),
        remove: async () => {},
        secrets: [process.env.AWS_SECRET_ACCESS_KEY!],
      };
    });
  }

  test('an anchored checkpoint outlives those who would have it otherwise', async () => {
    const { endpoint, locked, client } = buckets();
    const prefix = newPrefix();
    const address = url(locked, prefix, { endpoint, retention_days: 1, lock: 'governance' });
    const anchor = await open(address);
    const [first, second] = [sampleCheckpoint(5), sampleCheckpoint(9)];
    const receipt = await anchor.publish(first, never);
    await anchor.publish(second, never);
    const hand = new Hand(client, locked);
    const objects = await hand.versions(prefix);
    await hand.put(objects[0]!.key, sampleCheckpoint(5, { branch: 'fork' }).note);
    assert.equal(await hand.delete(objects[1]!.key), true);
    assert.deepEqual(
      (await anchor.newest!(first.origin))?.checkpoint,
      second,
      'a marker hides nothing from us',
    );
    assert.equal((await anchor.check(receipt, first)).ok, true);
    assert.equal((await anchor.check(receipt, sampleCheckpoint(5, { branch: 'fork' }))).ok, false);
    await rejectsWith('ANCHOR_CONFLICT', () => anchor.publish(sampleCheckpoint(6), never));
    assert.equal(
      await hand.retain(
        objects[0]!.key,
        objects[0]!.version,
        'GOVERNANCE',
        new Date(Date.now() + DAY_MS / 2),
      ),
      true,
    );
    assert.match(
      (await anchor.check(receipt, first)).detail,
      /holds this checkpoint; it was to be retained until/,
    );
    assert.equal(await hand.delete(objects[0]!.key, objects[0]!.version), true);
    await rejectsWith('ANCHOR_CONFLICT', async () => {
      const [, , other] = [1, 2, await anchor.check(receipt, first)];
      assert.equal(other.ok, false);
      await anchor.publish(first, never);
    });
    await anchor.close();
  });

  test('an anchor that cannot be had is no anchor, and says why', async () => {
    const { endpoint, plain, locked } = buckets();
    const publish = async (address: string) => {
      const anchor = await open(address);
      try {
        return await anchor.publish(sampleCheckpoint(1), never);
      } finally {
        await anchor.close();
      }
    };
    await rejectsWith('ANCHOR_CONFIG', () =>
      publish(url(plain, newPrefix(), { endpoint, retention_days: 1 })),
    );
    await rejectsWith('ANCHOR_UNAVAILABLE', () =>
      publish(url('nonesuch', 'x', { endpoint, retention_days: 1 })),
    );
    await rejectsWith('ANCHOR_URL', () => open(url(locked, 'x', { endpoint, head_bucket: plain })));
    assert.equal(parseAnchorUrl(`s3://b1b/a/b?endpoint=${endpoint}#there`).name, 's3:there');
    assert.equal(parseAnchorUrl(`s3://b1b/a/b?endpoint=${endpoint}`).name, 's3:b1b/a/b');
  });

  test('a clock that is behind by more than the retention is named', async () => {
    const { endpoint, locked } = buckets();
    const address = url(locked, newPrefix(), { endpoint, retention_days: 1 });
    const place = parseS3Url(address, 'ANCHOR_CONFIG', { head_bucket: false });
    const anchor = openS3Anchor({ place, name: 'behind', clock: () => Date.now() - 10 * DAY_MS });
    const message = await rejectsWith('ANCHOR_UNAVAILABLE', () => anchor.publish(sampleCheckpoint(5), never));
    assert.match(message, /the clock of this machine is wrong: .* retained until .*, and there it is /);
    await anchor.close();
  });
}
