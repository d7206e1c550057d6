/**
 * A disk that fails under a recording ledger: it says what is wrong, loses nothing acknowledged, and goes on by itself
 * when the disk does. Real files; the faults are injected into the calls that touch them.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { openFileStore } from '../../packages/indelible/src/stores/file/file-store.ts';
import { FAULT_SLOTS } from '../../packages/indelible/src/stores/sqlite/append.ts';
import { openSqliteStore } from '../../packages/indelible/src/stores/sqlite/sqlite-store.ts';
import { failingFileSystem, temporaryFolder } from '../stores/support/file-ledger.ts';

const event = (i: number) => ({ action: 'load.step', data: { i } });

for (const [system, call, code] of [
  ['ENOSPC', 'write', 'STORE_FULL'],
  ['EROFS', 'write', 'STORE_READ_ONLY'],
  ['EACCES', 'write', 'STORE_READ_ONLY'],
  ['EIO', 'write', 'STORE_UNAVAILABLE'],
  ['EIO', 'syncData', 'STORE_UNAVAILABLE'],
] as const) {
  for (const outcome of ['lost', 'landed'] as const) {
    test(`file: ${call} fails with ${system}, its work ${outcome}: ${code}, then recording works again`, async (t) => {
      const faulty = failingFileSystem();
      const store = await openFileStore({ dir: temporaryFolder(t), fs: faulty.fs });
      const ledger = await Ledger.open({ store });
      const acknowledged = [await ledger.record(event(1))];
      faulty.fail(call, system, outcome);
      const results = await Promise.allSettled([ledger.record(event(2)), ledger.record(event(3))]);
      for (const result of results) {
        assert.equal(result.status, 'rejected');
        assert.equal(result.reason.code, code);
        assert.ok(result.reason.remedy.length > 0);
      }
      assert.equal(ledger.stats.fault?.code, code);
      acknowledged.push(await ledger.record(event(4)));
      assert.equal(ledger.stats.fault, null);
      assert.deepEqual(
        acknowledged.map(({ seq }) => seq),
        [1, 2],
      );
      for (const { seq, hash } of acknowledged) assert.equal((await ledger.get([seq]))[0]?.hash, hash);
      assert.equal((await verifyLog({ store })).ok, true);
      await ledger.close();
    });
  }
}

test('sqlite: a full database is STORE_FULL, and recording works again with more space', async (t) => {
  const faults = new SharedArrayBuffer(12);
  const slots = new Int32Array(faults);
  const store = await openSqliteStore({ path: join(temporaryFolder(t), 'ledger.db'), faults });
  const ledger = await Ledger.open({ store });
  const first = await ledger.record(event(1));
  Atomics.store(slots, FAULT_SLOTS.page_count_max, 8);
  const large = { action: 'load.step', data: 'x'.repeat(60_000) };
  await assert.rejects(ledger.record(large), { code: 'STORE_FULL' });
  assert.equal(ledger.stats.fault?.code, 'STORE_FULL');
  Atomics.store(slots, FAULT_SLOTS.page_count_max, 1_000_000);
  const second = await ledger.record(large);
  assert.deepEqual([first.seq, second.seq, ledger.stats.fault], [1, 2, null]);
  assert.equal((await verifyLog({ store })).ok, true);
  await ledger.close();
});

for (const [name, slot, landed] of [
  ['before', FAULT_SLOTS.before_commit, false],
  ['after', FAULT_SLOTS.after_commit, true],
] as const) {
  test(`sqlite: a disk error ${name} the commit ${landed ? 'that landed' : 'that was lost'} never breaks the chain`, async (t) => {
    const faults = new SharedArrayBuffer(12);
    const store = await openSqliteStore({ path: join(temporaryFolder(t), 'ledger.db'), faults });
    const ledger = await Ledger.open({ store });
    Atomics.store(new Int32Array(faults), slot, 1);
    const unlucky = ledger.record(event(1));
    if (landed) assert.equal((await unlucky).seq, 1);
    else await assert.rejects(unlucky, { code: 'STORE_UNAVAILABLE' });
    assert.equal((await ledger.record(event(2))).seq, landed ? 2 : 1);
    assert.equal((await verifyLog({ store })).ok, true);
    await ledger.close();
  });
}
