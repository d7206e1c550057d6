import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChainVerifier, canonicalize, type Event, leafHash, parseRecord } from '@indelible/core';
import fc from 'fast-check';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { openFaultyStore } from '../support/faulty-store.ts';

async function assertIntact(store: LogStore, records: number): Promise<void> {
  const verifier = new ChainVerifier((id) => (id === null ? leafHash : undefined));
  for await (const batch of store.read(0)) verifier.push(batch.bytes, batch.ends, batch.stored_seqs);
  const report = verifier.finish();
  assert.deepEqual(report.findings, []);
  assert.equal(report.records, records);
}

test('a receipt names the durable record', async () => {
  const ledger = await Ledger.open({ store: await openMemoryStore(), name: 'acme.example/test' });
  const receipt = await ledger.record({
    action: 'secret.set',
    resource: { type: 'secret', id: 'db/password' },
  });
  assert.equal(receipt.seq, 1);
  const [stored] = await ledger.get([1]);
  assert.equal(stored?.hash, receipt.hash);
  assert.equal(stored?.record.id, receipt.id);
  assert.equal(stored?.record.recorded_at, receipt.recorded_at);
  assert.equal(stored?.record.ledger, 'acme.example/test');
  assert.equal(stored?.record.actor.type, 'local');
  await ledger.close();
});

test('record 0 carries the configuration', async () => {
  const ledger = await Ledger.open({ store: await openMemoryStore(), name: 'acme.example/test' });
  const [first] = await ledger.get([0]);
  assert.equal(first?.record.action, 'ledger.created');
  assert.equal(first?.record.prev_hash, '0'.repeat(64));
  assert.deepEqual(first?.record.data, {
    config: { format: 1, hash: 'sha-256', keys: [], ledger: 'acme.example/test' },
  });
  await ledger.close();
});

test('a thousand concurrent callers get distinct places in one chain, in few commits', async () => {
  const store = await openMemoryStore();
  const ledger = await Ledger.open({ store });
  const receipts = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => ledger.record({ action: 'test.step', data: { i } })),
  );
  assert.deepEqual(
    receipts.map(({ seq }) => seq),
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
  assert.ok(ledger.stats.commits < 20, `${ledger.stats.commits} commits`);
  await assertIntact(store, 1001);
  await ledger.close();
});

const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((s) => !/[\u0000-\u001f\u007f]/.test(s));
const named = fc.record({ type: text, id: text, name: text }, { requiredKeys: ['type', 'id'] });
const hex = (length: number) =>
  fc
    .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
    .map((s) => `1${s.slice(1)}`);
const event: fc.Arbitrary<Event> = fc.record(
  {
    action: text.filter((s) => !s.startsWith('ledger.')),
    actor: fc.record({ type: text, id: text, on_behalf_of: named }, { requiredKeys: ['type', 'id'] }),
    resource: named,
    related_resources: fc.array(named, { maxLength: 3 }),
    outcome: fc.constantFrom('ok', 'error', 'denied', 'pending'),
    data: fc.jsonValue() as fc.Arbitrary<NonNullable<Event['data']>>,
    correlation_id: hex(32),
    span_id: hex(16),
    occurred_at: fc.constantFrom('2026-11-21T02:14:00Z', '2024-02-29T23:59:59.123456Z'),
    session: fc.record(
      { id: text, agent_id: text, agent_type: text, lineage: fc.array(text, { maxLength: 3 }) },
      { requiredKeys: [] },
    ),
    source: text,
    event_type: text,
    message: fc.string({ unit: 'grapheme' }),
    input_ref: text,
    output_ref: text,
    latency_ms: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
    cost_usd: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
    params_hash: hex(64),
    idempotency_key: fc.uuid(),
  },
  { requiredKeys: ['action'] },
) as fc.Arbitrary<Event>;

