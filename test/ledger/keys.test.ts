import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';

const secret = (fill: number) => new Uint8Array(32).fill(fill);
const k1 = { key_id: 'k1', secret: secret(1) };
const k2 = { key_id: 'k2', secret: secret(2) };
const k3 = { key_id: 'k3', secret: secret(3) };

async function keyedStore(keys = [k1]) {
  const store = await openMemoryStore();
  const ledger = await Ledger.open({ store, keys });
  await ledger.record({ action: 'a' });
  await ledger.record({ action: 'b' });
  return store;
}

test('a keyed ledger verifies with its key', async () => {
  const store = await keyedStore();
  const report = await verifyLog({ store, keys: [k1] });
  assert.deepEqual([report.ok, report.records_checked], [true, 3]);
  const plain = await openMemoryStore();
  await Ledger.open({ store: plain });
  assert.notEqual((await store.head())!.hash, (await plain.head())!.hash);
});

for (const [name, keys, code] of [
  ['no key', [], 'KEY_REQUIRED'],
  ['another key id', [k2], 'KEY_WRONG'],
  ['another secret under the same id', [{ key_id: 'k1', secret: secret(9) }], 'KEY_WRONG'],
] as const) {
  test(`pitfall 20: ${name} is ${code}, never tampering`, async () => {
    const store = await keyedStore();
    await assert.rejects(Ledger.open({ store, keys }), { code });
    await assert.rejects(verifyLog({ store, keys }), { code });
  });
}

test('a key for a ledger that has none is its own error', async () => {
  const store = await openMemoryStore();
  await Ledger.open({ store });
  await assert.rejects(Ledger.open({ store, keys: [k1] }), { code: 'KEY_UNEXPECTED' });
  await assert.rejects(verifyLog({ store, keys: [k1] }), { code: 'KEY_UNEXPECTED' });
});

test('material under 32 bytes is refused, and the message does not repeat it', async () => {
  const weak = { key_id: 'weak', secret: new TextEncoder().encode('hunter2hunter2') };
  await assert.rejects(
    Ledger.open({ store: await openMemoryStore(), keys: [weak] }),
    (error: Error & { code: string }) => {
      assert.equal(error.code, 'KEY_INVALID');
      assert.doesNotMatch(`${error.message} ${error.stack}`, /hunter2/);
      return true;
    },
  );
});

test('pitfall 12: key rotation keeps history', async () => {
  const store = await keyedStore();
  const rotated = await Ledger.open({ store, keys: [k2, k1] });
  await rotated.record({ action: 'c' });
  const again = await Ledger.open({ store, keys: [k3, k2, k1] });
  await again.record({ action: 'd' });
  const ids = (await again.get([0, 1, 2, 3, 4, 5, 6])).map(
    ({ record }) => `${record.action} ${record.key_id}`,
  );
  assert.deepEqual(ids, [
    'ledger.created k1',
    'a k1',
    'b k1',
    'ledger.key_rotated k1',
    'c k2',
    'ledger.key_rotated k2',
    'd k3',
  ]);
  assert.equal((await verifyLog({ store, keys: [k3, k2, k1] })).ok, true);
  await assert.rejects(verifyLog({ store, keys: [k1] }), { code: 'KEY_UNKNOWN' });
  await assert.rejects(verifyLog({ store, keys: [k3] }), { code: 'KEY_UNKNOWN' });
});

test('a retired key cannot come back into use', async () => {
  const store = await keyedStore();
  const rotated = await Ledger.open({ store, keys: [k2, k1] });
  await rotated.record({ action: 'c' });
  await assert.rejects(Ledger.open({ store, keys: [k1, k2] }), { code: 'KEY_WRONG' });
});

test('a writer that missed a rotation elsewhere stops with its own error', async () => {
  const store = await keyedStore();
  const old = await Ledger.open({ store, keys: [k1] });
  const rotated = await Ledger.open({ store, keys: [k2, k1] });
  await rotated.record({ action: 'c' });
  await assert.rejects(old.record({ action: 'late' }), { code: 'KEY_UNKNOWN' });
  assert.equal((await verifyLog({ store, keys: [k2, k1] })).ok, true);
});

test('reading with a new key announces nothing', async () => {
  const store = await keyedStore();
  const head = await store.head();
  const reader = Object.assign(Object.create(store), {
    read_only: true,
    head: () => store.head(),
    get: (seqs: number[]) => store.get(seqs),
    read: (from: number, to?: number) => store.read(from, to),
    firstSeq: () => store.firstSeq(),
    close: async () => {},
  });
  const ledger = await Ledger.open({ store: reader, keys: [k2, k1] });
  await ledger.close();
  assert.deepEqual(await store.head(), head);
});
