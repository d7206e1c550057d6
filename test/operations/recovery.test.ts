import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation } from '../../packages/indelible/src/operations/types.ts';
import type { MemoryOptions } from './memory-connector.ts';
import { RUNNER, World } from './world.ts';

/** The process ends at a point: whatever it was about to do is never done, and it never answers. */
const GONE = new Promise<never>(() => {});

/** Has an engine run into its end at a point; resolves once it is there. */
async function dieAt(world: World, point: string, operation: Operation): Promise<void> {
  await new Promise<void>((resolve) => {
    const engine = world.another({
      holder: 'dead',
      reached: (reached) => {
        if (reached !== point) return Promise.resolve();
        resolve();
        return GONE;
      },
    });
    engine.apply(operation.operation_id, { actor: RUNNER }).catch(() => {});
  });
}

function recoverer(world: World) {
  return world.another({ holder: 'second', mayBeAlive: (holder) => holder !== 'dead' });
}

const POINTS = [
  'checked',
  'intended',
  'connector:before',
  'connector:after',
  'answered',
  'received',
  'verified',
];

test('a crash at every point of the protocol: never two effects, and never a lost one', async (t) => {
  for (const guarantee of ['atomic-marker', 'idempotency-key', 'cas', 'none'] as const) {
    const world = await World.open(t, { guarantee });
    for (const [i, point] of POINTS.entries()) {
      const writes = world.system.writes;
      const planned = await world.engine.plan(world.request(100 + i));
      await dieAt(world, point, planned);
      const happened = world.system.writes - writes;
      await recoverer(world).recover();
      const { state, illegal } = await world.engine.read(planned.operation_id);
      const effects = world.system.writes - writes;
      const place = `${guarantee} at ${point}`;
      assert.deepEqual(illegal, [], place);
      assert.ok(effects <= 1, `${place}: ${effects} effects`);
      if (point === 'checked') assert.equal(state, 'approved', place);
      else if (guarantee !== 'none' || point === 'received' || point === 'verified') {
        assert.equal(state, 'verified', place);
        assert.equal(effects, 1, place);
      } else {
        assert.equal(state, 'needs_operator', place);
        assert.equal(effects, happened, `${place}: never tried again`);
      }
    }
  }
});

test('pitfall 31: a lost answer is probed, not taken for a failure', async (t) => {
  const world = await World.open(t);
  for (const fault of ['before', 'after'] as const) {
    const planned = await world.engine.plan(world.request(fault === 'before' ? 5 : 6));
    const writes = world.system.writes;
    world.connector.fault = fault;
    const done = await world.engine.apply(planned.operation_id, { actor: RUNNER });
    assert.equal(done.state, 'verified', fault);
    assert.equal(world.system.writes, writes + 1, fault);
    assert.equal(done.attempts, fault === 'before' ? 2 : 1);
    assert.ok(done.history.some(({ to }) => to === 'indeterminate'));
  }
});

test('guarantee none is never tried again, and a person decides what happened', async (t) => {
  const world = await World.open(t, { guarantee: 'none' });
  const planned = await world.engine.plan(world.request());
  world.connector.fault = 'after';
  const { state, operation_id } = await world.engine.apply(planned.operation_id, { actor: RUNNER });
  assert.equal(state, 'needs_operator');
  assert.equal(world.system.writes, 3);
  await world.engine.recover();
  assert.equal(world.system.writes, 3);
  const decision = { actor: RUNNER, happened: true, reason: 'the price is 2' };
  await world.engine.decideOutcome(operation_id, decision);
  assert.equal((await world.engine.read(operation_id)).state, 'executed');
});

test('guarantee none is not tried again either when the probe says that nothing happened', async (t) => {
  const world = await World.open(t, { guarantee: 'none', probe: true });
  const planned = await world.engine.plan(world.request());
  world.connector.fault = 'before';
  const done = await world.engine.apply(planned.operation_id, { actor: RUNNER });
  assert.equal(done.state, 'failed');
  assert.equal(done.attempts, 1);
});

test('a refusal of the system is a failure at once: nothing happened', async (t) => {
  const world = await World.open(t);
  const planned = await world.engine.plan(world.request());
  world.connector.fault = 'refused';
  assert.equal((await world.engine.apply(planned.operation_id, { actor: RUNNER })).state, 'failed');
});

test('a lease is waited out unless its process is known to be gone', async (t) => {
  const world = await World.open(t);
  const planned = await world.engine.plan(world.request());
  await dieAt(world, 'connector:before', planned);
  const careful = world.another({ holder: 'careful', mayBeAlive: () => true });
  await careful.recover();
  assert.equal((await world.engine.read(planned.operation_id)).state, 'executing');
  world.pass(2000 + 10_001);
  await careful.recover();
  assert.equal((await world.engine.read(planned.operation_id)).state, 'verified');
});

test('an executor that was only slow is fenced: what it does later has no effect, and no record', async (t) => {
  const world = await World.open(t);
  const planned = await world.engine.plan(world.request());
  let release = (): void => {};
  const paused = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = world.another({
    holder: 'slow',
    reached: (point) => (point === 'connector:before' ? paused : Promise.resolve()),
  });
  const running = slow.apply(planned.operation_id, { actor: RUNNER });
  while ((await world.engine.read(planned.operation_id)).state !== 'executing');
  world.pass(20_000);
  await world.another({ holder: 'second' }).recover();
  assert.equal((await world.engine.read(planned.operation_id)).state, 'verified');
  const { writes } = world.system;
  release();
  await assert.rejects(running);
  assert.equal(world.system.writes, writes);
  const after = await world.engine.read(planned.operation_id);
  assert.equal(after.state, 'verified');
  assert.deepEqual(after.illegal, []);
});

