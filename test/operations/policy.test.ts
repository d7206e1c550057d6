/** Decisions: what policies, obligations and errors come to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { combine } from '../../packages/indelible/src/operations/policy/combine.ts';
import { decide } from '../../packages/indelible/src/operations/policy/decide.ts';
import { openPolicies } from '../../packages/indelible/src/operations/policy/folder.ts';
import type { PolicySet } from '../../packages/indelible/src/operations/policy/policy-set.ts';
import { policyRequestOf } from '../../packages/indelible/src/operations/policy/request.ts';
import { riskOf } from '../../packages/indelible/src/operations/policy/risk.ts';
import { runs } from '../support/runs.ts';
import { decided, requestOf, setOf } from './policy-support.ts';

const RUNS = Number(process.env.INDELIBLE_RUNS ?? runs(50));
const PERMIT = '@id("all") permit (principal, action, resource);\n';
/** 9,223,372,036,854,775,807 is the largest of Cedar's integers. */
const OVERFLOW = 'context.targets + 9223372036854775807 > 0';

test('pitfall 34: a forbid whose condition fails is skipped by Cedar, and the answer here is no', async () => {
  const set = await setOf(
    `${PERMIT}@id("careful") forbid (principal, action, resource) when { ${OVERFLOW} };`,
  );
  const raw = set.cedar.statefulIsAuthorized({
    principal: { type: 'Indelible::Person', id: 'alice' },
    action: { type: 'Indelible::Action', id: 'postgres:update' },
    resource: { type: 'Indelible::Target', id: 't' },
    context: { targets: 1 },
    entities: [],
    preparsedPolicySetId: set.name,
  });
  assert.equal(raw.type === 'success' && raw.response.decision, 'allow', 'Cedar by itself says yes');

  const decision = decide(set, requestOf());
  assert.equal(decision.effect, 'deny');
  assert.deepEqual(
    decision.errors.map(({ policy }) => policy),
    ['careful'],
  );
  assert.match(decision.reason, /^the policy careful failed: integer overflow/);
});

test('nothing is permitted that no policy permits, and without a folder nothing at all', async () => {
  const other = await decided(
    '@id("files") permit (principal, action == Indelible::Action::"filesystem:write", resource);',
  );
  assert.equal(other.effect, 'deny');
  assert.equal(other.reason, 'no policy permits it for prices:public.price/42');
  const set = await openPolicies(null).current();
  assert.equal(decide(set, requestOf()).effect, 'deny');
});

test('a permit without annotations allows; what determined it is named with the hash of its text', async () => {
  const set = await setOf(PERMIT);
  const decision = decide(set, requestOf());
  assert.equal(decision.effect, 'allow');
  const { sha256 } = set.policies.get('all')!;
  assert.deepEqual(decision.determining, [{ id: 'all', effect: 'permit', sha256 }]);
  assert.equal(decision.reason, 'permitted by all');
  assert.match(decision.policy_set_hash, /^[0-9a-f]{64}$/);
});

test('the strictest of all permits that hold is asked for, role by role', async () => {
  const decision = await decided(`${PERMIT}
    @id("a") @approvals("1") @approver_role("dba") @execute_within("2h") permit (principal, action, resource);
    @id("b") @approvals("3") @approver_role("dba") @approval_expires_after("24h") permit (principal, action, resource);
    @id("c") @approvals("2") @execute_within("30m") permit (principal, action, resource);
    @id("d") @approvals("9") permit (principal, action, resource) when { context.risk > 3 };`);
  assert.equal(decision.effect, 'approve');
  assert.deepEqual(decision.approvals, [
    { role: null, count: 2 },
    { role: 'dba', count: 3 },
  ]);
  assert.equal(decision.approval_expires_after_ms, 86_400_000);
  assert.equal(decision.execute_within_ms, 1_800_000);
  assert.equal(
    decision.reason,
    'permitted by a, all, b, c, with the approval of 2 people and 3 people with the role dba',
  );
});

test('where nothing can be shown in a dry run, a person approves whatever the policies say', async () => {
  const decision = await decided(PERMIT, { dry_run: 'none' });
  assert.equal(decision.effect, 'approve');
  assert.deepEqual(decision.approvals, [{ role: null, count: 1 }]);
});

