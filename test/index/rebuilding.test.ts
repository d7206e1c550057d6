/** A ledger in use while another process makes its index anew: nothing is recorded twice, and nothing is overlooked. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { queryRecords } from '../../packages/indelible/src/evidence/query.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { rejectsWith, until } from '../transparency/support.ts';

const PAYMENT = { action: 'payment.sent', idempotency_key: 'order-17' };

/** A ledger that has left the key to its index alone. `hold` keeps the index from being fed until it is released. */
async function openPaid(t: TestContext, index_wait_ms?: number) {
  const index = await openSqliteIndex({ path: ':memory:' });
  const wait = index_wait_ms === undefined ? {} : { index_wait_ms };
  const ledger = await Ledger.open({ store: openMemoryStore(), index, ...wait });
  let release = (): void => {};
  t.after(async () => {
    release();
    await ledger.close();
  });
  const { seq } = await ledger.record(PAYMENT);
  await Promise.all(Array.from({ length: 3000 }, () => ledger.record({ action: 'other' })));
  await until('everything is indexed', () => ledger.stats.index_position === 3002);
  const add = index.add.bind(index);
  const hold = (): void => {
    const { promise, resolve } = Promise.withResolvers<void>();
    release = resolve;
    index.add = async (batch) => {
      await promise;
      return add(batch);
    };
  };
  return { ledger, index, seq, hold, release: () => release() };
}

function isBehind(error: unknown): boolean {
  assert.equal((error as { code?: unknown }).code, 'INDEX_BEHIND');
  return false;
}

test('a key that only the index knew is found while the index is made anew', async (t) => {
  const { ledger, index, seq } = await openPaid(t);
  for (let i = 0; i < 3; i++) {
    await index.reset(0);
    const again = await ledger.record(PAYMENT);
    assert.deepEqual([again.seq, again.duplicate], [seq, true]);
  }
  assert.equal((await ledger.record({ ...PAYMENT, idempotency_key: 'order-18' })).duplicate, undefined);
});

test('a query sees that the index is made anew, and waits for it', async (t) => {
  const { ledger, index, seq } = await openPaid(t);
  await index.reset(0);
  const page = await queryRecords(ledger, { filter: { action: 'payment.sent' } });
  assert.deepEqual(
    page.records.map(({ record }) => record.seq),
    [seq],
  );
});

test('who gives a key and cannot wait is told INDEX_BEHIND; who gives none is recorded', async (t) => {
  const { ledger, index, seq, hold, release } = await openPaid(t, 1);
  hold();
  await index.reset(0);
  const [head, keyed, other] = await Promise.allSettled([
    ledger.record({ action: 'before' }),
    ledger.record(PAYMENT),
    ledger.record({ action: 'after' }),
  ]);
  assert.deepEqual([head.status, keyed.status, other.status], ['fulfilled', 'rejected', 'fulfilled']);
  await rejectsWith('INDEX_BEHIND', () => ledger.record(PAYMENT));
  release();
  await until('the index is there', () =>
    ledger.record(PAYMENT).then((again) => again.seq === seq, isBehind),
  );
});
