/** What a server does by itself with operations: in time, once however many servers there are, and seen to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IndelibleError } from '@indelible/core';
import { Governed } from '../../packages/indelible/src/http/governed.ts';
import { OperationSchedule } from '../../packages/indelible/src/http/operation-schedule.ts';
import { RUNNER } from '../operations/world.ts';
import { ASKED, PRICE, type Served, serveOperations } from './operations-support.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A schedule whose timer the test rings. */
function scheduled({ server: { governed }, world }: Served, own = governed) {
  const timers: { ms: number; run: () => void }[] = [];
  const schedule = new OperationSchedule({
    governed: own,
    every_ms: 5000,
    timers: { set: (ms, run) => timers.push({ ms, run }), clear: () => void timers.splice(0) },
  });
  return { schedule, timers, state: () => own.health(world.ledger.name)! };
}

test('pitfall 33: what was not approved in time expires, and an undo window ends, by themselves and on record', async (t) => {
  const served = await serveOperations(t, { window_ms: HOUR });
  const { world } = served;
  const { schedule, state } = scheduled(served);
  const waiting = await served.planned();
  world.policy.says = { effect: 'allow' };
  const stock = { connector: 'memory', action: 'set', params: { key: 'stock', value: 3 } };
  const done = await world.applied({ members: [stock] });
  await schedule.run();
  const { at: _, ...first } = state();
  assert.deepEqual(first, {
    ...{ open: 2, indeterminate: 0, needs_operator: 0 },
    ...{ failing: 0, fault: null, policy_fault: null },
  });
  world.pass(HOUR + 1);
  await schedule.run();
  const closed = await world.engine.read(done.operation_id);
  assert.equal(closed.state, 'closed');
  assert.match(closed.history.at(-1)!.reason!, /undo window ended/);
  world.pass(DAY);
  await schedule.run();
  assert.equal((await world.engine.read(waiting.operation_id)).state, 'expired');
  assert.equal(state().open, 0);
  const metrics = (await served.server.app.inject({ url: '/metrics' })).body;
  assert.match(metrics, /indelible_operations\{ledger="acme.example\/test",state="pending_approval"\} 0/);
  assert.match(metrics, /indelible_operations_failing\{[^}]*\} 0/);
});

test('the timer goes on after each turn, and not after the end', async (t) => {
  const served = await serveOperations(t);
  const { schedule, timers, state } = scheduled(served);
  schedule.start();
  assert.equal(timers.length, 0, 'not before the first turn has ended');
  await turned();
  assert.deepEqual(
    timers.map(({ ms }) => ms),
    [5000],
  );
  const first = state().at;
  served.world.pass(5000);
  timers.shift()!.run();
  await turned();
  assert.notEqual(state().at, first);
  timers.shift()!.run();
  await schedule.close();
  assert.equal(timers.length, 0, 'the turn under way was the last');

  async function turned(): Promise<void> {
    while (timers.length === 0) await new Promise(setImmediate);
  }
});

test('two servers take over one abandoned execution once', async (t) => {
  const served = await serveOperations(t);
  const { world } = served;
  world.policy.says = { effect: 'allow' };
  const operation = await served.planned();
  world.connector.fault = 'before';
  const crashing = world.another({
    holder: 'crashed',
    reached: async (point) => {
      if (point === 'intended') throw new Error('the process ends here');
    },
  });
  await assert.rejects(crashing.apply(operation.operation_id, { actor: RUNNER }));
  world.connector.fault = null;
  const writes = world.system.writes;
  const others = ['one', 'two'].map((holder) => {
    const engine = world.another({ holder, mayBeAlive: (other) => other !== 'crashed' });
    const opened = { ...served.opened, engine };
    return scheduled(
      served,
      new Governed(new Map([[world.ledger.name, opened]]), () => Date.parse(world.now)),
    );
  });
  await Promise.all(others.map(({ schedule }) => schedule.run()));
  const after = await world.engine.read(operation.operation_id);
  assert.deepEqual([after.state, world.system.writes - writes, after.illegal], ['verified', 1, []]);
  assert.deepEqual(
    others.map(({ state }) => state().failing),
    [0, 0],
    'that another one was first is no fault',
  );
});

test('what a request of this server is applying is left to it', async (t) => {
  const served = await serveOperations(t);
  const { world } = served;
  world.policy.says = { effect: 'allow' };
  const stock = { connector: 'memory', action: 'set', params: { key: 'stock', value: 3 } };
  const operation = await served.planned({ ...ASKED, members: [PRICE, stock] });
  const changed: number[] = [];
  const applying = world.another({
    holder: 'applying',
    reached: async (point) => {
      if (point === 'stepped') world.connector.fault = 'refused';
      if (point === 'received') changed.push((await applying.sweep()).changed.length);
    },
  });
  const ended = await applying.apply(operation.operation_id, { actor: RUNNER });
  assert.deepEqual([ended.state, ended.rollbacks.length], ['rolled_back', 1]);
  assert.equal(changed[0], 0, 'it is for the request to compensate what it began');
});

test('what nobody knows, what cannot be gone on with, and policies that cannot be used, show in health and metrics', async (t) => {
  const served = await serveOperations(t, { policies: '/nowhere/at/all' });
  const { world } = served;
  const { schedule, state } = scheduled(served);
  world.policy.says = { effect: 'allow' };
  const operation = await served.planned();
  const lost = world.another({
    holder: 'crashed',
    reached: async (point) => {
      if (point === 'intended') throw new Error('the process ends here');
    },
  });
  await assert.rejects(lost.apply(operation.operation_id, { actor: RUNNER }));
  world.pass(HOUR);
  world.connector.unreachable = true;
  await schedule.run();
  assert.deepEqual([state().indeterminate, state().policy_fault], [1, 'POLICY_SET_INVALID']);
  const failure = { operation_id: operation.operation_id, code: 'STORE_FULL', message: 'the disk is full' };
  world.engine.sweep = async () => ({ changed: [], failed: [failure], open: { needs_operator: 1 } });
  await schedule.run();
  assert.deepEqual([state().failing, state().needs_operator], [1, 1]);
  const metrics = async () => (await served.server.app.inject({ url: '/metrics' })).body;
  assert.match(await metrics(), /indelible_operations_failing\{[^}]*\} 1/);
  assert.match(await metrics(), /indelible_operations_policy_fault\{[^}]*\} 1/);
  assert.match(await metrics(), /indelible_operations\{[^}]*state="needs_operator"\} 1/);
  world.engine.sweep = () => Promise.reject(new IndelibleError('STORE_UNAVAILABLE', 'gone'));
  await schedule.run();
  assert.match(await metrics(), /indelible_operations_fault\{[^}]*\} 1/);
  const health = (await served.server.app.inject({ url: '/healthz' })).json();
  assert.deepEqual(
    [health.ledgers[0].operations.fault, health.ledgers[0].operations.failing],
    ['STORE_UNAVAILABLE', 1],
  );
});
