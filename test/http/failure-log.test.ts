/** The log during an outage: each kind of failure once a minute, but whatever was not expected each time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IndelibleError } from '@indelible/core';
import { FailureLog } from '../../packages/indelible/src/http/failure-log.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { event, startRig } from './support.ts';

test('a code is told of once a minute, an unexpected error each time', () => {
  let now = 0;
  const told: string[] = [];
  const log = { error: ({ code }: { code: string }) => void told.push(`${now} ${code}`) };
  const failures = new FailureLog(() => now);
  for (const [ms, code] of [
    [0, 'STORE_UNAVAILABLE'],
    [1, 'STORE_UNAVAILABLE'],
    [2, 'STORE_FULL'],
    [3, 'INTERNAL'],
    [4, 'INTERNAL'],
    [59_999, 'STORE_UNAVAILABLE'],
    [60_000, 'STORE_UNAVAILABLE'],
  ] as const) {
    now = ms;
    failures.note(log, new IndelibleError(code, 'away'));
  }
  assert.deepEqual(told, [
    '0 STORE_UNAVAILABLE',
    '2 STORE_FULL',
    '3 INTERNAL',
    '4 INTERNAL',
    '60000 STORE_UNAVAILABLE',
  ]);
});

test('many requests that fail alike leave one line', async (t) => {
  const store = openMemoryStore();
  const rig = await startRig(t, { store });
  const secret = await rig.token();
  const { append } = store;
  store.append = () => Promise.reject(new IndelibleError('STORE_FULL', 'no space'));
  for (let i = 0; i < 5; i++) assert.equal((await rig.post(secret, event('a'))).status, 507);
  store.append = append;
  assert.equal(rig.log.filter((line) => line.includes('request failed')).length, 1);
});
