/**
 * Delete markers where the batches take the slots themselves, in a bucket that keeps versions. Whoever may delete can
 * put them, lock or no lock, and a server like AWS takes a marked name for an absent one: nothing may come of it.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { Bucket } from '../../packages/indelible/src/s3/bucket.ts';
import { Server } from '../../packages/indelible/src/s3/client.ts';
import { parseS3Url } from '../../packages/indelible/src/s3/place.ts';
import { digits } from '../../packages/indelible/src/stores/s3/layout.ts';
import { listedSlots } from '../../packages/indelible/src/stores/s3/listed-slots.ts';
import { S3Proxy } from '../support/s3-proxy.ts';
import {
  type Buckets,
  Hand,
  lockedUrl,
  newPrefix,
  openStore,
  rejectsWith,
  startConditional,
  url,
} from './support.ts';

export function markers(buckets: () => Buckets): void {
  /** A ledger of four records, an object each, that nobody has open. */
  async function recorded(t: TestContext) {
    const proxy = await startConditional(buckets());
    t.after(() => proxy.close());
    const { client, locked } = buckets();
    const prefix = newPrefix();
    const address = url(locked, prefix, { endpoint: proxy.endpoint, retention_days: 1 });
    const open = async () => Ledger.open({ store: await openStore(address), name: 'acme.example/markers' });
    const ledger = await open();
    for (let i = 0; i < 3; i++) await ledger.record({ action: 'marker.step', data: { i } });
    await ledger.close();
    const hand = new Hand(client, locked);
    const hide = (slot: number) => hand.delete(`${prefix}/log/${digits(slot)}`);
    /** What somebody sees who comes now. */
    const seen = async (seqs: readonly number[] = []) => {
      const store = await openStore(address, { read_only: true });
      const report = await verifyLog({ store });
      const got = await store.get(seqs);
      await store.close();
      const codes = [...new Set(report.store_notes.map(({ code }) => code))];
      return { ok: report.ok, records: report.records_checked, codes, got: got.map(({ seq }) => seq) };
    };
    return { proxy, prefix, address, open, hand, hide, seen };
  }
  const DELETED = ['delete_attempted'];

  test('a marker upon the newest batch: it is read, and the next one follows it', async (t) => {
    const { open, hide, seen } = await recorded(t);
    assert.equal(await hide(3), true, 'no lock forbids a marker');
    assert.deepEqual(await seen([3]), { ok: true, records: 4, codes: DELETED, got: [3] });
    const ledger = await open();
    assert.equal((await ledger.record({ action: 'marker.after' })).seq, 4);
    await ledger.close();
    assert.deepEqual(await seen([3, 4]), { ok: true, records: 5, codes: DELETED, got: [3, 4] });
  });

  test('two writers and a marker upon what one of them appended: there is one head, and nothing is lost', async (t) => {
    const { open, hide, seen } = await recorded(t);
    const [one, two] = [await open(), await open()];
    await one.record({ action: 'marker.one' });
    const acknowledged = await two.record({ action: 'marker.two' });
    assert.equal(await hide(acknowledged.seq), true);
    assert.equal((await one.record({ action: 'marker.three' })).seq, acknowledged.seq + 1);
    const [found] = await one.get([acknowledged.seq]);
    assert.equal(found?.hash, acknowledged.hash);
    await one.close();
    await two.close();
    const codes = [...DELETED, 'overwrite_attempted'];
    assert.deepEqual(await seen(), { ok: true, records: acknowledged.seq + 2, codes, got: [] });
  });

  test('markers upon batches in the middle, and of names that never were, hide nothing', async (t) => {
    const { open, hide, seen } = await recorded(t);
    for (const slot of [0, 2, 9999]) assert.equal(await hide(slot), true);
    assert.deepEqual(await seen([0, 1, 2, 3]), { ok: true, records: 4, codes: DELETED, got: [0, 1, 2, 3] });
    const ledger = await open();
    assert.equal((await ledger.record({ action: 'marker.after' })).seq, 4);
    await ledger.close();
  });

  test('slots are listed on, behind any number of markers and of versions', async (t) => {
    const { address, hand, hide, prefix } = await recorded(t);
    const log = `${prefix}/log/`;
    for (let i = 0; i < 4; i++) await hand.delete(`${log}${digits(1)}~${i}`);
    for (let i = 0; i < 3; i++) await hide(2);
    const place = parseS3Url(address, 'LEDGER_URL', { head_bucket: true });
    const server = await Server.connect(place);
    t.after(() => server.close());
    const bucket = await Bucket.open(server, place.bucket);
    assert.deepEqual(await listedSlots(bucket, log, -1, 1), { slots: [0], more: true });
    assert.deepEqual(await listedSlots(bucket, log, 0, 2), { slots: [1, 2], more: true });
    assert.deepEqual(await listedSlots(bucket, log, 1, 1), { slots: [2], more: true });
    assert.deepEqual(await listedSlots(bucket, log, 1, 2), { slots: [2, 3], more: false });
    assert.deepEqual(await listedSlots(bucket, log, 3, 1), { slots: [], more: false });
  });

  test('a marker upon ledger.json is no sign of a server that ignores conditions', async (t) => {
    const { hand, prefix, open, seen } = await recorded(t);
    assert.equal(await hand.delete(`${prefix}/ledger.json`), true);
    const ledger = await open();
    assert.equal((await ledger.record({ action: 'marker.after' })).seq, 4);
    await ledger.close();
    assert.deepEqual(await seen(), { ok: true, records: 5, codes: DELETED, got: [] });
  });

  test('a head in another bucket that was set back is noticed behind any number of markers', async (t) => {
    const { client, locked, plain, endpoint } = buckets();
    const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = process.env;
    const proxy = await S3Proxy.start(endpoint, null, { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY });
    t.after(() => proxy.close());
    const prefix = newPrefix();
    const address = lockedUrl({ ...buckets(), endpoint: proxy.endpoint }, prefix);
    const ledger = await Ledger.open({ store: await openStore(address), name: 'acme.example/markers' });
    for (let i = 0; i < 3; i++) await ledger.record({ action: 'marker.step', data: { i } });
    await ledger.close();
    const heads = new Hand(client, plain);
    const claims = await heads.versions(`${locked}/${prefix}/head/`);
    for (const { key } of claims.slice(2)) await heads.delete(key);
    const hand = new Hand(client, locked);
    proxy.page_max = 3;
    for (let i = 0; i <= proxy.page_max; i++) await hand.delete(`${prefix}/log/${digits(1)}~${i}`);
    assert.match(await rejectsWith('LEDGER_DAMAGED', () => openStore(address)), /the head was set back/);
  });

  test('an append takes one request more than where there are no versions', async (t) => {
    const { open, proxy } = await recorded(t);
    const ledger = await open();
    await ledger.record({ action: 'marker.one' });
    const before = proxy.seen.length;
    await ledger.record({ action: 'marker.two' });
    assert.deepEqual(
      proxy.seen.slice(before).map((line) => line.replace(/ .*/, '')),
      ['PUT', 'GET'],
    );
    await ledger.close();
  });
}