test('pitfall 5: what is stored is canonical and says exactly what the caller said', async () => {
  const ledger = await Ledger.open({ store: await openMemoryStore() });
  await fc.assert(
    fc.asyncProperty(event, async (input) => {
      const { seq } = await ledger.record(input);
      const [stored] = await ledger.get([seq]);
      assert.equal(stored!.body, canonicalize(stored!.record), 'the bytes are the RFC 8785 form');
      for (const [name, value] of Object.entries(input)) {
        const kept =
          name === 'idempotency_key' ? stored!.record.idempotency?.key : stored!.record[name as 'data'];
        assert.equal(canonicalize(kept), canonicalize(value), name);
      }
    }),
    { numRuns: 300 },
  );
  await ledger.close();
});

test('the event is taken as it was at the call, whatever the caller does to it afterwards', async () => {
  const ledger = await Ledger.open({ store: await openMemoryStore() });
  const data = { amount: 1 };
  const waiting = ledger.record({ action: 'test.step', data });
  data.amount = 2;
  const [stored] = await ledger.get([(await waiting).seq]);
  assert.deepEqual(stored!.record.data, { amount: 1 });
  await ledger.close();
});

for (const [name, bad, code] of [
  ['no action', {}, 'EVENT_INVALID'],
  ['an unknown member', { action: 'a', colour: 'red' }, 'EVENT_INVALID'],
  ['an actor without id', { action: 'a', actor: { type: 'user' } }, 'EVENT_INVALID'],
  ['a bad correlation id', { action: 'a', correlation_id: 'XYZ' }, 'EVENT_INVALID'],
  ['February 30th', { action: 'a', occurred_at: '2026-02-30T00:00:00Z' }, 'EVENT_INVALID'],
  ['a control character in the action', { action: 'a\nb' }, 'EVENT_INVALID'],
  ["the ledger's own action", { action: 'ledger.truncated' }, 'EVENT_INVALID'],
  ["the ledger's own actor", { action: 'a', actor: { type: 'service', id: 'indelible' } }, 'EVENT_INVALID'],
  ['an action that is no text', { action: { toString: 1 } }, 'EVENT_INVALID'],
  ['no event', null, 'EVENT_INVALID'],
  ['an actor that is no object', { action: 'a', actor: null }, 'EVENT_INVALID'],
  ['undefined inside data', { action: 'a', data: { b: undefined } }, 'JSON_VALUE'],
  ['NaN', { action: 'a', data: { b: Number.NaN } }, 'JSON_VALUE'],
  ['a lone surrogate', { action: 'a', data: '\ud800' }, 'JSON_LONE_SURROGATE'],
  ['a Date', { action: 'a', data: { at: new Date() } }, 'JSON_VALUE'],
  ['too much data', { action: 'a', data: 'x'.repeat(70_000) }, 'RECORD_TOO_LARGE'],
] as const) {
  test(`bad input changes nothing: ${name}`, async () => {
    const store = await openMemoryStore();
    const ledger = await Ledger.open({ store });
    await assert.rejects(ledger.record(bad as unknown as Event), { code });
    assert.equal((await ledger.record({ action: 'fine' })).seq, 1);
    await assertIntact(store, 2);
    await ledger.close();
  });
}

