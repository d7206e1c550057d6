/** Two engines on one SQLite ledger: on two handles of one process, and in two processes. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../connectors/support.ts';
import { root } from '../support/root.ts';
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

const RACER = fileURLToPath(new URL('./support/racer.ts', import.meta.url));
const RACES = 20;

interface Racer {
  readonly child: ChildProcess;
  readonly next: () => Promise<string>;
  readonly said: () => string;
}

function startRacer(t: TestContext, ...args: readonly string[]): Racer {
  const child = spawn(process.execPath, ['--conditions=source', RACER, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/indelible-tests'), ...process.env },
  });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value ?? `it ended: ${said}`;
  return { child, next, said: () => said };
}

test('two processes apply the same operations at once: each has one effect, whoever is first', async (t) => {
  const folder = temporaryFolder();
  const url = `sqlite:${join(folder.path, 'ledger.db')}`;
  const effects = join(folder.path, 'effects');
  const world = await World.open(t, {}, url);
  const racers = [startRacer(t, url, effects), startRacer(t, url, effects)];
  t.after(folder.remove);
  for (const { next } of racers) assert.equal(await next(), 'ready');
  for (let i = 0; i < RACES; i++) {
    const members = [{ connector: 'memory', action: 'set', params: { key: `key-${i}`, value: i } }];
    const { operation_id } = await world.engine.plan(world.request(1, { members }));
    for (const { child } of racers) child.stdin!.write(`${operation_id}\n`);
    const came = await Promise.all(racers.map(({ next }) => next()));
    assert.deepEqual(came.sort(), ['OPERATION_STATE', 'verified'], operation_id);
    const { state, illegal, attempts } = await world.engine.read(operation_id);
    assert.deepEqual([state, illegal, attempts], ['verified', [], 1]);
  }
  const done = readFileSync(effects, 'utf8').split('\n').slice(0, -1);
  assert.deepEqual(
    done,
    Array.from({ length: RACES }, (_, i) => `key-${i}`),
  );
  for (const { child, said } of racers) {
    child.stdin!.end();
    assert.deepEqual(await once(child, 'exit'), [0, null], said());
  }
});
