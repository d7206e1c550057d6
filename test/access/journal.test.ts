/**
 * The journal of access: everything is recorded or counted, and nothing is dropped silently.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IndelibleError } from '@indelible/core';
import { AccessJournal, type Denial, type Read } from '../../packages/indelible/src/access/journal.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { LedgerWriter } from '../../packages/indelible/src/ledger/types.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { recordsOf } from '../http/support.ts';

const ANA = { type: 'api-token', id: 'ana' };

async function openLedger(t: { after(work: () => Promise<void>): void }): Promise<Ledger> {
  const ledger = await Ledger.open({ name: 'test/home', store: openMemoryStore() });
  t.after(() => ledger.close());
  return ledger;
}

/** A writer whose `recordOwn` fails while `broken` says so. */
function faulty(ledger: Ledger): { writer: LedgerWriter; broken: boolean } {
  const state = { writer: ledger as LedgerWriter, broken: true };
  state.writer = new Proxy(ledger as LedgerWriter, {
    get(target, name) {
      if (name === 'recordOwn' && state.broken)
        return () => Promise.reject(new IndelibleError('STORE_FULL', 'disk full'));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return state;
}

const read = (ledger: LedgerWriter): Read => ({
  ledger,
  actor: ANA,
  route: 'GET /v1/records',
  query: { action: 'a' },
  returned: 2,
});
const denial = (id = '203.0.113.5'): Denial => ({
  actor: { type: 'unauthenticated', id },
  route: 'GET /v1/records',
  status: 401,
  reason: 'unknown',
});

test('pitfall 24: a read is durable once `read` resolves, with what was asked and how much came', async (t) => {
  const ledger = await openLedger(t);
  const journal = new AccessJournal(ledger);
  t.after(() => journal.close());
  await journal.read(read(ledger));
  const [record] = await recordsOf(ledger, 'access.read');
  assert.deepEqual(record!.actor, ANA);
  assert.deepEqual(record!.data, { route: 'GET /v1/records', query: { action: 'a' }, returned: 2 });
});

test('a read that cannot be recorded raises, so that nothing is handed out', async (t) => {
  const ledger = await openLedger(t);
  const journal = new AccessJournal(ledger);
  t.after(() => journal.close());
  await assert.rejects(journal.read(read(faulty(ledger).writer)), { code: 'STORE_FULL' });
});

test('grouped reads become one record per token and route, with the count, at the latest on close', async (t) => {
  const ledger = await openLedger(t);
  const journal = new AccessJournal(ledger, { reads: 'grouped' });
  for (let i = 0; i < 5; i++) await journal.read(read(ledger));
  await journal.read({ ...read(ledger), route: 'GET /v1/audit' });
  await journal.read({ ...read(ledger), actor: { type: 'api-token', id: 'ben' } });
  assert.equal((await recordsOf(ledger, 'access.read')).length, 0);
  await journal.close();
  const counts = (await recordsOf(ledger, 'access.read')).map(({ actor, data }) => {
    const { route, count, returned, grouped } = data as Record<string, unknown>;
    return [actor.id, route, count, returned, grouped];
  });
  assert.deepEqual(counts, [
    ['ana', 'GET /v1/records', 5, 10, true],
    ['ana', 'GET /v1/audit', 1, 2, true],
    ['ben', 'GET /v1/records', 1, 2, true],
  ]);
});

test('grouped reads that cannot be written are kept, and written with the next', async (t) => {
  const ledger = await openLedger(t);
  const state = faulty(ledger);
  const journal = new AccessJournal(ledger, { reads: 'grouped' });
  await journal.read(read(state.writer));
  await journal.flush();
  await journal.read(read(state.writer));
  state.broken = false;
  await journal.close();
  const [record, ...more] = await recordsOf(ledger, 'access.read');
  assert.equal((record!.data as { count: number }).count, 2);
  assert.equal(more.length, 0);
});

test('what cannot be written on close is told to the log', async (t) => {
  const ledger = await openLedger(t);
  const said: unknown[] = [];
  const log = {
    info() {},
    warn() {},
    error: (facts: Record<string, unknown>) => void said.push(facts.count),
  };
  const journal = new AccessJournal(ledger, { reads: 'grouped', log });
  for (let i = 0; i < 3; i++) await journal.read(read(faulty(ledger).writer));
  await journal.close();
  assert.ok(said.includes(3));
});

test('the first refusal is recorded at once, a flood as one record with its count', async (t) => {
  const ledger = await openLedger(t);
  const journal = new AccessJournal(ledger);
  for (let i = 0; i < 1000; i++) await journal.denied(denial());
  assert.equal((await recordsOf(ledger, 'access.denied')).length, 1);
  await journal.close();
  const [first, rest, ...more] = await recordsOf(ledger, 'access.denied');
  assert.equal(first!.outcome, 'denied');
  assert.equal((rest!.data as { count: number }).count, 999);
  assert.equal(more.length, 0);
});

test('a flood from many addresses stays bounded, and every refusal is counted', async (t) => {
  const ledger = await openLedger(t);
  const journal = new AccessJournal(ledger);
  for (let i = 0; i < 5000; i++) await journal.denied(denial(`2001:db8::${i.toString(16)}`));
  await journal.close();
  const records = await recordsOf(ledger, 'access.denied');
  assert.ok(records.length <= 101, `${records.length} records`);
  const counted = records.map(({ data }) => (data as { count?: number }).count ?? 1);
  assert.equal(
    counted.reduce((sum, count) => sum + count, 0),
    5000,
  );
});

test('a refusal never raises, and is recorded once the disk takes it', async (t) => {
  const ledger = await openLedger(t);
  const state = faulty(ledger);
  const journal = new AccessJournal(state.writer);
  await journal.denied(denial());
  state.broken = false;
  await journal.close();
  const [record] = await recordsOf(ledger, 'access.denied');
  assert.equal((record!.data as { count: number }).count, 1);
});
