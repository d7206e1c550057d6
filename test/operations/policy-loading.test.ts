/** Loading a folder: strict, with file and line; and the files around the policies. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { decide } from '../../packages/indelible/src/operations/policy/decide.ts';
import { openPolicies } from '../../packages/indelible/src/operations/policy/folder.ts';
import { loadPolicySet } from '../../packages/indelible/src/operations/policy/policy-set.ts';
import { policySetEvent } from '../../packages/indelible/src/operations/policy/set-record.ts';
import { splitPolicies } from '../../packages/indelible/src/operations/policy/split.ts';
import { instantOf, wallClock } from '../../packages/indelible/src/operations/policy/zone.ts';
import { DIRECTORY, filesOf, requestOf, SCHEMA, setOf } from './policy-support.ts';

const PERMIT = '@id("all") permit (principal, action, resource);\n';

async function problemsOf(files: Map<string, string>): Promise<string[]> {
  try {
    await loadPolicySet(files);
    return [];
  } catch (error) {
    assert.ok(isIndelibleError(error, 'POLICY_SET_INVALID'), String(error));
    const { problems } = error.details as {
      problems: { file: string; line: number | null; message: string }[];
    };
    return problems.map(({ file, line, message }) => `${file}:${line}: ${message}`);
  }
}

test('each thing that would be passed over in silence is a problem with its file and line', async () => {
  const head = `// é: two bytes, so that bytes are not taken for characters.\n${PERMIT}\n`;
  const condition = (text: string) => `@id("x")\nforbid (principal, action, resource)\nwhen { ${text} };`;
  const cases: [string, RegExp][] = [
    ['permit (principal, action, resource);', /^base\.cedar:4: a policy needs a name/],
    ['@id("x")\nforbid (principal, action, resourc);', /^base\.cedar:5: .*resourc/],
    [
      '@id("x") @aprovals("2") permit (principal, action, resource);',
      /^base\.cedar:4: @aprovals is no annotation/,
    ],
    [
      '@id("x") @approvals("0") permit (principal, action, resource);',
      /^base\.cedar:4: @approvals takes a number/,
    ],
    [
      '@id("x") @approvals permit (principal, action, resource);',
      /^base\.cedar:4: @approvals takes a number/,
    ],
    [
      '@id("x") @approvals("1") forbid (principal, action, resource);',
      /^base\.cedar:4: @approvals is for a permit/,
    ],
    ['@id("x") @approver_role("dba") permit (principal, action, resource);', /nothing without @approvals/],
    [
      '@id("x") @approvals("1") @approver_role("dbaa") permit (principal, action, resource);',
      /no role "dbaa"/,
    ],
    [
      '@id("x") @approvals("1") @break_glass("1") permit (principal, action, resource);',
      /no place beside it/,
    ],
    [
      '@id("x") @freeze("easter") forbid (principal, action, resource);',
      /@freeze\("easter"\) is not in calendar/,
    ],
    [
      '@id("all") forbid (principal, action, resource);',
      /^base\.cedar:4: @id\("all"\) is taken, in base\.cedar:2/,
    ],
    ['@id("x") permit (principal == ?principal, action, resource);', /^base\.cedar:4: .*template/],
    [condition('context.rsk > 1'), /^base\.cedar:6: .*rsk/],
    [condition('context.reversibility == Indelible::Reversibility::"nun"'), /^base\.cedar:6: .*nun/],
    [condition('context.rollback_window_s > 1'), /^base\.cedar:6: .*optional attribute/],
    [condition('principal in Indelible::Role::"dbaa"'), /^base\.cedar:4: directory\.json has no role "dbaa"/],
    [condition('resource in Indelible::Connector::"price"'), /no connector "price"/],
    [
      '@id("x") forbid (principal is Indelible::Agent, action, resource is Indelible::Role);',
      /^base\.cedar:4: /,
    ],
  ];
  for (const [cedar, problem] of cases) {
    const [found = 'none', ...more] = await problemsOf(filesOf(head + cedar));
    assert.match(found, problem, cedar);
    for (const other of more) assert.match(other, /^base\.cedar:\d/);
  }
  assert.deepEqual(await problemsOf(filesOf(head)), []);
});

test('data files: problems have the line of the member', async () => {
  const calendar = (text: string) => filesOf(PERMIT, { 'calendar.json': text });
  const directory = (text: string) => filesOf(PERMIT, { 'directory.json': text });
  const freeze = (window: string) =>
    `{\n"time_zone": "UTC",\n"freezes": {\n"a": {\n"windows": [\n${window}\n]}}}`;
  const cases: [Map<string, string>, string][] = [
    [calendar('{\n"freezes": {}\n}'), 'calendar.json:1: time_zone must be stated'],
    [calendar('{\n"time_zone": "+01:00"\n}'), 'calendar.json:2: time_zone must be stated'],
    [calendar('{\n"time_zone": "Europe/Wien"\n}'), 'calendar.json:2: time_zone must be stated'],
    [
      calendar(freeze('{"from": "2026-02-30T10:00", "to": "2026-03-01T10:00"}')),
      'calendar.json:6: freezes.a.windows.0.from must be',
    ],
    [
      calendar(freeze('{"from": "2026-03-02T10:00",\n"to": "2026-03-01T10:00"}')),
      'calendar.json:6: freezes.a.windows.0 ends before',
    ],
    [
      calendar(freeze('{"from": "2026-03-02T10:00", "until": "2026-03-03T10:00"}')),
      'calendar.json:6: freezes.a.windows.0.to must be',
    ],
    [calendar('{\n"time_zone": "UTC",,\n}'), 'calendar.json:2: is not valid JSON'],
    [
      directory('{\n"roles": {},\n"people": {\n"alice": {"roles": ["dba"]}}}'),
      'directory.json:4: people.alice.roles names no role: dba',
    ],
    [
      directory('{"roles": {"a": {"in": ["b"]},\n"b": {"in": ["a"]}}}'),
      'directory.json:1: roles.a.in leads back',
    ],
    [
      directory('{"people": {"x": {}},\n"agents": {"x": {}}}'),
      'directory.json:2: agents.x is there under another kind',
    ],
    [directory('{"person": {}}'), 'directory.json:1: person is none of'],
    [filesOf(PERMIT, { 'calender.json': '{}' }), 'calender.json:null: is read by nothing'],
    [filesOf(PERMIT, { 'BASE.CEDAR': PERMIT }), 'BASE.CEDAR:null: must end in .cedar'],
  ];
  for (const [files, problem] of cases) {
    const found = await problemsOf(files);
    assert.ok(
      found.some((text) => text.startsWith(problem)),
      `${problem}\n${found.join('\n')}`,
    );
  }
});

test('a schema that does not take what the engine says is refused, also for one environment', async () => {
  const schema = (from: string, to: string) => {
    assert.ok(SCHEMA.includes(from));
    return filesOf(PERMIT, { 'schema.cedarschema': SCHEMA.replace(from, to) });
  };
  const [narrow = ''] = await problemsOf(schema('    deletes: Long,\n', ''));
  assert.match(narrow, /^schema\.cedarschema:\d+: action "\w+:\w+" does not take what the engine says/);
  const [environment = ''] = await problemsOf(schema('"staging", "test", ', '"staging", '));
  assert.match(environment, /does not take what the engine says: .*"test"/);
  const own =
    'action "shop:sell" appliesTo { principal: [Person], resource: [Target], context: { risk: Long } };';
  const [alone = '', ...others] = await problemsOf(schema('entity Role;', `entity Role;\n${own}`));
  assert.match(alone, /action "shop:sell" does not take what the engine says/, 'although all others do');
  assert.deepEqual(others, []);
  assert.match((await problemsOf(schema('entity Role;', 'entity Role')))[0]!, /^schema\.cedarschema:\d+: /);
  const missing = filesOf(PERMIT);
  missing.delete('schema.cedarschema');
  assert.match((await problemsOf(missing))[0]!, /^schema\.cedarschema:null: is missing/);
});

test('a folder with an error stops decisions, in a running process too, and never falls back to what it was', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-policies-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of filesOf(PERMIT)) await writeFile(join(folder, name), text);
  const policies = openPolicies(folder);
  const first = await policies.current();
  assert.equal(await policies.current(), first, 'unchanged files are not read again');

  await writeFile(join(folder, 'more.cedar'), '\n\nforbid (principal, action, resource)');
  for (let tries = 0; tries < 2; tries += 1) {
    await assert.rejects(policies.current(), (error) => {
      assert.ok(isIndelibleError(error, 'POLICY_SET_INVALID'));
      return /^more\.cedar:3: /.test(error.message);
    });
  }
  await writeFile(join(folder, 'more.cedar'), '@id("no") forbid (principal, action, resource);');
  assert.equal(decide(await policies.current(), requestOf()).effect, 'deny');
  await writeFile(join(folder, 'more.cedar'), Buffer.from([0x2f, 0x2f, 0xff]));
  await assert.rejects(policies.current(), /more\.cedar: is not UTF-8/);
  await rm(folder, { recursive: true });
  await assert.rejects(policies.current(), /cannot be read \(ENOENT\)/);
});

test('numbers that JavaScript cannot hold stay what they are', async () => {
  const files = `${PERMIT}@id("big") @freeze("year-end") forbid (principal, action, resource)
    when { context.diff_bytes + 9007199254740992 == 9007199254740993 };`;
  const set = await setOf(files);
  assert.ok(set.policies.get('big')!.text.includes('9007199254740993'));
  const at = '2026-12-24T12:00:00Z';
  assert.equal(decide(set, requestOf({ at, diff_bytes: 1 })).effect, 'deny');
  assert.equal(decide(set, requestOf({ at, diff_bytes: 0 })).effect, 'allow');
});

test('policies are cut apart where Cedar ends them', () => {
  const source =
    '// a; b\n@id("x;\\"//") permit (principal, action, resource);\n\n  // c\nforbid (principal, action, resource) // ;\n; // end';
  assert.deepEqual(
    splitPolicies(source).map(({ text, line }) => [line, text.slice(0, 6), text.at(-1)]),
    [
      [2, '@id("x', ';'],
      [5, 'forbid', ';'],
    ],
  );
});

test('a scope with parentheses in annotations and texts is frozen in the right place', async () => {
  const cedar = `${PERMIT}@id("f") @description("forbid ) when (") @freeze("year-end")
    forbid (principal, action in [Indelible::Action::"postgres"], resource) // forbid ( )
    when { resource.id like "*(*" };`;
  const set = await setOf(cedar);
  const asked = { targets: ['prices:(1)'] };
  assert.equal(decide(set, requestOf(asked)).effect, 'allow');
  assert.equal(decide(set, requestOf({ ...asked, at: '2026-12-24T12:00:00Z' })).effect, 'deny');
  assert.equal(decide(set, requestOf({ at: '2026-12-24T12:00:00Z' })).effect, 'allow');
});

test('local times where clocks change: a freeze has the longer reading', () => {
  const vienna = (local: string, side: 'first' | 'last') =>
    new Date(instantOf(local, 'Europe/Vienna', side)).toISOString();
  assert.equal(vienna('2026-07-01T12:00', 'first'), '2026-07-01T10:00:00.000Z');
  assert.equal(vienna('2026-10-25T02:30', 'first'), '2026-10-25T00:30:00.000Z');
  assert.equal(vienna('2026-10-25T02:30', 'last'), '2026-10-25T01:30:00.000Z');
  assert.equal(vienna('2026-03-29T02:30', 'first'), '2026-03-29T00:30:00.000Z');
  assert.equal(vienna('2026-03-29T02:30', 'last'), '2026-03-29T01:30:00.000Z');
  assert.equal(vienna('2026-03-29T12:00', 'first'), '2026-03-29T10:00:00.000Z');
  assert.deepEqual(wallClock(Date.parse('2026-11-22T23:30:00Z'), 'Europe/Vienna'), {
    date: '2026-11-23',
    weekday: 1,
    hour: 0,
    minute: 30,
  });
});

test('a clock is the one of its minute and of its zone, whatever was asked before', () => {
  const clock = (time: string, zone: string) => {
    const { hour, minute } = wallClock(Date.parse(time), zone);
    return `${hour}:${minute}`;
  };
  assert.equal(clock('2026-11-22T23:59:59.999Z', 'UTC'), '23:59');
  assert.equal(clock('2026-11-22T23:59:00Z', 'Asia/Kolkata'), '5:29');
  assert.equal(clock('2026-11-23T00:00:00Z', 'UTC'), '0:0');
  assert.equal(clock('2026-11-22T23:59:30Z', 'UTC'), '23:59');
  assert.equal(clock('1971-06-01T12:00:00Z', 'Africa/Monrovia'), '11:15');
  assert.equal(clock('1971-06-01T12:00:45Z', 'Africa/Monrovia'), '11:16', '44 minutes and a half behind');
});

test('a weekly freeze over midnight belongs to the day it begins on', async () => {
  const calendar = {
    time_zone: 'UTC',
    freezes: { night: { weekly: [{ days: ['fri'], from: '22:00', to: '06:00' }] } },
  };
  const set = await setOf(PERMIT, { 'calendar.json': calendar });
  const active = (time: string) => set.calendar.activeAt(Date.parse(time)).length === 1;
  const times = [
    '2026-11-20T21:59:00Z',
    '2026-11-20T22:00:00Z',
    '2026-11-21T05:59:00Z',
    '2026-11-21T06:00:00Z',
    '2026-11-21T23:00:00Z',
  ];
  assert.deepEqual(times.map(active), [false, true, true, false, false]);
});

test('the record of a set holds every text by its hash, and the hashes say what changed', async () => {
  const set = await setOf(PERMIT);
  const { data, idempotency_key } = policySetEvent(set);
  assert.equal(idempotency_key, `policy:${set.policy_set_hash}:${set.entities_hash}`);
  const { policies, directory } = data as { policies: Record<string, { text: string }>; directory: unknown };
  assert.equal(policies.all!.text, set.policies.get('all')!.text);
  assert.deepEqual(directory, DIRECTORY);
  const other_people = await setOf(PERMIT, { 'directory.json': { ...DIRECTORY, people: {} } });
  assert.equal(other_people.policy_set_hash, set.policy_set_hash);
  assert.notEqual(other_people.entities_hash, set.entities_hash);
  const other_calendar = await setOf(PERMIT, { 'calendar.json': { time_zone: 'UTC' } });
  assert.notEqual(other_calendar.policy_set_hash, set.policy_set_hash);
});
