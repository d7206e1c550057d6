/** `indelible policy …`, the example set, and replaying. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Json } from '@indelible/core';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { decide } from '../../packages/indelible/src/operations/policy/decide.ts';
import { openPolicies } from '../../packages/indelible/src/operations/policy/folder.ts';
import { parseRequest } from '../../packages/indelible/src/operations/policy/parse-request.ts';
import { starterFiles } from '../../packages/indelible/src/operations/policy/starter.ts';
import { makeHere } from '../cli/run-here.ts';
import { root } from '../support/root.ts';

const EXAMPLE = join(root, 'examples/policies');

test('the example set passes its cases, and has the schema that init writes', async (t) => {
  const here = await makeHere(t);
  const { passed, failed } = await here.json(['policy', 'test', '--policies', EXAMPLE]);
  assert.deepEqual([passed, failed], [6, 0]);
  const schema = await readFile(join(EXAMPLE, 'schema.cedarschema'), 'utf8');
  assert.equal(schema, starterFiles([]).get('schema.cedarschema'));
});

test('init writes a folder that is sound, permits nothing and takes actions of one’s own', async (t) => {
  const here = await makeHere(t);
  const folder = join(here.folder, 'policies');
  await here.json(['policy', 'init', folder, '--action', 'http:update-price']);
  assert.equal((await here.json(['policy', 'test', '--policies', folder])).passed, 3);
  const request = ['--as', 'person:ana', '--action', 'http:update-price', '--target', 'shop:price/1'];
  const decision = await here.json(['policy', 'check', '--policies', folder, ...request]);
  assert.equal(decision.effect, 'deny');
  assert.match(String(decision.reason), /^no policy permits/);
  const again = await here.run(['policy', 'init', folder]);
  assert.equal(again.code, 3, 'it overwrites nothing');
});

test('check explains: the decision, the policies, the obligations, the values', async (t) => {
  const here = await makeHere(t);
  const ask = [
    'policy',
    'check',
    '--policies',
    EXAMPLE,
    '--as',
    'agent:price-bot',
    '--action',
    'postgres:update',
  ];
  const request = ['--for', 'person:cleo', '--at', '2026-03-02T09:00:00Z', '--set', 'reversibility=partial'];
  const { code, stdout } = await here.run([...ask, '--target', 'prices:public.price/42', ...request]);
  assert.equal(code, 0);
  for (const line of [
    /^APPROVE {2}permitted by agents-propose-prices, with the approval of 2 people with the role pricing$/m,
    /policy +agents-propose-prices {2}permit, prices\.cedar:\d+$/m,
    /execute within +2 h$/m,
    /asks +agent:price-bot, for person:cleo \(pricing, staff\)$/m,
    /risk +2 \(medium\)$/m,
    /environment +production$/m,
    /time +2026-03-02T09:00:00\.000Z, 2026-03-02 10:00 in Europe\/Vienna, weekday 1$/m,
  ])
    assert.match(stdout, line);
  assert.equal((await here.run([...ask])).code, 2);
  assert.equal((await here.run([...ask, '--target', 'x:y', '--set', 'riks=1'])).code, 2);
});

test('a folder with an error is refused with file and line; a case that fails gives 3', async (t) => {
  const here = await makeHere(t);
  const folder = join(here.folder, 'policies');
  await here.json(['policy', 'init', folder]);
  const cases = join(here.folder, 'cases.json');
  const wrong = {
    name: 'it is allowed',
    request: { principal: 'person:x', action: 'filesystem:write', targets: ['files:a'] },
    expect: { effect: 'allow' },
  };
  await writeFile(cases, JSON.stringify({ cases: [wrong] }));
  const failed = await here.run(['policy', 'test', cases, '--policies', folder]);
  assert.equal(failed.code, 3);
  assert.match(failed.stdout, /FAIL {2}.*it is allowed\n +effect is "deny", not "allow"/);
  await writeFile(cases, JSON.stringify({ cases: [{ ...wrong, expects: {} }] }));
  assert.equal((await here.run(['policy', 'test', cases, '--policies', folder])).code, 2);

  await writeFile(
    join(folder, 'more.cedar'),
    '\n@id("x") permit (principal, action, resource) when { context.rsik };\n',
  );
  const refused = await here.run(['policy', 'check', '--policies', folder]);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /POLICY_SET_INVALID: more\.cedar:2: /);
});

test('replay shows what a changed set would decide otherwise, with what was known then', async (t) => {
  const here = await makeHere(t);
  const before = await openPolicies(EXAMPLE).current();
  const record = async (operation_id: string, members: Record<string, Json>) => {
    const decision = decide(before, parseRequest({ operation_id, ...members }));
    const { request: _request, resolved: _resolved, ...combined } = decision;
    return {
      action: 'operation.validated',
      resource: { type: 'operation', id: operation_id },
      data: { policy: combined, policies: [decision] } as unknown as Json,
    };
  };
  const ledger = await openLedger(here.env.INDELIBLE_LEDGER!, {
    create: true,
    name: 'test/replay',
    signerFor: async () => null,
  });
  const write = { principal: 'person:cleo', action: 'filesystem:write', targets: ['files:app.conf'] };
  for (const event of [
    await record('op-1', write),
    await record('op-2', { ...write, at: '2026-01-05T07:30:00Z' }),
    await record('op-3', { ...write, principal: 'person:mallory' }),
    { action: 'operation.vote', resource: { type: 'operation', id: 'op-1' }, data: { vote: 'yes' } },
  ])
    await ledger.recordOwn(event);
  await ledger.close();

  const same = await here.json(['policy', 'replay', '--policies', EXAMPLE, '--fail-on-difference']);
  assert.deepEqual([same.decisions, same.different, same.unreadable], [3, 0, 0]);

  const folder = join(here.folder, 'changed');
  await here.json(['policy', 'init', folder]);
  for (const name of ['prices.cedar', 'directory.json', 'calendar.json', 'files.cedar', 'schema.cedarschema'])
    await writeFile(join(folder, name), await readFile(join(EXAMPLE, name)));
  const files = await readFile(join(folder, 'files.cedar'), 'utf8');
  await writeFile(
    join(folder, 'files.cedar'),
    files.replace('@id("staff', '@approvals("1")\n@id("staff').replace('hour >= 8', 'hour >= 10'),
  );
  const replay = ['policy', 'replay', '--policies', folder];
  const { code, stdout } = await here.run(replay);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^op-1 {2}filesystem:write files:app\.conf {2}\(record \d+\)\n {2}was +allow\n {2}would be +approve: 1 person\n/m,
  );
  assert.match(stdout, /^op-2 .*\n {2}was +allow\n {2}would be +deny\n/m);
  assert.match(stdout, /^3 decisions, 2 would differ/m);
  assert.equal((await here.run([...replay, '--fail-on-difference'])).code, 3);

  const people = (await readFile(join(folder, 'directory.json'), 'utf8')).replace(
    '"cleo": { "roles": ["pricing"] }',
    '"cleo": { "roles": [] }',
  );
  await writeFile(join(folder, 'directory.json'), people);
  assert.match(
    (await here.run(replay)).stdout,
    /op-1 .*\n.*\n {2}would be +approve/,
    'roles as they were recorded',
  );
  assert.match(
    (await here.run([...replay, '--entities', 'folder'])).stdout,
    /op-1 .*\n.*\n {2}would be +deny/,
  );
});

test('a recorded decision that cannot be read is named, and hides no other', async (t) => {
  const here = await makeHere(t);
  const ledger = await openLedger(here.env.INDELIBLE_LEDGER!, {
    create: true,
    name: 'test/replay',
    signerFor: async () => null,
  });
  await ledger.recordOwn({ action: 'operation.validated', data: { policies: [{ effect: 'allow' }] } });
  await ledger.close();
  const { code, stdout, stderr } = await here.run(['policy', 'replay', '--policies', EXAMPLE]);
  assert.equal(code, 3);
  assert.match(stderr, /record 1 cannot be decided again/);
  assert.match(stdout, /^1 decision, 0 would differ/m);
});