test('every target is asked for, and one that is forbidden denies all', async () => {
  const cedar = `${PERMIT}@id("pii") forbid (principal, action, resource) when { resource.labels.contains("pii") };`;
  const targets = ['prices:public.price/1', 'prices:public.customer/2'];
  const decision = await decided(cedar, { targets });
  assert.equal(decision.effect, 'deny');
  assert.equal(decision.reason, 'forbidden by pii');
  assert.deepEqual(decision.resolved?.labels, { 'prices:public.customer/2': ['pii'] });
  assert.equal((await decided(cedar, { targets: targets.slice(0, 1) })).effect, 'allow');
});

test('roles of roles count, for the one who asks and for the person at the end of a delegation', async () => {
  const staff = '@id("staff") permit (principal in Indelible::Role::"staff", action, resource);';
  assert.equal((await decided(staff)).effect, 'allow');
  assert.equal((await decided(staff, { principal: 'person:carol' })).effect, 'deny');
  assert.equal(
    (await decided(staff, { principal: 'person:mallory' })).effect,
    'deny',
    'not in the directory',
  );

  const agents = `@id("for-dba") permit (principal is Indelible::Agent, action, resource)
    when { context has on_behalf_of && context.on_behalf_of in Indelible::Role::"dba" };`;
  const helper = (delegation: string[]) => decided(agents, { principal: 'agent:helper', delegation });
  assert.equal((await helper(['agent:planner', 'person:alice'])).effect, 'allow');
  assert.equal((await helper(['person:bob'])).effect, 'deny');
  assert.equal((await helper(['person:alice', 'agent:planner'])).effect, 'deny', 'an agent is at the end');
  assert.equal((await helper([])).effect, 'deny');
});

test('nobody becomes somebody else: another kind of actor, and one that is not authenticated', async () => {
  const as_person = await decided(PERMIT, { principal: 'person:helper' });
  assert.equal(as_person.reason, 'helper is in the directory as agent, and acts as person');
  assert.equal(as_person.effect, 'deny');
  assert.equal((await decided(PERMIT, { principal: 'unauthenticated:x' })).effect, 'deny');
  assert.equal((await decided(PERMIT, { delegation: ['unauthenticated:x'] })).effect, 'deny');
});

test('a freeze binds automatic approval, to the minute in its own time zone', async () => {
  const cedar = `${PERMIT}@id("frozen") @freeze("year-end") forbid (principal, action, resource) unless { context.break_glass };
    @id("glass") @break_glass("1") permit (principal, action, resource);`;
  const at = (time: string, more = {}) => decided(cedar, { at: time, ...more });
  assert.equal((await at('2026-12-23T16:59:59.999Z')).effect, 'allow');
  const frozen = await at('2026-12-23T17:00:00.000Z');
  assert.equal(frozen.reason, 'forbidden by frozen');
  assert.deepEqual(frozen.resolved?.freezes, ['year-end']);
  assert.equal((await at('2027-01-02T06:59:00Z')).effect, 'deny');
  assert.equal((await at('2027-01-02T07:00:00Z')).effect, 'allow');
  assert.equal((await at('2026-12-24T12:00:00Z', { break_glass: true })).effect, 'allow');
});

test('outside its freeze a policy is not evaluated, so that it cannot fail', async () => {
  const cedar = `${PERMIT}@id("frozen") @freeze("year-end") forbid (principal, action, resource) when { ${OVERFLOW} };`;
  assert.equal((await decided(cedar)).effect, 'allow');
  assert.equal((await decided(cedar, { at: '2026-12-24T12:00:00Z' })).errors.length, 1);
});

