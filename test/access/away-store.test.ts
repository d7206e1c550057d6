/** A store that is away for long: who follows its tokens says so once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IndelibleError } from '@indelible/core';
import { TokenRegistry } from '../../packages/indelible/src/access/token-registry.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { openTestLedger } from '../http/support.ts';
import { until } from '../transparency/support.ts';

test('while the tokens cannot be read, the log says so once', async (t) => {
  const store = openMemoryStore();
  const ledger = await openTestLedger('test/home', store);
  const told: string[] = [];
  const log = { info() {}, warn() {}, error: (_: unknown, message: string) => void told.push(message) };
  const { waitForAppend } = store;
  const goAway = () => {
    let asked = 0;
    store.waitForAppend = () => {
      asked++;
      return Promise.reject(new IndelibleError('STORE_UNAVAILABLE', 'away'));
    };
    return until('it is asked again and again', () => asked >= 3);
  };
  const registry = await TokenRegistry.open(ledger, { log });
  t.after(async () => {
    store.waitForAppend = waitForAppend;
    await registry.close();
    await ledger.close();
  });
  await registry.issue({ name: 'a', scopes: ['audit:read'] }, { type: 'user', id: 'root' });
  await goAway();
  await registry.issue({ name: 'b', scopes: ['audit:read'] }, { type: 'user', id: 'root' });
  await goAway();
  assert.equal(told.length, 1);
});
