/** After a fault: a server that nobody sends anything, because it is not ready, finds out by itself that it can record again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IndelibleError } from '@indelible/core';
import { RECORDING_RESUMED, ResumeSchedule } from '../../packages/indelible/src/http/resume-schedule.ts';
import { SERVER } from '../../packages/indelible/src/http/served-ledgers.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { event, startRig } from './support.ts';

const NOTICED = 1_800_000_000_000;

test('it is ready again without a request, and the fault is on record, once', async (t) => {
  const store = openMemoryStore();
  const rig = await startRig(t, { store });
  const secret = await rig.token();
  const timers: { ms: number; run: () => void }[] = [];
  const schedule = new ResumeSchedule({
    ledgers: rig.ledgers,
    actor: SERVER,
    every_ms: 5000,
    clock: () => NOTICED,
    timers: { set: (ms, run) => timers.push({ ms, run }), clear: () => {} },
  });
  t.after(() => schedule.close());
  schedule.start();
  assert.equal(timers[0]!.ms, 5000);
  const isReady = async () => (await rig.call('/readyz', null)).ok;
  await schedule.run();
  assert.deepEqual(await rig.records(RECORDING_RESUMED), [], 'nothing to say while all is well');

  const { append, head } = store;
  let tried = 0;
  store.append = () => {
    tried++;
    return Promise.reject(new IndelibleError('STORE_FULL', 'no space'));
  };
  assert.equal((await rig.post(secret, event('a'))).status, 507);
  await schedule.run();
  assert.deepEqual([tried, await isReady()], [2, false], 'it was tried');
  store.head = () => Promise.reject(new IndelibleError('STORE_UNAVAILABLE', 'away'));
  await schedule.run();
  assert.equal(tried, 2, 'to what cannot even be read nothing is appended');

  Object.assign(store, { append, head });
  assert.equal(await isReady(), false, 'it cannot know yet');
  await schedule.run();
  assert.equal(await isReady(), true);
  await schedule.run();
  const [resumed, ...others] = await rig.records(RECORDING_RESUMED);
  assert.deepEqual(others, []);
  const noticed_at = new Date(NOTICED).toISOString();
  assert.deepEqual([resumed!.actor, resumed!.data], [SERVER, { code: 'STORE_FULL', noticed_at }]);
});

test('a fault that is over because somebody recorded leaves no record of its own', async (t) => {
  const store = openMemoryStore();
  const rig = await startRig(t, { store });
  const secret = await rig.token();
  const { append } = store;
  store.append = () => Promise.reject(new IndelibleError('STORE_FULL', 'no space'));
  await rig.post(secret, event('a'));
  store.append = append;
  await rig.post(secret, event('a'));
  const schedule = new ResumeSchedule({ ledgers: rig.ledgers, actor: SERVER, every_ms: 5000 });
  await schedule.run();
  await schedule.close();
  assert.deepEqual(await rig.records(RECORDING_RESUMED), []);
});
