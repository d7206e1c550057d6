/** Two writers and more: one head, one chain, whatever gets lost on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import {
  type SampleLine,
  sampleBatch,
  sampleLines,
} from '../../packages/indelible/src/stores/conformance.ts';
import type { Head, LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { S3Proxy } from '../support/s3-proxy.ts';
import {
  type Buckets,
  Hand,
  lockedUrl,
  newPrefix,
  openStore,
  plainUrl,
  rejectsWith,
  startConditional,
  url,
} from './support.ts';

const headOf = (lines: readonly SampleLine[]): Head | null => {
  const last = lines.at(-1);
  return last === undefined ? null : { seq: last.seq, hash: last.hash };
};

async function stored(store: LogStore): Promise<string> {
  let text = '';
  for await (const { bytes } of store.read(0)) text += Buffer.from(bytes).toString();
  return text;
}

const textOf = (lines: readonly SampleLine[]): string => lines.map(({ text }) => text).join('');
const ROUNDS = Number(process.env.INDELIBLE_S3_ROUNDS ?? 6);

export function races(buckets: () => Buckets): void {
  for (const [name, urlOf] of [
    ['one bucket', plainUrl],
    ['a head bucket', lockedUrl],
  ] as const) {
    test(`${name}: two writers race for ${ROUNDS} heads; each time one wins, and the other learns of it`, async () => {
      const address = urlOf(buckets(), newPrefix());
      const writers = [await openStore(address), await openStore(address)];
      const lines = sampleLines(1);
      await writers[0]!.append(sampleBatch(lines), null);
      await writers[1]!.head();
      const wins = [0, 0];
      for (let round = 0; round < ROUNDS; round++) {
        const rivals = writers.map((_, i) => sampleLines(2, { after: lines.at(-1), note: `${i} ${round}` }));
        const upon = headOf(lines);
        const results = await Promise.allSettled(
          rivals.map((one, i) => writers[i]!.append(sampleBatch(one), upon)),
        );
        const winner = results.findIndex(({ status }) => status === 'fulfilled');
        wins[winner]!++;
        lines.push(...rivals[winner]!);
        const loser = results[1 - winner] as PromiseRejectedResult;
        assert.equal(loser.status, 'rejected', 'one wins');
        assert.ok(isIndelibleError(loser.reason, 'HEAD_MOVED'), String(loser.reason));
        assert.deepEqual(loser.reason.details.head, headOf(lines));
      }
      for (const writer of writers) {
        assert.deepEqual(await writer.head(), headOf(lines));
        assert.equal(await stored(writer), textOf(lines));
      }
      const findings = await writers[0]!.inspect();
      assert.deepEqual(
        findings.filter(({ code, damage }) => damage || code !== 'leftover_file'),
        [],
      );
      // Where the batch itself takes the slot, the loser leaves nothing.
      // Of many, twenty are named, and the rest are counted.
      assert.equal(findings.length, name === 'one bucket' ? 0 : Math.min(ROUNDS, 21));
      for (const writer of writers) await writer.close();
    });
  }

  test('three ledgers on one log record at once: one chain, and every receipt is right', async () => {
    const address = lockedUrl(buckets(), newPrefix());
    const ledgers = [];
    for (let i = 0; i < 3; i++)
      ledgers.push(await Ledger.open({ store: await openStore(address), name: 'race.example' }));
    const each = 40;
    const receipts = await Promise.all(
      ledgers.flatMap((ledger, writer) =>
        Array.from({ length: each }, (_, i) => ledger.record({ action: 'race.step', data: { writer, i } })),
      ),
    );
    assert.equal(new Set(receipts.map(({ seq }) => seq)).size, 3 * each);
    const found = await ledgers[0]!.get(receipts.map(({ seq }) => seq));
    assert.deepEqual(
      found.map(({ hash }) => hash),
      receipts.map(({ hash }) => hash),
    );
    for (const ledger of ledgers) await ledger.close();
    const store = await openStore(address, { read_only: true });
    const report = await verifyLog({ store });
    assert.deepEqual([report.ok, report.records_checked], [true, 3 * each + 1], report.detail);
    await store.close();
  });

  test('two processes begin a ledger at once: there is one', async () => {
    for (const urlOf of [plainUrl, lockedUrl]) {
      const address = urlOf(buckets(), newPrefix());
      const stores = await Promise.all([1, 2, 3].map(() => openStore(address)));
      const results = await Promise.allSettled(
        stores.map((store, i) => {
          // Ledgers that begin with another record, too: there is one first batch.
          const lines = sampleLines(i + 3, { note: `${i}` }).slice(i);
          return store.append(sampleBatch(lines), null);
        }),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      const heads = await Promise.all(stores.map((store) => store.head()));
      assert.deepEqual(heads[1], heads[0]);
      assert.deepEqual(heads[2], heads[0]);
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      assert.equal(await stores[0]!.firstSeq(), winner);
      assert.equal(
        await stored(stores[1]!),
        textOf(sampleLines(winner + 3, { note: `${winner}` }).slice(winner)),
      );
      for (const store of stores) await store.close();
    }
  });

  test('an answer that is lost, and one that never comes: what landed counts, what did not can be appended again', async (t) => {
    const { endpoint } = buckets();
    const proxy = await S3Proxy.start(endpoint);
    t.after(() => proxy.close());
    const prefix = newPrefix();
    const address = lockedUrl({ ...buckets(), endpoint: proxy.endpoint }, prefix);
    const store = await openStore(address, { server: { attempts_max: 2, request_ms_max: 2000 } });
    const lines = sampleLines(10);
    const append = (from: number, to: number) =>
      store.append(sampleBatch(lines.slice(from, to)), headOf(lines.slice(0, from)));
    await append(0, 1);
    // Repeated by the client, and found to be taken by itself.
    proxy.rules = [{ match: /^PUT .*\/head\//, fate: 'answer lost' }];
    await append(1, 2);
    // Given up by the client: the slot tells.
    proxy.rules = [{ match: /^PUT .*\/head\//, fate: 'answer lost', times: 2 }];
    await append(2, 3);
    // The batch is there, its claim is not.
    proxy.rules = [{ match: /^PUT .*\/head\//, fate: 'fails', times: 2 }];
    await rejectsWith('STORE_UNAVAILABLE', () => append(3, 5));
    assert.deepEqual(await store.head(), headOf(lines.slice(0, 3)));
    proxy.rules = [{ match: /^PUT .*\/log\//, fate: 'hangs', times: 2 }];
    const second = append(3, 4);
    const behind = append(4, 5);
    await rejectsWith('STORE_UNAVAILABLE', () => second);
    await rejectsWith('HEAD_MOVED', () => behind);
    // Put twice, the same both times: that is no attempt at anything.
    proxy.rules = [{ match: /^PUT .*\/log\//, fate: 'answer lost' }];
    await append(3, 6);
    // While the head cannot be asked for, nothing is appended.
    proxy.rules = [{ match: /./, fate: 'lost', times: 1000 }];
    await rejectsWith('STORE_UNAVAILABLE', () => append(6, 7));
    await rejectsWith('STORE_UNAVAILABLE', () => store.head());
    proxy.rules = [];
    await append(6, 7);
    assert.equal(await stored(store), textOf(lines.slice(0, 7)));
    const findings = await store.inspect();
    assert.deepEqual([...new Set(findings.map(({ code }) => code))], ['leftover_file']);
    await store.close();
  });

  test('where a server honours conditions in a bucket that keeps versions, the batches take the slots themselves', async (t) => {
    const { locked, client } = buckets();
    const proxy = await startConditional(buckets());
    t.after(() => proxy.close());
    const prefix = newPrefix();
    const address = url(locked, prefix, { endpoint: proxy.endpoint, retention_days: 1 });
    const writers = [await openStore(address), await openStore(address)];
    const lines = sampleLines(1);
    await writers[0]!.append(sampleBatch(lines), null);
    for (let round = 0; round < 4; round++) {
      const rivals = writers.map((_, i) => sampleLines(1, { after: lines.at(-1), note: `${i} ${round}` }));
      const upon = headOf(lines);
      const results = await Promise.allSettled(
        rivals.map((one, i) => writers[i]!.append(sampleBatch(one), upon)),
      );
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      assert.ok(isIndelibleError((results[1 - winner] as PromiseRejectedResult).reason, 'HEAD_MOVED'));
      lines.push(...rivals[winner]!);
    }
    proxy.rules = [{ match: /^PUT .*\/log\//, fate: 'answer lost' }];
    const last = sampleLines(1, { after: lines.at(-1) });
    await writers[0]!.append(sampleBatch(last), headOf(lines));
    lines.push(...last);
    const hand = new Hand(client, locked);
    const objects = await hand.versions(`${prefix}/log/`);
    assert.equal(objects.length, lines.length, 'nothing is put twice');
    for (const { key, version } of objects) assert.equal(await hand.delete(key, version), false);
    assert.deepEqual(await writers[1]!.inspect(), []);
    await hand.put(objects[2]!.key, 'forged');
    await hand.delete(objects[3]!.key);
    assert.equal(await stored(writers[1]!), textOf(lines));
    const cold = await openStore(address, { read_only: true });
    assert.equal(await stored(cold), textOf(lines));
    assert.deepEqual((await cold.inspect()).map(({ code }) => code).sort(), [
      'delete_attempted',
      'overwrite_attempted',
    ]);
    for (const store of [...writers, cold]) await store.close();
  });
}
