import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OperationEngine } from '../../packages/indelible/src/operations/engine.ts';
import { isOver, type State } from '../../packages/indelible/src/operations/lifecycle.ts';
import type { Operation } from '../../packages/indelible/src/operations/types.ts';
import { ALICE, RUNNER, World } from './world.ts';

/** How many operations were read from now on. */
function countReads(world: World): { count: number } {
  const reads = { count: 0 };
  const index = world.ledger.index!;
  const search = index.search.bind(index);
  index.search = (asked) => {
    if (asked.filter.resource !== undefined) reads.count++;
    return search(asked);
  };
  return reads;
}

test('recovery reads what changed since and what is due, and nothing else', async (t) => {
  const world = await World.open(t, { window_ms: 60_000 });
  for (let i = 0; i < 10; i++) await world.applied();
  const done = await world.applied();
  await world.engine.close(done.operation_id, RUNNER, 'over');
  const other = world.another({ holder: 'other' });
  const reads = countReads(world);
  assert.equal((await other.sweep()).open.verified, 10);
  assert.equal(reads.count, 10, 'each of those that are open, once');
  const changed = await world.applied();
  assert.equal((await other.sweep()).open.verified, 11);
  assert.equal(reads.count, 11);
  await other.sweep();
  assert.equal(reads.count, 11, 'nothing changed');
  world.pass(60_001);
  assert.equal((await other.sweep()).changed.length, 11, 'their windows are over');
  assert.deepEqual((await other.sweep()).open, {});
  assert.equal((await world.engine.read(changed.operation_id)).state, 'closed');
});

test('what somebody else recorded is read once, not by every operation that follows', async (t) => {
  const world = await World.open(t);
  await world.applied();
  await world.ledger.record({ action: 'something.else' });
  await world.applied();
  const get = world.ledger.get.bind(world.ledger);
  const fetched: (readonly number[])[] = [];
  world.ledger.get = (asked) => {
    fetched.push(asked);
    return get(asked);
  };
  await world.applied();
  assert.deepEqual(fetched, []);
});

test('a process begins where another one noted who is open', async (t) => {
  const world = await World.open(t, { window_ms: 60_000 });
  const open = [await world.applied(), await world.applied()];
  for (let i = 0; i < 160; i++) {
    const { operation_id } = await world.engine.plan(world.request());
    await world.engine.cancel(operation_id, ALICE, 'never mind');
  }
  for (let i = 0; i < 60; i++) {
    const { operation_id } = await world.applied();
    await world.engine.close(operation_id, RUNNER, 'over');
  }
  await world.ledger.caughtUp();
  const search = { filter: { action: 'operation.recovered' }, order: 'newest', limit: 10 } as const;
  const { seqs } = await world.ledger.index!.search(search);
  assert.equal(seqs.length, 1, 'after a thousand records');
  const [mark] = await world.ledger.get(seqs);
  const { below } = mark!.record.data as { below: number };
  const head = (await world.ledger.head())!.seq;
  const get = world.ledger.get.bind(world.ledger);
  let fetched = 0;
  world.ledger.get = (asked) => {
    fetched += asked.length;
    return get(asked);
  };
  const reads = countReads(world);
  world.pass(60_001);
  const { changed } = await world.another({ holder: 'next' }).sweep();
  assert.deepEqual(changed.map(idOf).sort(), open.map(idOf).sort());
  assert.equal(reads.count, 2, 'only what was due');
  assert.ok(fetched < head - below + 50, `${fetched} records, ${head - below} of them behind the note`);
});

function idOf({ operation_id }: Operation): string {
  return operation_id;
}

test('a record that does not follow hides no operation, and with `all` nothing that was noted is believed', async (t) => {
  const world = await World.open(t, { window_ms: 60_000 });
  const { operation_id } = await world.applied();
  const resource = { type: 'operation', id: operation_id };
  const data = { n: 9, from: 'verified', to: 'closed', by: 'engine' };
  await world.ledger.recordOwn({ action: 'operation.closed', resource, data });
  const below = (await world.ledger.head())!.seq + 1;
  const other = world.another({ holder: 'other' });
  assert.deepEqual((await other.sweep()).open, { verified: 1 });
  await world.ledger.recordOwn({ action: 'operation.recovered', data: { below, open: [] } });
  assert.deepEqual((await world.another({ holder: 'believes' }).sweep()).open, {});
  world.pass(60_001);
  const { changed } = await world.another({ holder: 'checks' }).sweep({ all: true });
  assert.deepEqual(
    changed.map(({ state }) => state),
    ['closed'],
  );
});

test('whoever recovers finds exactly what a reading of every record finds', async (t) => {
  const steps = ['plan', 'apply', 'cancel', 'close', 'undo', 'deny', 'refuse'] as const;
  const step = fc.record({ what: fc.constantFrom(...steps), at: fc.nat(20), by: fc.nat(1) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (chosen) => {
      const world = await World.open(t, { window_ms: 1_000_000 });
      const engines = [world.engine, world.another({ holder: 'second' })];
      const watcher = world.another({ holder: 'watcher' });
      const ids: string[] = [];
      for (const { what, at, by } of chosen) {
        await take(world, engines[by]!, what, ids, ids[at % Math.max(1, ids.length)]);
        if (at % 3 === 0) await watcher.recover();
      }
      const states: Partial<Record<State, number>> = {};
      for (const id of ids) {
        const { state } = await world.another().read(id);
        if (!isOver(state)) states[state] = (states[state] ?? 0) + 1;
      }
      assert.deepEqual((await watcher.sweep()).open, states);
      assert.deepEqual((await world.another({ holder: 'fresh' }).sweep()).open, states);
    }),
    { numRuns: Number(process.env.INDELIBLE_RUNS ?? 3) },
  );
});

async function take(world: World, engine: OperationEngine, what: string, ids: string[], id?: string) {
  const applied = async (operation: Operation) => {
    ids.push(operation.operation_id);
    if (operation.state === 'approved') await engine.apply(operation.operation_id, { actor: RUNNER });
  };
  world.policy.says = { effect: what === 'deny' ? 'deny' : 'allow' };
  if (what === 'plan' || what === 'deny' || id === undefined)
    return void ids.push((await engine.plan(world.request(ids.length))).operation_id);
  // Whatever is not allowed any more is refused, which is a record as well.
  try {
    if (what === 'apply') await engine.apply(id, { actor: RUNNER });
    if (what === 'cancel') await engine.cancel(id, ALICE, 'never mind');
    if (what === 'close') await engine.close(id, RUNNER, 'over');
    if (what === 'undo') await applied(await engine.rollback(id, { requester: ALICE, reason: 'a mistake' }));
    if (what === 'refuse') await engine.apply(id, { actor: RUNNER, plan_hash: 'another' });
  } catch (error) {
    assert.match((error as { code?: string }).code ?? String(error), /^(?:OPERATION_|ROLLBACK_|PLAN_HASH)/);
  }
}