test('one record too large does not touch the others of its batch', async () => {
  const store = await openMemoryStore();
  const ledger = await Ledger.open({ store });
  const results = await Promise.allSettled([
    ledger.record({ action: 'first' }),
    ledger.record({ action: 'large', data: 'x'.repeat(70_000) }),
    ledger.record({ action: 'last' }),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  await assertIntact(store, 3);
  await ledger.close();
});

for (const fault of ['lost', 'landed'] as const) {
  test(`pitfall 8: a write that ${fault === 'lost' ? 'failed' : 'failed but landed'} never breaks the chain`, async () => {
    const store = await openFaultyStore();
    const ledger = await Ledger.open({ store });
    store.faults.push(fault);
    const broken = ledger.record({ action: 'unlucky' });
    if (fault === 'lost') {
      await assert.rejects(broken, { code: 'STORE_UNAVAILABLE' });
      assert.equal(ledger.stats.fault?.code, 'STORE_UNAVAILABLE');
    } else {
      assert.equal((await broken).seq, 1);
    }
    const next = await ledger.record({ action: 'lucky' });
    assert.equal(next.seq, fault === 'lost' ? 1 : 2);
    assert.equal(ledger.stats.fault, null);
    await assertIntact(store, next.seq + 1);
    await ledger.close();
  });
}

test('two appends in flight: when the first fails, what was sealed behind it is sealed again, in order', async () => {
  const store = await openFaultyStore(2);
  const ledger = await Ledger.open({ store });
  const release = store.hold();
  const appends_before = store.appends;
  const record = (i: number) => ledger.record({ action: 'test.step', data: i });
  // So many that two appends pay, however long the first of this process took.
  const results = Array.from({ length: 600 }, (_, i) => record(i));
  store.faults.push('lost');
  await new Promise(setImmediate);
  release();
  const settled = await Promise.allSettled(results);
  assert.deepEqual(
    settled.map(({ status }) => status),
    results.map((_, i) => (i < 300 ? 'rejected' : 'fulfilled')),
  );
  assert.ok(
    store.appends - appends_before >= 3,
    'the second append was in flight before the first had failed',
  );
  const stored = await ledger.get([1, 2, 300]);
  assert.deepEqual(
    stored.map(({ record }) => record.data),
    [300, 301, 599],
  );
  await assertIntact(store, 301);
  await ledger.close();
});

test('two appends in flight: another writer in between costs no order and no record', async () => {
  const store = await openFaultyStore(2);
  const ledger = await Ledger.open({ store });
  const other = await Ledger.open({ store });
  const release = store.hold();
  const foreign = other.record({ action: 'foreign' });
  await new Promise(setImmediate);
  const receipts = [0, 1, 2, 3, 4, 5].map((i) => ledger.record({ action: 'test.step', data: i }));
  await new Promise(setImmediate);
  release();
  assert.equal((await foreign).seq, 1);
  const seqs = (await Promise.all(receipts)).map(({ seq }) => seq);
  assert.deepEqual(seqs, [2, 3, 4, 5, 6, 7]);
  await assertIntact(store, 8);
  await ledger.close();
});

test('two appends in flight: an event with an idempotency key waits for those before it, and is followed in order', async () => {
  const store = await openFaultyStore(2);
  const ledger = await Ledger.open({ store });
  const receipts = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      ledger.record({
        action: 'test.step',
        data: i % 20,
        ...(i % 3 === 0 && { idempotency_key: `k${i % 20}` }),
      }),
    ),
  );
  const first = receipts.filter(({ duplicate }) => !duplicate);
  assert.deepEqual(
    first.map(({ seq }) => seq),
    first.map((_, i) => i + 1),
  );
  await assertIntact(store, first.length + 1);
  await ledger.close();
});

test('pitfall 8: a fault that also hides the head is survived, and what landed is not doubled on retry', async () => {
  const store = await openFaultyStore();
  const ledger = await Ledger.open({ store });
  store.faults.push('landed');
  store.head_fails = true;
  await assert.rejects(ledger.record({ action: 'pay', idempotency_key: 'k' }), { code: 'STORE_UNAVAILABLE' });
  await assert.rejects(ledger.record({ action: 'pay', idempotency_key: 'k' }), { code: 'STORE_UNAVAILABLE' });
  store.head_fails = false;
  const receipt = await ledger.record({ action: 'pay', idempotency_key: 'k' });
  assert.deepEqual([receipt.seq, receipt.duplicate], [1, true]);
  await assertIntact(store, 2);
  await ledger.close();
});

test('what is recorded verifies, up to the greatest depth; one level more is refused at once', async () => {
  const store = await openMemoryStore();
  const ledger = await Ledger.open({ store });
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
  // The record itself is the outermost of the 64 levels.
  await ledger.record({ action: 'test.deep', data: nested(63) as never });
  await assert.rejects(ledger.record({ action: 'test.deep', data: nested(64) as never }), {
    code: 'JSON_TOO_DEEP',
  });
  await assertIntact(store, 2);
  await ledger.close();
});

test('pitfall 3: a lost race for the head is retried, never dropped', async () => {
  const store = await openMemoryStore();
  const first = await Ledger.open({ store });
  const second = await Ledger.open({ store });
  const receipts = await Promise.all(
    Array.from({ length: 400 }, (_, i) =>
      (i % 2 === 0 ? first : second).record({ action: 'test.step', data: i }),
    ),
  );
  assert.equal(new Set(receipts.map(({ seq }) => seq)).size, 400);
  await assertIntact(store, 401);
  await first.close();
});