test('break-glass does without approvals, needs a policy of its own, and leaves a review', async () => {
  const cedar = `@id("ordinary") @approvals("2") @approver_role("dba") permit (principal, action, resource);
    @id("glass") @break_glass("1") @reviewer_role("lead") permit (principal in Indelible::Role::"dba", action, resource);`;
  const ordinary = await decided(cedar);
  assert.deepEqual([ordinary.effect, ordinary.review], ['approve', []]);
  assert.deepEqual(
    ordinary.determining.map(({ id }) => id),
    ['ordinary'],
    'glass counts only when it is broken',
  );

  const broken = await decided(cedar, { break_glass: true });
  assert.deepEqual([broken.effect, broken.approvals], ['allow', []]);
  assert.deepEqual(broken.review, [
    { role: 'dba', count: 2 },
    { role: 'lead', count: 1 },
  ]);
  const refused = await decided(cedar, { break_glass: true, principal: 'person:bob' });
  assert.match(refused.reason, /^no policy permits it as break-glass/);
  const only_glass = await decided('@id("glass") @break_glass("1") permit (principal, action, resource);');
  assert.match(only_glass.reason, /^only break-glass is permitted/);
});

test('a request that the schema does not know is denied with the reason', async () => {
  for (const [members, reason] of [
    [{ action: 'postgres:truncate' }, /action `Indelible::Action::"postgres:truncate"` does not exist/],
    [{ targets: ['prices:a'], connector: 'prices', diff_bytes: 2 ** 53 - 1, action: 'nonsense' }, /nonsense/],
  ] as const) {
    const decision = await decided(PERMIT, members);
    assert.equal(decision.effect, 'deny');
    assert.match(decision.reason, reason);
  }
  const broken = decide(await setOf(PERMIT), { ...requestOf(), diff_bytes: 0.5 });
  assert.equal(broken.effect, 'deny');
  assert.equal(decide(await setOf(PERMIT), { ...requestOf(), at: 'whenever' }).effect, 'deny');
});

test('the hash of a decision changes with what it lets happen and with the set, not with the time', async () => {
  const set = await setOf(PERMIT);
  const first = decide(set, requestOf());
  assert.equal(decide(set, requestOf({ at: '2026-03-01T08:00:00Z' })).decision_hash, first.decision_hash);
  assert.notEqual(decide(set, requestOf({ dry_run: 'none' })).decision_hash, first.decision_hash);
  const noted = await setOf(`// A comment, and other spaces.\n${PERMIT.replace(' permit', '\n\n  permit')}`);
  assert.equal(noted.policy_set_hash, set.policy_set_hash, 'comments and spaces do not count');
  const other = await setOf(
    `${PERMIT}@id("x") forbid (principal, action, resource) when { context.risk > 9 };`,
  );
  assert.notEqual(decide(other, requestOf()).decision_hash, first.decision_hash);
});

test('a change set has every requirement of every member, and one denied member denies it', async () => {
  const set =
    await setOf(`@id("a") @approvals("1") permit (principal, action, resource) when { context.risk > 1 };
    @id("b") permit (principal, action, resource) when { context.risk < 4 };`);
  const calm = decide(set, requestOf());
  const risky = decide(set, requestOf({ reversibility: 'partial' }));
  const denied = decide(set, requestOf({ action: 'postgres:truncate' }));
  assert.deepEqual([calm.effect, risky.effect, denied.effect], ['allow', 'approve', 'deny']);
  assert.deepEqual(combine([calm, risky]).approvals, [{ role: null, count: 1 }]);
  assert.equal(combine([calm, risky]).effect, 'approve');
  assert.equal(combine([calm, risky, denied]).effect, 'deny');
  assert.equal(combine([calm]).decision_hash, calm.decision_hash);
  const other_set = decide(await setOf(PERMIT), requestOf());
  assert.equal(combine([calm, other_set]).effect, 'deny');
});

