/** The engine under policies of a folder. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openPolicies } from '../../packages/indelible/src/operations/policy/folder.ts';
import { schemaText } from '../../packages/indelible/src/operations/policy/schema.ts';
import { cedarGate } from '../../packages/indelible/src/operations/policy-gate.ts';
import { temporaryFolder } from '../connectors/support.ts';
import { RUNNER, World } from './world.ts';

const PERMIT = `@id("prices")
permit (principal, action == Indelible::Action::"memory:set", resource);
`;
/** Skipped by Cedar, as adding to the greatest number fails. */
const FAILING = `@id("never-much")
forbid (principal, action, resource)
when { context.targets + 9223372036854775807 > 0 };
`;

async function underPolicies(t: TestContext) {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text);
  write('schema.cedarschema', schemaText({ memory: ['set'] }));
  write('prices.cedar', PERMIT);
  const world = await World.open(t);
  world.engine = world.another({ policy: cedarGate(openPolicies(folder.path)) });
  return { world, write };
}

async function refusedRequests(world: World) {
  await world.ledger.caughtUp();
  const search = { filter: { action: 'operation.request_refused' }, order: 'oldest', limit: 10 } as const;
  const { seqs } = await world.ledger.index!.search(search);
  return (await world.ledger.get(seqs)).map(({ record }) => record.data as { code: string; message: string });
}

test('a policy file with an error stops the engine from accepting operations, with file and line', async (t) => {
  const { world, write } = await underPolicies(t);
  const approved = await world.engine.plan(world.request());
  assert.equal(approved.state, 'approved');
  write('broken.cedar', '@id("a")\npermit (principal, action, resource)\nwhen { context.nothing };\n');
  const invalid = (
    error: Error & { code?: string; details?: { problems?: { file: string; line: number }[] } },
  ) => {
    assert.equal(error.code, 'POLICY_SET_INVALID');
    const places = error.details!.problems!.map(({ file, line }) => `${file}:${line}`);
    assert.deepEqual([...new Set(places)], ['broken.cedar:3']);
    return true;
  };
  await assert.rejects(world.engine.plan(world.request()), invalid);
  const [refused] = await refusedRequests(world);
  assert.equal(refused!.code, 'POLICY_SET_INVALID');
  assert.match(refused!.message, /broken\.cedar/);
  await assert.rejects(world.engine.apply(approved.operation_id, { actor: RUNNER }), invalid);
  assert.equal(world.system.writes, 2, 'nothing ran');
  assert.equal((await world.engine.read(approved.operation_id)).state, 'approved');
  write('broken.cedar', '');
  assert.equal((await world.engine.apply(approved.operation_id, { actor: RUNNER })).state, 'verified');
});

test('pitfall 34: a forbid that Cedar would skip denies the operation, on record, before and after its approval', async (t) => {
  const { world, write } = await underPolicies(t);
  const approved = await world.engine.plan(world.request());
  write('failing.cedar', FAILING);
  const denied = await world.engine.plan(world.request(3));
  assert.equal(denied.state, 'denied');
  assert.match(denied.decision!.reason, /never-much failed/);
  await assert.rejects(world.engine.apply(approved.operation_id, { actor: RUNNER }), {
    code: 'OPERATION_STALE',
  });
  assert.equal(world.system.writes, 2);
});
