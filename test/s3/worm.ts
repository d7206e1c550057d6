/** Object Lock on a real server: what is refused, what was attempted, what is noticed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { StoreFinding } from '../../packages/indelible/src/stores/contract.ts';
import { FULL } from './conformance.ts';
import {
  type Buckets,
  Hand,
  lockedUrl,
  newPrefix,
  openStore,
  plainUrl,
  recordSteps,
  rejectsWith,
  url,
  verified,
} from './support.ts';

const DAY_MS = 86_400_000;
const codes = (findings: readonly StoreFinding[]): string[] => findings.map(({ code }) => code);

const recorded = (address: string): Promise<void> => recordSteps(address, 'worm');

export function worm(buckets: () => Buckets): void {
  for (const lock of FULL ? (['compliance', 'governance'] as const) : (['compliance'] as const)) {
    test(`${lock}: overwriting and deleting change no record, and the verifier shows what was tried`, async () => {
      const prefix = newPrefix();
      const address = lockedUrl(buckets(), prefix, { lock });
      await recorded(address);
      const hand = new Hand(buckets().client, buckets().locked);
      const objects = await hand.versions(`${prefix}/log/`);
      assert.equal(objects.length, 4);
      if (lock === 'compliance') {
        for (const { key, version } of objects) assert.equal(await hand.delete(key, version), false, key);
        const until = new Date(Date.now() + DAY_MS / 2);
        assert.equal(await hand.retain(objects[0]!.key, objects[0]!.version, 'COMPLIANCE', until), false);
        assert.equal(await hand.retain(objects[0]!.key, objects[0]!.version, 'GOVERNANCE', until), false);
      }
      assert.deepEqual(codes((await verified(address)).store_notes), [], 'what was refused leaves no trace');
      await hand.put(objects[1]!.key, 'forged');
      await hand.put(objects[1]!.key, 'forged again');
      assert.equal(await hand.delete(objects[2]!.key), true, 'a marker is put in front of it');
      assert.equal(await hand.text(objects[1]!.key), 'forged again', 'who asks for the newest gets another');
      const report = await verified(address);
      assert.deepEqual([report.ok, report.records_checked], [true, 4], report.detail);
      assert.deepEqual(
        report.store_notes.map(({ code, damage }) => [code, damage]),
        [
          ['overwrite_attempted', false],
          ['delete_attempted', false],
        ],
      );
      assert.match(report.store_notes[0]!.detail, /overwritten 2 times; its first version is there/);
      // Recording goes on.
      const ledger = await Ledger.open({ store: await openStore(address) });
      assert.equal((await ledger.record({ action: 'worm.after' })).seq, 4);
      await ledger.close();
      assert.equal((await verified(address)).ok, true);
    });
  }

  test('a retention that was shortened is noticed, and an object that was removed under it', async () => {
    const prefix = newPrefix();
    const address = lockedUrl(buckets(), prefix, { lock: 'governance' });
    await recorded(address);
    const hand = new Hand(buckets().client, buckets().locked);
    const objects = await hand.versions(`${prefix}/log/`);
    const { key, version } = objects[2]!;
    assert.equal(await hand.retain(key, version, 'GOVERNANCE', new Date(Date.now() + 2 * DAY_MS)), true);
    assert.equal((await verified(address)).ok, true, 'longer is no damage');
    assert.equal(await hand.retain(key, version, 'GOVERNANCE', new Date(Date.now() + DAY_MS / 2)), true);
    const shortened = await verified(address);
    assert.deepEqual([shortened.ok, shortened.damage, shortened.first_bad_seq], [false, 'store_altered', 2]);
    assert.match(shortened.detail, /was to be retained until .*, which was shortened to /);
    assert.equal(await hand.delete(key, version), true, 'governance can be passed by');
    const removed = await verified(address);
    assert.deepEqual([removed.ok, removed.damage, removed.first_bad_seq], [false, 'segment_missing', 2]);
  });

  test('a legal hold is set, and its lifting noted', async () => {
    const prefix = newPrefix();
    const { endpoint, locked, plain } = buckets();
    const address = url(locked, prefix, { endpoint, head_bucket: plain, legal_hold: 'true' });
    await recorded(address);
    const hand = new Hand(buckets().client, locked);
    const [first] = await hand.versions(`${prefix}/log/`);
    assert.equal(await hand.delete(first!.key, first!.version), false);
    await hand.liftHold(first!.key, first!.version);
    const report = await verified(address);
    assert.deepEqual([report.ok, codes(report.store_notes)], [true, ['lock_weakened']]);
  });

  test('WORM is refused where it is not to be had, and nothing is left behind', async () => {
    const { endpoint, locked, plain, client } = buckets();
    for (const [bucket, options, says] of [
      [plain, {}, /has no Object Lock/],
      [plain, { retention_days: 1 }, /has no Object Lock.*worm=off/],
      [locked, { head_bucket: plain }, /retention_days=/],
    ] as const) {
      const prefix = newPrefix();
      const address = url(bucket, prefix, { endpoint, ...options });
      assert.match(await rejectsWith('STORE_NOT_WORM', () => openStore(address)), says);
      assert.deepEqual(await new Hand(client, bucket).versions(prefix), []);
    }
    const preferred = await openStore(
      url(plain, newPrefix(), { endpoint, worm: 'preferred', retention_days: 1 }),
    );
    assert.deepEqual(await preferred.inspect(), []);
    await preferred.close();
  });

  test('a server that ignores conditions is refused, with the alternatives named', async () => {
    const { endpoint, locked, client } = buckets();
    const prefix = newPrefix();
    const address = url(locked, prefix, { endpoint, retention_days: 1 });
    const message = await rejectsWith('STORE_WITHOUT_CONDITIONS', () => openStore(address));
    assert.match(message, /ignores conditions on writes.*buckets that keep versions/);
    assert.deepEqual(await new Hand(client, locked).versions(prefix), []);
    const other = url(locked, prefix, { endpoint, retention_days: 1, head_bucket: locked });
    await rejectsWith('LEDGER_URL', () => openStore(other));
  });

  test('a head that was set back is noticed before anything is appended, and by the verifier', async () => {
    const prefix = newPrefix();
    const address = lockedUrl(buckets(), prefix);
    await recorded(address);
    const { client, plain, locked } = buckets();
    const heads = new Hand(client, plain);
    const claims = await heads.versions(`${locked}/${prefix}/head/`);
    assert.equal(claims.length, 4);
    const third = await heads.text(claims[2]!.key);
    for (const { key } of claims.slice(1)) await heads.delete(key);
    assert.match(await rejectsWith('LEDGER_DAMAGED', () => openStore(address)), /the head was set back/);
    const report = await verified(address);
    assert.deepEqual([report.ok, report.damage], [false, 'store_altered']);
    assert.match(report.detail, /record 2 was durable: the head was set back/);
    // A claim in the middle that leads elsewhere, and one that is gone.
    await heads.put(claims[1]!.key, third);
    await heads.put(claims[3]!.key, await heads.text(claims[0]!.key));
    const store = await openStore(address, { read_only: true });
    const findings = await store.inspect().catch((error: Error) => error);
    assert.ok(findings instanceof Error && /does not have its form/.test(findings.message));
    await store.close();
    await heads.delete(`${locked}/${prefix}/ledger.json`);
    assert.match(await rejectsWith('LEDGER_DAMAGED', () => openStore(address)), /their head in .* is gone/);
  });

  test('a claim that was changed is found, although nothing is read by it', async () => {
    const prefix = newPrefix();
    const address = lockedUrl(buckets(), prefix);
    await recorded(address);
    const { client, plain, locked } = buckets();
    const heads = new Hand(client, plain);
    const claims = await heads.versions(`${locked}/${prefix}/head/`);
    const text = await heads.text(claims[1]!.key);
    await heads.put(claims[1]!.key, text.replace(/"hash":"../, '"hash":"00'));
    const changed = await verified(address);
    assert.deepEqual([changed.ok, changed.first_bad_seq], [false, 1]);
    assert.match(changed.detail, /claim .* is not what was written/);
    await heads.delete(claims[1]!.key);
    assert.match((await verified(address)).detail, /claim .* is gone/);
  });

  test('the first batch deleted for good is missing, also where nothing keeps versions', async () => {
    const prefix = newPrefix();
    const address = plainUrl(buckets(), prefix);
    await recorded(address);
    const hand = new Hand(buckets().client, buckets().plain);
    const objects = await hand.versions(`${prefix}/log/`);
    await hand.delete(objects[1]!.key);
    const hole = await verified(address);
    assert.deepEqual([hole.damage, hole.first_bad_seq], ['segment_missing', 1]);
    await hand.delete(objects[0]!.key);
    const store = await openStore(address, { read_only: true });
    const [finding] = await store.inspect();
    assert.deepEqual([finding?.code, finding?.seq], ['segment_missing', 0]);
    await store.close();
  });
}
