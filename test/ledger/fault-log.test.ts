/** What the log says of an outage: that it began, once, and that it is over, as loudly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { openFaultyStore } from '../support/faulty-store.ts';

test('appends that fail alike are told of once, and that recording works again as loudly', async (t) => {
  const store = await openFaultyStore();
  const told: string[] = [];
  const tell = (level: string) => (_: unknown, message: string) => void told.push(`${level} ${message}`);
  const log = { info: tell('info'), warn: tell('warn'), error: tell('error') };
  const ledger = await Ledger.open({ name: 'test/fault-log', store, log });
  t.after(() => ledger.close());
  const outage = ['error an append failed; its callers were told', 'warn recording works again'];
  for (const _ of outage) {
    store.faults.push('lost', 'lost');
    for (let i = 0; i < 2; i++)
      await assert.rejects(ledger.record({ action: 'a' }), { code: 'STORE_UNAVAILABLE' });
    await ledger.record({ action: 'a' });
  }
  assert.deepEqual(told, [...outage, ...outage]);
});
