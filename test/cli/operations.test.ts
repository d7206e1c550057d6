import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHere } from './run-here.ts';

const POLICY = `@id("app-files")
@approvals("1")
permit (principal, action in [Indelible::Action::"filesystem:write", Indelible::Action::"filesystem:rollback"], resource);
`;
const CALENDAR = {
  time_zone: 'UTC',
  freezes: { 'year-end': { windows: [{ from: '2001-01-01T00:00', to: '2001-01-02T00:00' }] } },
};

test('a file is changed with an approval and rolled back, by commands alone, with Cedar and the real connector', async (t) => {
  const here = await makeHere(t);
  const at = (name: string): string => join(here.folder, name);
  const env = { INDELIBLE_CONNECTORS: at('connectors.json'), INDELIBLE_POLICIES: at('policies') };
  const run = (args: readonly string[]) => here.run(args, env);
  const json = (args: readonly string[]) => here.json(args, env);
  await mkdir(at('app'));
  await writeFile(at('app/a.conf'), 'retries=1\n');
  const filesystem = { kind: 'filesystem', root: at('app'), journal: at('journal') };
  await writeFile(env.INDELIBLE_CONNECTORS, JSON.stringify({ files: filesystem }));
  assert.equal((await run(['init'])).code, 0);
  assert.equal((await run(['policy', 'init', env.INDELIBLE_POLICIES])).code, 0);
  await writeFile(at('policies/app.cedar'), POLICY);
  await writeFile(at('policies/calendar.json'), JSON.stringify(CALENDAR));
  const directory = {
    roles: {},
    people: { bob: { roles: [] } },
    agents: {},
    services: {},
    connectors: {},
    targets: [],
  };
  await writeFile(at('policies/directory.json'), JSON.stringify(directory));

  assert.match((await run(['connectors'])).stdout, /files write/);
  assert.equal((await run(['approver', 'init', '--person', 'bob'])).code, 0);
  const params = JSON.stringify({ path: 'a.conf', content: 'retries=3\n' });
  const asked = [
    '--params',
    params,
    '--reason',
    'too many timeouts',
    '--actor',
    'agent:helper',
    '--on-behalf-of',
    'user:alice',
  ];
  const planned = await json(['plan', 'files', 'write', ...asked]);
  assert.equal(planned.state, 'pending_approval');
  assert.equal(await readFile(at('app/a.conf'), 'utf8'), 'retries=1\n');
  const id = String(planned.operation_id);
  const hash = String(planned.plan_hash);

  const shown = await run(['approve', id, '--person', 'bob']);
  assert.equal(shown.code, 2, 'the plan is shown, nothing is voted');
  assert.match(shown.stdout, /retries=3/);
  assert.equal((await run(['apply', id])).code, 3);
  assert.equal((await json(['approve', id, '--person', 'bob', '--plan-hash', hash])).state, 'approved');
  assert.equal((await json(['apply', id, '--plan-hash', hash])).state, 'verified');
  assert.equal(await readFile(at('app/a.conf'), 'utf8'), 'retries=3\n');

  assert.match((await run(['rollback', id, '--dry-run'])).stdout, /a\.conf/);
  const child = await json(['rollback', id, '--reason', 'a mistake']);
  await json([
    'approve',
    String(child.operation_id),
    '--person',
    'bob',
    '--plan-hash',
    String(child.plan_hash),
  ]);
  assert.equal((await json(['apply', String(child.operation_id)])).state, 'verified');
  assert.equal(await readFile(at('app/a.conf'), 'utf8'), 'retries=1\n');
  const history = await run(['operations', 'show', id]);
  assert.match(history.stdout, /rolled_back/);
  assert.match((await run(['operations', 'list'])).stdout, new RegExp(id));
  assert.match((await run(['recover'])).stdout, /nothing was due/);
  assert.equal((await run(['verify'])).code, 0);
});