test('a request is made of a plan, and says nothing of its parameters', () => {
  const request = policyRequestOf(
    {
      connector: 'prices',
      connector_version: '1',
      action: 'delete',
      params: { password: 'hunter2' },
      targets: [
        {
          resource: { type: 'row', id: 'prices:a' },
          version: '1',
          before: { digest: '0'.repeat(64), facts: { price: 1 } },
          after: null,
          diff: { format: 'none', reason: 'gone' },
        },
      ],
      steps: [],
      rollback_steps: [],
      capabilities: {
        guarantee: 'none',
        dry_run: 'computed',
        rollback: { can_rollback: true, method: 'partial-compensate', window_ms: 60_000, limitations: [] },
        probe: true,
        limits: { max_targets: 1, max_bytes: 1, timeout_ms: 1 },
      },
    },
    {
      operation_id: 'op',
      connector_kind: 'postgres',
      actor: { type: 'agent', id: 'helper', on_behalf_of: { type: 'user', id: 'alice' } },
      now: Date.parse('2026-11-21T02:14:00Z'),
    },
  );
  assert.ok(!JSON.stringify(request).includes('hunter2'));
  assert.equal(request.action, 'postgres:delete');
  assert.deepEqual(request.delegation, [{ kind: 'person', id: 'alice' }]);
  assert.deepEqual(request.targets, [{ id: 'prices:a', type: 'row', change: 'delete' }]);
  assert.equal(request.reversibility, 'partial');
  assert.equal(riskOf(request), 4, 'partial, none, and a deletion');
  assert.equal(riskOf(requestOf()), 1);
});

const CONDITIONS = [
  'context.risk > 1',
  'context.targets == 1',
  'context.delegated',
  'principal in Indelible::Role::"dba"',
  'resource.id like "*price*"',
  'context.time.hour < 12',
  'resource.labels.contains("pii")',
  'context.environment == Indelible::Environment::"production"',
  OVERFLOW,
  `context.targets > 0 || ${OVERFLOW}`,
  `context.risk * 9223372036854775807 > 0 && ${OVERFLOW}`,
];
const policy = fc.record({
  effect: fc.constantFrom('permit', 'forbid'),
  clause: fc.constantFrom('when', 'unless'),
  condition: fc.constantFrom(...CONDITIONS),
  annotation: fc.constantFrom('', '', '@approvals("2")', '@break_glass("1")'),
});
const request = fc.record({
  principal: fc.constantFrom('person:alice', 'person:bob', 'agent:helper'),
  delegation: fc.constantFrom([], ['person:alice']),
  targets: fc.uniqueArray(fc.constantFrom('prices:a-price', 'prices:customer', 'scratch:x'), {
    minLength: 1,
  }),
  connector: fc.constantFrom('prices', 'scratch'),
  reversibility: fc.constantFrom('full', 'none'),
  break_glass: fc.boolean(),
});

const permits = new Map<string, Promise<PolicySet>>();
function permitOnly(condition: string): Promise<PolicySet> {
  const set =
    permits.get(condition) ?? setOf(`@id("alone") permit (principal, action, resource) ${condition};`);
  permits.set(condition, set);
  return set;
}

test('property: a forbid always wins, and no error ever allows', async () => {
  let [forbidden, failed, let_through] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(fc.array(policy, { minLength: 1, maxLength: 5 }), request, async (policies, members) => {
      const texts = policies.map(
        ({ effect, clause, condition, annotation }, at) =>
          `${effect === 'permit' ? annotation : ''} @id("p${at}") ${effect} (principal, action, resource) ${clause} { ${condition} };`,
      );
      const set = await setOf(texts.join('\n'));
      const asked = requestOf(members);
      const decision = decide(set, asked);
      // Each condition by itself, so that the expectation does not come from how Cedar puts them together.
      const alone = await Promise.all(
        policies.map(async ({ clause, condition }) =>
          decide(await permitOnly(`${clause} { ${condition} }`), { ...asked, break_glass: false }),
        ),
      );
      const fails = alone.some(({ errors }) => errors.length > 0);
      const forbids = policies.some(({ effect }, at) => effect === 'forbid' && alone[at]!.effect !== 'deny');
      if (fails || forbids) assert.equal(decision.effect, 'deny', texts.join('\n'));
      if (fails) assert.ok(decision.errors.length > 0);
      if (decision.effect !== 'deny') {
        assert.deepEqual(decision.errors, []);
        assert.ok(
          decision.determining.length > 0 && decision.determining.every(({ effect }) => effect === 'permit'),
        );
        let_through += 1;
      }
      forbidden += Number(forbids);
      failed += Number(fails);
    }),
    { numRuns: RUNS, seed: 34 },
  );
  assert.ok(forbidden > 0 && failed > 0 && let_through > 0, `${forbidden}, ${failed}, ${let_through}`);
});
