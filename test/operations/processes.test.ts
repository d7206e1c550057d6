/** Two engines on two handles of one SQLite ledger: as two processes, they share nothing but the file. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../connectors/support.ts';
import { MemoryConnector } from './memory-connector.ts';
import { RUNNER, World } from './world.ts';

async function twoWorlds(t: TestContext): Promise<[World, World]> {
  const folder = temporaryFolder();
  const url = `sqlite:${join(folder.path, 'ledger.db')}`;
  const one = await World.open(t, {}, url);
  const other = await World.open(t, {}, url);
  t.after(folder.remove);
  other.connectors.set('memory', new MemoryConnector(one.system));
  one.engine = one.another({ holder: 'one' });
  other.engine = other.another({ holder: 'other' });
  return [one, other];
}

test('both apply one operation at once: one effect, and the other is refused, on record', async (t) => {
  const [one, other] = await twoWorlds(t);
  for (let value = 100; value < 102; value++) {
    const { writes } = one.system;
    const { operation_id } = await one.engine.plan(one.request(value));
    const tries = await Promise.allSettled(
      [one, other].map(({ engine }) => engine.apply(operation_id, { actor: RUNNER })),
    );
    const done = tries.filter((each) => each.status === 'fulfilled');
    assert.equal(done.length, 1, JSON.stringify(tries));
    const [lost] = tries.filter((each) => each.status === 'rejected');
    assert.equal(lost!.reason.code, 'OPERATION_STATE');
    assert.equal(one.system.writes, writes + 1);
    const { state, illegal, refusals, attempts } = await other.engine.read(operation_id);
    assert.deepEqual([state, illegal, refusals, attempts], ['verified', [], 1, 1]);
  }
});

test('both apply operations on one target at once: at most one executes, and none goes over the other', async (t) => {
  const [one, other] = await twoWorlds(t);
  for (let value = 200; value < 202; value++) {
    const { writes } = one.system;
    const plans = [await one.engine.plan(one.request(value)), await other.engine.plan(other.request(-value))];
    const tries = await Promise.allSettled(
      [one, other].map(({ engine }, i) => engine.apply(plans[i]!.operation_id, { actor: RUNNER })),
    );
    const states = await Promise.all(
      plans.map(async ({ operation_id }) => (await one.engine.read(operation_id)).state),
    );
    const verified = states.filter((state) => state === 'verified').length;
    assert.ok(verified <= 1, JSON.stringify([states, tries]));
    assert.equal(one.system.writes, writes + verified);
  }
});

test('a vote in one process and an execution in the other; each sees what the other recorded', async (t) => {
  const [one, other] = await twoWorlds(t);
  one.policy.says = { effect: 'approve', approvals: [{ role: null, count: 1 }] };
  other.policy.says = one.policy.says;
  const pending = await one.engine.plan(one.request());
  assert.equal((await other.engine.read(pending.operation_id)).state, 'pending_approval');
  await one.vote(pending, 'bob');
  assert.equal((await other.engine.apply(pending.operation_id, { actor: RUNNER })).state, 'verified');
  assert.equal((await one.engine.close(pending.operation_id, RUNNER, 'over')).state, 'closed');
  assert.deepEqual((await other.engine.sweep()).open, {});
});