test('pitfall 6: records made while the clock runs backwards keep their order and their time does not go back', async () => {
  const store = await openMemoryStore();
  let now = 1_800_000_000_000;
  const ledger = await Ledger.open({ store, clock: () => (now -= 1000) });
  for (let i = 0; i < 5; i++) await ledger.record({ action: 'test.step' });
  await assertIntact(store, 6);
  await ledger.close();
});

test('a restart with a clock that was set back goes on from the last recorded time', async () => {
  const store = await openMemoryStore();
  const early = await Ledger.open({ store, clock: () => 1_800_000_000_000 });
  await early.record({ action: 'before' });
  const late = await Ledger.open({ store, clock: () => 1_700_000_000_000 });
  const receipt = await late.record({ action: 'after' });
  assert.equal(receipt.recorded_at, new Date(1_800_000_000_000).toISOString());
  await assertIntact(store, 3);
});

test('pitfall 7: id and seq are under the hash', async () => {
  const ledger = await Ledger.open({ store: await openMemoryStore() });
  const { seq, hash } = await ledger.record({ action: 'a' });
  const [stored] = await ledger.get([seq]);
  const encoder = new TextEncoder();
  assert.equal(leafHash(encoder.encode(stored!.body)), hash);
  for (const edited of [
    stored!.body.replace(`"seq":${seq}`, '"seq":9'),
    stored!.body.replace(/"id":"0/, '"id":"1'),
  ]) {
    assert.notEqual(edited, stored!.body);
    assert.notEqual(leafHash(encoder.encode(edited)), hash);
    assert.ok(parseRecord(encoder.encode(edited)), 'the edited record would otherwise be fine');
  }
  await ledger.close();
});

test('the backlog has a bound, and says so', async () => {
  const store = await openFaultyStore();
  const ledger = await Ledger.open({ store, backlog_records_max: 10 });
  const open = store.hold();
  const first = ledger.record({ action: 'in flight' });
  await new Promise((resolve) => setImmediate(resolve));
  const waiting = Array.from({ length: 10 }, () => ledger.record({ action: 'waiting' }));
  await assert.rejects(ledger.record({ action: 'too many' }), { code: 'BACKLOG_FULL' });
  open();
  await Promise.all([first, ...waiting]);
  await assertIntact(store, 12);
  await ledger.close();
});

test('best effort never throws into the caller, and every loss is counted and logged', async () => {
  const store = await openFaultyStore();
  const lines: string[] = [];
  const log = { info() {}, warn() {}, error: (_: unknown, message: string) => void lines.push(message) };
  const ledger = await Ledger.open({ store, log, durability: 'best-effort' });
  store.faults.push('lost');
  assert.equal(await ledger.record({ action: 'unlucky' }), null);
  assert.equal(await ledger.record({ action: '' }), null);
  assert.equal(ledger.stats.lost, 2);
  assert.equal(lines.filter((line) => line.includes('best-effort')).length, 2);
  await assert.rejects(ledger.record({ action: '' }, { best_effort: false }), { code: 'EVENT_INVALID' });
  await ledger.close();
});

test('a closed ledger refuses, after finishing what was submitted', async () => {
  const store = await openMemoryStore();
  const ledger = await Ledger.open({ store });
  const last = ledger.record({ action: 'last' });
  await ledger.close();
  assert.equal((await last).seq, 1);
  await assert.rejects(ledger.record({ action: 'late' }), { code: 'LEDGER_CLOSED' });
});

test('pitfall 11: an acknowledged record that vanishes under the running ledger stops it', async () => {
  const store = await openFaultyStore();
  const ledger = await Ledger.open({ store });
  await ledger.record({ action: 'a' });
  const older = await openMemoryStore();
  const rival = await Ledger.open({ store: older });
  store.head = () => older.head();
  store.get = (seqs) => older.get(seqs);
  store.faults.push('lost');
  await assert.rejects(ledger.record({ action: 'b' }), { code: 'STORE_UNAVAILABLE' });
  await assert.rejects(ledger.record({ action: 'c' }), { code: 'LEDGER_DAMAGED' });
  await rival.close();
});
