import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeHere } from './run-here.ts';

const POLICY = `@id("app-files")
@approvals("1")
permit (principal, action in [Indelible::Action::"filesystem:write", Indelible::Action::"filesystem:rollback"], resource);
`;
const CALENDAR = {
  time_zone: 'UTC',
  freezes: { 'year-end': { windows: [{ from: '2001-01-01T00:00', to: '2001-01-02T00:00' }] } },
};

/** A ledger, a folder to write to, and a policy that asks for one approval. */
async function office(t: TestContext) {
  const here = await makeHere(t);
  const at = (name: string): string => join(here.folder, name);
  const env = { INDELIBLE_CONNECTORS: at('connectors.json'), INDELIBLE_POLICIES: at('policies') };
  const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    here.run(args, { ...env, ...more });
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
  return { at, env, run, json };
}

test('a file is changed with an approval and rolled back, by commands alone, with Cedar and the real connector', async (t) => {
  const { at, run, json } = await office(t);
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
  assert.match((await run(['recover', '--all'])).stdout, /nothing was due/);
  assert.equal((await run(['verify'])).code, 0);
});

test('a plan shows its diff, an execution its steps: on a terminal, or where it is asked for', async (t) => {
  const { run, json } = await office(t);
  await json(['approver', 'init', '--person', 'bob']);
  const planned = (content: string) => [
    ...['plan', 'files', 'write', '--params', JSON.stringify({ path: 'a.conf', content })],
    ...['--reason', 'too many timeouts', '--actor', 'user:alice'],
  ];
  const colourless = (await run(planned('retries=2\n'))).stdout;
  assert.match(colourless, /^ +-retries=1$/m);
  assert.match(colourless, /^ +\+retries=2$/m);
  const coloured = (await run(planned('retries=2\n'), { NO_COLOR: '', FORCE_COLOR: '1' })).stdout;
  assert.match(coloured, /\u001b\[31m-retries=1/);
  assert.match(coloured, /\u001b\[32m\+retries=2/);
  const approved = async (content: string): Promise<string> => {
    const { operation_id, plan_hash } = await json(planned(content));
    await json(['approve', String(operation_id), '--person', 'bob', '--plan-hash', String(plan_hash)]);
    return String(operation_id);
  };
  const steps = (text: string) => text.match(/^\d{4}-\S+Z {2}(executing|executed|verified) /gm)?.length ?? 0;

  const piped = (await run(['apply', await approved('retries=3\n')])).stdout;
  assert.deepEqual([steps(piped), piped.trim().split('\n').length], [0, 1]);
  assert.equal(steps((await run(['apply', await approved('retries=4\n'), '--progress'])).stdout), 3);
  const lines = (await run(['apply', await approved('retries=5\n'), '--progress', '--json'])).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ step, state }) => step?.to ?? `ends ${state}`),
    ['executing', 'executed', 'verified', 'ends verified'],
  );
  const id = await approved('retries=6\n');
  Object.defineProperty(process.stdout, 'isTTY', { value: true, configurable: true });
  t.after(() => Object.defineProperty(process.stdout, 'isTTY', { value: undefined, configurable: true }));
  assert.equal(steps((await run(['apply', id])).stdout), 3);
});

test('approvers let approvers in: a request goes from one to the next', async (t) => {
  const { at, run, json } = await office(t);
  assert.equal((await json(['approver', 'init', '--person', 'bob'])).person_id, 'bob');
  const asked = await run(['approver', 'init', '--person', 'carol']);
  assert.equal(asked.code, 3);
  assert.match(asked.stderr, /another approver/);
  await writeFile(at('carol'), asked.stdout);
  const own = await run(['approver', 'endorse', at('carol'), '--person', 'carol']);
  assert.equal(own.code, 3, 'her own signature lets nobody in');
  const enrolled = await run(['approver', 'endorse', at('carol'), '--person', 'bob']);
  assert.match(enrolled.stdout, /^enrolled carol\+/);
  const third = await run(['approver', 'init', '--person', 'dave']);
  await writeFile(at('dave'), third.stdout);
  const half = await run(['approver', 'endorse', at('dave'), '--person', 'bob']);
  assert.equal(half.code, 3);
  assert.match(half.stderr, /2 other approvers, and has 1/);
  await writeFile(at('dave'), half.stdout);
  const [, key] = (await run(['approver', 'endorse', at('dave'), '--person', 'carol'])).stdout.split(' ');
  assert.match((await run(['approver', 'list'])).stdout, /^bob .*\ncarol .*\ndave /);
  const revoked = await run(['approver', 'revoke', key!, '--person', 'dave']);
  assert.match(revoked.stdout, /^revoked dave\+.* of dave$/m);
  assert.match((await run(['approver', 'list'])).stdout, /^dave .* revoked /m);
  assert.equal((await run(['approver', 'endorse', at('dave'), '--person', 'bob'])).code, 3);
});
