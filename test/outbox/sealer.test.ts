/** The sealer, over an outbox in memory: everything exactly once and in order, whatever fails and whoever else writes. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { IndelibleError } from '@indelible/core';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { OutboxSealer, type SealerOptions } from '../../packages/indelible/src/outbox/sealer.ts';
import { LEDGER, MemoryOutbox } from './support.ts';

const event = (n: number, more: object = {}) => ({ action: 'order.paid', data: { n }, ...more });

async function started(
  t: TestContext,
  outbox: MemoryOutbox,
  options: Partial<SealerOptions> = {},
): Promise<OutboxSealer> {
  const sealer = new OutboxSealer({ outbox, holder: 'one', ...options });
  t.after(() => sealer.close());
  sealer.start();
  return sealer;
}

const drained = (outbox: MemoryOutbox) => until(() => outbox.rows.size === 0);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

async function numbers(outbox: MemoryOutbox): Promise<number[]> {
  return (await outbox.records()).map(({ data }) => data.n);
}

async function assertIntact(outbox: MemoryOutbox): Promise<void> {
  const report = await verifyLog({ store: outbox.log, workers: 0 });
  assert.equal(report.ok, true, report.detail);
}

const range = (count: number) => Array.from({ length: count }, (_, n) => n);
const unavailable = () => new IndelibleError('STORE_UNAVAILABLE', 'the wire was cut');

test('events are sealed once each, in the order of the outbox, several groups at a time', async (t) => {
  const outbox = await MemoryOutbox.make();
  for (const n of range(5000)) outbox.leave(event(n));
  const sealer = await started(t, outbox);
  await drained(outbox);
  for (const n of range(10)) outbox.leave(event(5000 + n));
  await drained(outbox);
  assert.deepEqual(await numbers(outbox), range(5010));
  assert.equal(outbox.at_once_max, 2);
  assert.equal(sealer.status.sealed, 5010);
  assert.equal(sealer.status.is_leader, true);
  await assertIntact(outbox);
});

test('an event that can never be sealed is set aside with the reason, and keeps nobody waiting', async (t) => {
  const outbox = await MemoryOutbox.make();
  const warnings: object[] = [];
  const bad = [
    [outbox.leave('{"action":'), 'JSON_INVALID'],
    [outbox.leave('null'), 'EVENT_INVALID'],
    [outbox.leave({ data: {} }), 'EVENT_INVALID'],
    [outbox.leave({ action: 'ledger.truncated' }), 'EVENT_INVALID'],
    [outbox.leave({ action: 'x', actor: { type: 'service', id: 'indelible' } }), 'EVENT_INVALID'],
    [outbox.leave(event(0, { data: 'x'.repeat(70_000) })), 'RECORD_TOO_LARGE'],
    [outbox.leave('{"action":"x","data":1e999}'), 'JSON_NUMBER'],
  ];
  outbox.leave(event(1));
  const log = { info() {}, warn: (facts: object) => void warnings.push(facts), error() {} };
  const sealer = await started(t, outbox, { log });
  await drained(outbox);
  assert.deepEqual(
    outbox.refused.map(({ position, code }) => [position, code]).sort(([a], [b]) => Number(a) - Number(b)),
    bad,
  );
  assert.deepEqual(await numbers(outbox), [1]);
  await until(() => sealer.status.refused === bad.length);
  assert.equal(warnings.length, 1);
});

test('only bad events: nothing is appended', async (t) => {
  const outbox = await MemoryOutbox.make();
  outbox.leave(event(0, { data: 'x'.repeat(70_000) }));
  await started(t, outbox);
  await drained(outbox);
  assert.equal(outbox.seals, 0);
  assert.deepEqual(await outbox.records(), []);
});

test('an idempotency key counts once: in the log, in the outbox, and with other content it is refused', async (t) => {
  const outbox = await MemoryOutbox.make();
  const keyed = (n: number, key: string) => event(n, { idempotency_key: key });
  outbox.leave(keyed(1, 'a'));
  const sealer = await started(t, outbox);
  await drained(outbox);
  outbox.leave(keyed(1, 'a'));
  outbox.leave(keyed(2, 'a'));
  outbox.leave(keyed(3, 'b'));
  outbox.leave(keyed(3, 'b'));
  outbox.leave(keyed(4, 'b'));
  await drained(outbox);
  assert.deepEqual(await numbers(outbox), [1, 3]);
  assert.deepEqual(
    outbox.refused.map(({ code }) => code),
    ['IDEMPOTENCY_CONFLICT', 'IDEMPOTENCY_CONFLICT'],
  );
  assert.equal(sealer.status.duplicates, 2);
});

for (const [what, landed] of [
  ['failed and was lost', false],
  ['failed but landed', true],
] as const) {
  test(`a group that ${what}: nothing is lost and nothing is there twice`, async (t) => {
    const outbox = await MemoryOutbox.make();
    let faults = 2;
    const fail = () => {
      if (outbox.seals > 1 && faults-- > 0) throw unavailable();
    };
    if (landed) outbox.after_seal = fail;
    else outbox.before_seal = fail;
    for (const n of range(4000)) outbox.leave(event(n));
    const sealer = await started(t, outbox);
    await drained(outbox);
    assert.deepEqual(await numbers(outbox), range(4000));
    assert.ok(faults < 0, 'the faults happened');
    await until(() => sealer.status.fault === null);
    await assertIntact(outbox);
  });
}

test('other writers append meanwhile: it goes on behind them, in order', async (t) => {
  const outbox = await MemoryOutbox.make();
  const other = await Ledger.open({ store: outbox.log });
  outbox.before_seal = async () => {
    // Two of three groups lose their race.
    if (outbox.seals % 3 !== 0) await other.record(event(-1));
  };
  for (const n of range(3000)) outbox.leave(event(n));
  await started(t, outbox);
  await drained(outbox);
  assert.deepEqual(
    (await numbers(outbox)).filter((n) => n >= 0),
    range(3000),
  );
  await assertIntact(outbox);
});

test('an event that does not fit, in a group that loses its race, is refused once', async (t) => {
  const outbox = await MemoryOutbox.make();
  const other = await Ledger.open({ store: outbox.log });
  let races = 1;
  outbox.before_seal = async () => {
    if (races-- > 0) await other.record(event(-1));
  };
  const bad = outbox.leave(event(0, { data: 'x'.repeat(70_000) }));
  outbox.leave(event(1));
  const sealer = await started(t, outbox);
  await drained(outbox);
  await until(() => sealer.status.refused > 0);
  assert.equal(sealer.status.refused, 1);
  assert.deepEqual(
    outbox.refused.map(({ position, code }) => [position, code]),
    [[bad, 'RECORD_TOO_LARGE']],
  );
  assert.deepEqual(await numbers(outbox), [-1, 1]);
});

test('a key that another writer takes while a group is under way is not there twice', async (t) => {
  const outbox = await MemoryOutbox.make();
  const other = await Ledger.open({ store: outbox.log });
  const contested = event(7, { idempotency_key: 'k' });
  outbox.before_seal = async () => {
    if (outbox.seals === 1) await other.record(contested);
  };
  outbox.leave(contested);
  outbox.leave(event(8));
  await started(t, outbox);
  await drained(outbox);
  assert.deepEqual(await numbers(outbox), [7, 8]);
});

test('a sweep never passes what was there when it began, so that a run is not overtaken', async (t) => {
  const outbox = await MemoryOutbox.make();
  // Number 0 has its place, but its transaction has not committed yet.
  const late = outbox.leave(event(0));
  const text = outbox.rows.get(late)!;
  outbox.rows.delete(late);
  for (const n of range(5000)) outbox.leave(event(1000 + n));
  outbox.before_seal = () => {
    if (outbox.seals !== 1) return;
    // Now it has, and the next of its run comes behind it.
    outbox.rows.set(late, text);
    outbox.leave(event(1));
  };
  await started(t, outbox);
  await drained(outbox);
  const run = (await numbers(outbox)).filter((n) => n < 1000);
  assert.deepEqual(run, [0, 1]);
});

test('one leads; another takes over with what is left, and the first is fenced off', async (t) => {
  const outbox = await MemoryOutbox.make();
  const first = await started(t, outbox);
  for (const n of range(3000)) outbox.leave(event(n));
  outbox.before_seal = () => {
    if (outbox.seals === 2) outbox.depose('two');
  };
  await until(() => first.status.fault?.code === 'OUTBOX_FENCED');
  assert.equal(first.status.is_leader, false);
  assert.ok(outbox.rows.size > 0, 'it sealed nothing more');
  const second = new OutboxSealer({ outbox, holder: 'two' });
  await second.drain(new AbortController().signal);
  await second.close();
  assert.equal(outbox.rows.size, 0);
  assert.deepEqual(await numbers(outbox), range(3000));
  assert.equal(first.status.sealed + second.status.sealed, 3000);
});

test('closing finishes what is under way, leaves the rest, and lets the next one lead at once', async (t) => {
  const outbox = await MemoryOutbox.make();
  for (const n of range(3000)) outbox.leave(event(n));
  const first = await started(t, outbox);
  await until(() => outbox.seals > 0);
  await first.close();
  assert.equal(outbox.holder, '');
  assert.equal((await numbers(outbox)).length, first.status.sealed);
  const second = await started(t, outbox, { holder: 'two' });
  await drained(outbox);
  assert.deepEqual(await numbers(outbox), range(3000));
  assert.equal(second.status.is_leader, true);
});

test('a ledger without a first record, and one whose key is missing: a fault, and the events wait', async (t) => {
  const outbox = await MemoryOutbox.make();
  const head = outbox.log.head;
  outbox.log.head = async () => null;
  const sealer = await started(t, outbox);
  outbox.leave(event(1));
  await until(() => sealer.status.fault !== null);
  assert.equal(sealer.status.fault?.code, 'LEDGER_NOT_FOUND');
  assert.equal(outbox.rows.size, 1);
  outbox.log.head = head;
  await drained(outbox);
  await until(() => sealer.status.fault === null);
  assert.deepEqual(await numbers(outbox), [1]);
  assert.equal(outbox.ledger_name, LEDGER);
});

test('a keyed ledger is sealed with its key', async (t) => {
  const outbox = await MemoryOutbox.make();
  const keys = [{ key_id: 'k1', secret: new Uint8Array(32).fill(7) }];
  const sealer = await started(t, outbox, { keys });
  outbox.leave(event(1));
  await until(() => sealer.status.fault !== null);
  assert.equal(sealer.status.fault?.code, 'KEY_UNEXPECTED');
});
