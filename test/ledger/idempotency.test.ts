import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { canonicalize, type Event } from '@indelible/core';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';

test('a retried append returns the first receipt; other content under the same key is an error', async () => {
  const ledger = await Ledger.open({ store: await openMemoryStore() });
  const event = { action: 'pay', data: { amount: 5 }, idempotency_key: 'order-1' };
  const first = await ledger.record(event);
  const again = await ledger.record({ ...event });
  assert.deepEqual(again, { ...first, duplicate: true });
  await assert.rejects(ledger.record({ ...event, data: { amount: 6 } }), { code: 'IDEMPOTENCY_CONFLICT' });
  assert.equal(ledger.stats.head_seq, 1);
  await ledger.close();
});

const EVERYTHING = {
  action: 'pay',
  actor: { type: 'user', id: 'zoë' },
  resource: { type: 'order', id: '1' },
  related_resources: [{ type: 'account', id: '2' }],
  outcome: 'denied',
  data: { b: 1, a: ['"', null] },
  correlation_id: '0123456789abcdef0123456789abcdef',
  span_id: '0123456789abcdef',
  occurred_at: '2026-11-21T02:14:00Z',
  session: { id: 's' },
  source: 'till',
  event_type: 'payment',
  message: 'too\nmuch',
  input_ref: 'in',
  output_ref: 'out',
  latency_ms: 1.5,
  cost_usd: 0,
  params_hash: 'a'.repeat(64),
  idempotency_key: 'order-1',
} satisfies Required<Event>;

test('what a retry is compared with is the canonical JSON of everything that was sent', async () => {
  const ledger = await Ledger.open({ store: await openMemoryStore() });
  const events: Event[] = [EVERYTHING, { action: 'pay', idempotency_key: 'order-2' }];
  for (const event of events) {
    const { seq } = await ledger.record(event);
    const [stored] = await ledger.get([seq]);
    const digest = createHash('sha256').update(canonicalize(event)).digest('hex');
    assert.deepEqual(stored?.record.idempotency, { digest, key: event.idempotency_key });
  }
  for (const left_out of Object.keys(EVERYTHING)) {
    if (left_out === 'action' || left_out === 'idempotency_key') continue;
    const less = { ...EVERYTHING, [left_out]: undefined };
    await assert.rejects(ledger.record(less), { code: 'IDEMPOTENCY_CONFLICT' }, left_out);
  }
  await ledger.close();
});

test('the same key twice in one batch is one record', async () => {
  const ledger = await Ledger.open({ store: await openMemoryStore() });
  const event = { action: 'pay', idempotency_key: 'order-1' };
  const results = await Promise.allSettled([
    ledger.record(event),
    ledger.record({ ...event }),
    ledger.record({ ...event, action: 'refund' }),
  ]);
  assert.equal(results[0].status === 'fulfilled' && results[0].value.duplicate, undefined);
  assert.equal(results[1].status === 'fulfilled' && results[1].value.duplicate, true);
  assert.equal(results[2].status === 'rejected' && results[2].reason.code, 'IDEMPOTENCY_CONFLICT');
  assert.equal(ledger.stats.head_seq, 1);
  await ledger.close();
});

test('keys survive a restart, indexed or not', async () => {
  const store = await openMemoryStore();
  const before = await Ledger.open({ store });
  const first = await before.record({ action: 'pay', idempotency_key: 'order-1' });
  const unindexed = await Ledger.open({ store });
  assert.equal((await unindexed.record({ action: 'pay', idempotency_key: 'order-1' })).seq, first.seq);

  const index = await openSqliteIndex({ path: ':memory:' });
  const indexed = await Ledger.open({ store, index });
  await indexed.caughtUp();
  assert.equal((await indexed.record({ action: 'pay', idempotency_key: 'order-1' })).seq, first.seq);
  await assert.rejects(indexed.record({ action: 'other', idempotency_key: 'order-1' }), {
    code: 'IDEMPOTENCY_CONFLICT',
  });
  await indexed.close();
});

test('two writers on one store cannot both use a key', async () => {
  const store = await openMemoryStore();
  const one = await Ledger.open({ store });
  const two = await Ledger.open({ store });
  const receipts = await Promise.all(
    [one, two, one, two].map((ledger) => ledger.record({ action: 'pay', idempotency_key: 'order-1' })),
  );
  assert.deepEqual(new Set(receipts.map(({ seq }) => seq)), new Set([1]));
  assert.equal(receipts.filter(({ duplicate }) => duplicate === undefined).length, 1);
  await one.close();
});

test('a key that must be behind a given record is not asked of the index while newer records are remembered', async () => {
  const store = await openMemoryStore();
  const indexed = async () => {
    const index = await openSqliteIndex({ path: ':memory:' });
    let asked = 0;
    const { byIdempotencyKeys } = index;
    Object.assign(index, {
      byIdempotencyKeys: (keys: readonly string[]) => {
        asked++;
        return byIdempotencyKeys(keys);
      },
    });
    return { ledger: await Ledger.open({ store, index }), count: () => asked };
  };
  const { ledger, count } = await indexed();
  const other = await Ledger.open({ store });
  const { seq } = await ledger.recordOwn({ action: 'step', idempotency_key: 'run:0' });
  await other.recordOwn({ action: 'step', idempotency_key: 'run:1' });
  await ledger.caughtUp();
  const before = count();
  const late = { action: 'late', idempotency_key: 'run:1' };
  await assert.rejects(ledger.recordOwn(late, { key_behind: seq }), { code: 'IDEMPOTENCY_CONFLICT' });
  await ledger.recordOwn({ action: 'step', idempotency_key: 'run:2' }, { key_behind: seq });
  assert.equal(count(), before, 'what the other one wrote was learnt on the way');

  await Promise.all(Array.from({ length: 1500 }, () => ledger.record({ action: 'other' })));
  await ledger.caughtUp();
  await assert.rejects(ledger.recordOwn(late, { key_behind: seq }), { code: 'IDEMPOTENCY_CONFLICT' });
  assert.equal(count(), before + 1, 'long ago: the index is asked');
  const reopened = await indexed();
  await reopened.ledger.caughtUp();
  await assert.rejects(reopened.ledger.recordOwn(late, { key_behind: seq }), {
    code: 'IDEMPOTENCY_CONFLICT',
  });
  await Promise.all([ledger, other, reopened.ledger].map((one) => one.close()));
});