test('what was found not to have happened does not happen later: the slow executor is kept out', async (t) => {
  const world = await World.open(t);
  const planned = await world.engine.plan(world.request());
  let release = (): void => {};
  const paused = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = world.another({
    holder: 'slow',
    reached: (point) => (point === 'connector:before' ? paused : Promise.resolve()),
  });
  const running = slow.apply(planned.operation_id, { actor: RUNNER });
  while ((await world.engine.read(planned.operation_id)).state !== 'executing');
  world.policy.says = { effect: 'deny' };
  world.pass(20_000);
  await world.another({ holder: 'second' }).recover();
  assert.equal((await world.engine.read(planned.operation_id)).state, 'failed');
  release();
  await assert.rejects(running);
  assert.equal(world.system.writes, 2);
});

test('of several recoverers one takes over', async (t) => {
  const world = await World.open(t);
  const planned = await world.engine.plan(world.request());
  await dieAt(world, 'intended', planned);
  const engines = ['a', 'b', 'c'].map((holder) =>
    world.another({ holder, mayBeAlive: (name) => name !== 'dead' }),
  );
  await Promise.all(engines.map((engine) => engine.recover()));
  const after = await world.engine.read(planned.operation_id);
  assert.equal(after.state, 'verified');
  assert.equal(world.system.writes, 3);
});

test('what was not applied is not repeated once its time is over or policy has changed', async (t) => {
  const changes: ((world: World) => void)[] = [
    (world) => world.pass(3 * 86_400_000),
    (world) => {
      world.policy.says = { effect: 'deny' };
    },
  ];
  for (const change of changes) {
    const world = await World.open(t);
    const planned = await world.engine.plan(world.request());
    await dieAt(world, 'connector:before', planned);
    change(world);
    await recoverer(world).recover();
    assert.equal((await world.engine.read(planned.operation_id)).state, 'failed');
    assert.equal(world.system.writes, 2);
  }
});

test('while the system cannot be reached it stays open, and the next recovery goes on', async (t) => {
  const world = await World.open(t);
  const planned = await world.engine.plan(world.request());
  await dieAt(world, 'connector:after', planned);
  world.connector.unreachable = true;
  await recoverer(world).recover();
  assert.equal((await world.engine.read(planned.operation_id)).state, 'indeterminate');
  world.connector.unreachable = false;
  await recoverer(world).recover();
  assert.equal((await world.engine.read(planned.operation_id)).state, 'verified');
});

test('pitfall 28: when the intent cannot be recorded, nothing runs', async (t) => {
  const world = await World.open(t);
  const planned = await world.engine.plan(world.request());
  const record = world.ledger.recordOwn.bind(world.ledger);
  world.ledger.recordOwn = (event) =>
    event.action === 'operation.executing' ? Promise.reject(new Error('disk full')) : record(event);
  await assert.rejects(world.engine.apply(planned.operation_id, { actor: RUNNER }), /disk full/);
  assert.equal(world.system.writes, 2);
  world.ledger.recordOwn = record;
  assert.equal((await world.engine.apply(planned.operation_id, { actor: RUNNER })).state, 'verified');
});

test('pitfall 28: when the before-image cannot be kept, nothing runs', async (t) => {
  const world = await World.open(t);
  world.connector.keeps_bytes = true;
  const full = { put: () => Promise.reject(new Error('disk full')), get: async () => new Uint8Array() };
  const engine = world.another({ holder: 'first', blobs: full });
  const planned = await engine.plan(world.request());
  assert.equal(planned.state, 'approved', 'a dry run keeps nothing');
  const { state, history } = await engine.apply(planned.operation_id, { actor: RUNNER });
  assert.equal(state, 'failed');
  assert.match(history.at(-1)!.reason!, /disk full/);
  assert.equal(world.system.writes, 2);
});

test('a receipt that could not be recorded is found again', async (t) => {
  const world = await World.open(t);
  const planned = await world.engine.plan(world.request());
  const record = world.ledger.recordOwn.bind(world.ledger);
  world.ledger.recordOwn = (event) =>
    event.action === 'operation.executed' ? Promise.reject(new Error('disk full')) : record(event);
  await assert.rejects(world.engine.apply(planned.operation_id, { actor: RUNNER }), /disk full/);
  world.ledger.recordOwn = record;
  await world.engine.recover();
  assert.equal((await world.engine.read(planned.operation_id)).state, 'verified');
  assert.equal(world.system.writes, 3);
});

const OPTIONS: MemoryOptions[] = [{ dry_run: 'transactional' }, { dry_run: 'none' }];
test('without a dry run a person must approve', async (t) => {
  const [with_dry_run, blind] = await Promise.all(OPTIONS.map((options) => World.open(t, options)));
  assert.equal((await with_dry_run!.engine.plan(with_dry_run!.request())).state, 'approved');
  assert.equal((await blind!.engine.plan(blind!.request())).state, 'pending_approval');
});
