/** Governed writes over HTTP: what is asked for, voted on, executed and undone, and by whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize, type JsonObject, sha256Hex } from '@indelible/core';
import type { Operation } from '../../packages/indelible/src/operations/types.ts';
import { ASKED, PRICE, serveOperations } from './operations-support.ts';

const refusal = (data: unknown): JsonObject => data as JsonObject;

test('planned, seen, approved by two, applied and undone: all over HTTP, nobody but the voter signs', async (t) => {
  const served = await serveOperations(t);
  const { world, get, post } = served;
  const reader = await served.token('reader', 'operations:read');
  const operation = await served.planned();
  assert.equal(operation.state, 'pending_approval');
  assert.deepEqual(operation.envelope.requester, {
    ...{ type: 'api-token', id: 'helper' },
    on_behalf_of: { type: 'user', id: 'alice' },
  });
  assert.equal(world.system.state('price')!.facts.value, 1);
  const at = `/v1/operations/${operation.operation_id}`;

  const seen = (await get(`${at}/approval`, reader)).body;
  const hash = sha256Hex(new TextEncoder().encode(canonicalize(seen.plan)));
  assert.equal(hash, operation.plan_hash, 'whoever votes can compute the hash of what they saw');
  assert.deepEqual(seen.plan.members[0].params, PRICE.params);
  assert.deepEqual(seen.plan.members[0].rollback_steps, ['put the old value back']);
  assert.equal(seen.plan.members[0].targets[0].diff.format, 'json-patch');
  assert.deepEqual(seen.missing, [{ role: null, count: 2 }]);
  assert.equal(seen.is_irreversible, false);

  const executor = await served.token('deploy', 'operations:execute');
  const early = await post(`${at}/apply`, executor);
  assert.deepEqual([early.status, early.body.code], [409, 'OPERATION_STATE']);
  const advice = { plan_hash: operation.plan_hash, vote: 'deny', reason: 'it was 1 for years' };
  const advised = await post(`${at}/advice`, await served.token('reviewer', 'operations:plan'), advice);
  assert.deepEqual(
    advised.body.votes.map(({ counts, vote }: { counts: boolean; vote: string }) => [counts, vote]),
    [[false, 'deny']],
  );
  for (const person of ['bob', 'dave']) {
    const secret = await served.token(person, 'operations:approve');
    const voted = await post(`${at}/votes`, secret, await served.ballot(operation, person));
    assert.equal(voted.status, 200, JSON.stringify(voted.body));
  }
  const applied = await post(`${at}/apply`, executor, { plan_hash: operation.plan_hash });
  assert.deepEqual([applied.status, applied.body.state], [200, 'verified']);
  assert.equal(world.system.state('price')!.facts.value, 2);
  assert.equal(applied.body.history.find(({ to }: { to: string }) => to === 'executing').actor.id, 'deploy');

  const helper = await served.token('helper');
  const shown = await post(`${at}/rollback`, helper, { dry_run: true });
  assert.deepEqual([shown.status, shown.body.members], [200, [0]]);
  world.policy.says = { effect: 'allow' };
  const child = await post(`${at}/rollback`, helper, { reason: 'a mistake' });
  assert.deepEqual([child.status, child.body.state], [201, 'approved']);
  const undone = await post(`/v1/operations/${child.body.operation_id}/apply`, executor);
  assert.equal(undone.body.state, 'verified');
  assert.equal(world.system.state('price')!.facts.value, 1);
  assert.equal((await get(at, reader)).body.state, 'rolled_back');
  const nothing_due = await post('/v1/operations/recover', executor);
  assert.deepEqual([nothing_due.status, nothing_due.body.changed], [200, []]);
  const reads = await served.records('access.read');
  assert.deepEqual(
    reads.map(({ data }) => refusal(data).route),
    ['GET /v1/operations/{operation_id}/approval', 'GET /v1/operations/{operation_id}'],
  );
});

test('pitfall 27: a token hands in the vote of its own person only, and nobody approves what was asked for them', async (t) => {
  const served = await serveOperations(t);
  const operation = await served.planned();
  const votes = `/v1/operations/${operation.operation_id}/votes`;
  const carol = await served.token('carol', 'operations:approve');
  const stolen = await served.post(votes, carol, await served.ballot(operation, 'bob'));
  assert.deepEqual(
    [stolen.status, stolen.body.code, stolen.body.details.rule],
    [403, 'APPROVAL_REFUSED', 'sender'],
  );
  const alice = await served.token('alice', 'operations:approve', 'operations:plan');
  const own = await served.post(votes, alice, await served.ballot(operation, 'alice'));
  assert.deepEqual([own.status, own.body.details.rule], [403, 'delegation']);
  const bob = await served.token('bob', 'operations:approve');
  const ballot = await served.ballot(operation, 'bob');
  const forged = { ...ballot, signature: { ...(ballot.signature as object), note: 'no note' } };
  assert.equal((await served.post(votes, bob, forged)).body.details.rule, 'statement');
  const turned = await served.post(votes, bob, { ...ballot, vote: 'deny' });
  assert.equal(turned.body.details.rule, 'statement', 'what was signed is an approval');
  const other = await served.post(votes, bob, { ...ballot, plan_hash: 'ab'.repeat(32) });
  assert.deepEqual([other.status, other.body.code], [409, 'PLAN_HASH']);
  const refused = await served.records('operation.refused');
  assert.deepEqual(
    refused.map(({ data }) => (refusal(data).details as JsonObject).rule ?? refusal(data).code),
    ['sender', 'delegation', 'statement', 'statement', 'PLAN_HASH'],
  );
  assert.equal((await served.world.engine.read(operation.operation_id)).votes.length, 0);
  const asked = await served.planned({ ...ASKED, on_behalf_of: undefined });
  const planner = await served.post(
    `/v1/operations/${asked.operation_id}/votes`,
    await served.token('helper'),
    await served.ballot(asked, 'bob'),
  );
  assert.equal(planner.body.code, 'FORBIDDEN', 'who plans needs another scope to vote');
});

test('each route wants its own scope, and every refusal is on record', async (t) => {
  const served = await serveOperations(t);
  const operation = await served.planned();
  const at = `/v1/operations/${operation.operation_id}`;
  const scopes = ['operations:read', 'operations:plan', 'operations:approve', 'operations:execute'] as const;
  const calls: readonly [string, (typeof scopes)[number] | 'admin', unknown?][] = [
    ['/v1/operations', 'operations:plan', ASKED],
    [`${at}/advice`, 'operations:plan', { plan_hash: operation.plan_hash, vote: 'deny', reason: 'no' }],
    [`${at}/rollback`, 'operations:plan', { reason: 'no' }],
    [`${at}/votes`, 'operations:approve', await served.ballot(operation, 'bob')],
    [`${at}/apply`, 'operations:execute'],
    [`${at}/close`, 'operations:execute', { reason: 'no' }],
    [`${at}/resolve`, 'operations:execute', { reason: 'no', happened: false }],
    ['/v1/operations/recover', 'operations:execute'],
    ['/v1/approvers', 'admin', { request: 'x' }],
    ['/v1/policy/check', 'operations:read'],
  ];
  for (const [path, needed, body] of calls) {
    const others = scopes.filter((scope) => scope !== needed);
    const secret = await served.token(
      `no-${needed.replace(':', '-')}`,
      ...others,
      'audit:read',
      'audit:write',
    );
    const response = await served.post(path, secret, body);
    assert.deepEqual([response.status, response.body.details?.scope], [403, needed], path);
  }
  const denied = await served.records('access.denied');
  assert.equal(denied.length, calls.length);
  const stranger = await served.token('stranger', 'operations:plan');
  const withdrawn = await served.post(`${at}/cancel`, stranger, { reason: 'not mine' });
  assert.deepEqual([withdrawn.status, withdrawn.body.details.scope], [403, 'operations:execute']);
  assert.equal((await served.records('access.denied')).length, calls.length + 1);
  const mine = await served.post(`${at}/cancel`, await served.token('helper'), { reason: 'never mind' });
  assert.deepEqual([mine.status, mine.body.state], [200, 'cancelled']);
});

test('what did not succeed is a problem, with the operation in it', async (t) => {
  const served = await serveOperations(t);
  const { world, post } = served;
  const helper = await served.token('helper', 'operations:plan');
  const executor = await served.token('deploy', 'operations:execute');
  world.policy.says = { effect: 'deny', reason: 'never on a Saturday' };
  const denied = await post('/v1/operations', helper, ASKED);
  assert.deepEqual([denied.status, denied.body.code], [403, 'OPERATION_DENIED']);
  assert.deepEqual([denied.body.detail, denied.body.operation.state], ['never on a Saturday', 'denied']);
  world.policy.says = { effect: 'allow' };
  const apply = async (fault: 'refused' | null): Promise<Operation> => {
    const operation = await served.planned();
    world.connector.fault = fault;
    return operation;
  };
  const failing = await apply('refused');
  const failed = await post(`/v1/operations/${failing.operation_id}/apply`, executor);
  assert.deepEqual([failed.status, failed.body.code], [502, 'OPERATION_FAILED']);
  assert.equal(failed.body.operation.state, 'failed');
  const old = await apply(null);
  world.system.set('price', 7);
  const stale = await post(`/v1/operations/${old.operation_id}/apply`, executor);
  assert.deepEqual([stale.status, stale.body.code], [409, 'OPERATION_STALE']);
  const unknown = await post('/v1/operations/nothing/apply', executor);
  assert.deepEqual([unknown.status, unknown.body.code], [404, 'OPERATION_NOT_FOUND']);
  const unheard = await post('/v1/operations', helper, {
    ...ASKED,
    members: [{ ...PRICE, connector: 'nowhere' }],
  });
  assert.deepEqual([unheard.status, unheard.body.code], [400, 'OPERATION_INVALID']);
  assert.equal((await served.records('operation.request_refused')).length, 1);
});

test('an idempotency key stands for one request', async (t) => {
  const served = await serveOperations(t);
  const helper = await served.token('helper', 'operations:plan');
  const key = { 'idempotency-key': 'order-1' };
  const first = await served.post('/v1/operations', helper, ASKED, key);
  const again = await served.post('/v1/operations', helper, ASKED, key);
  assert.equal(again.body.operation_id, first.body.operation_id);
  const other = await served.post('/v1/operations', helper, { ...ASKED, reason: 'another' }, key);
  assert.deepEqual([other.status, other.body.code], [409, 'OPERATION_KEY_CONFLICT']);
  assert.equal((await served.records('operation.planned')).length, 1);
});

test('what is not known, too much or of another shape is refused, and nothing is recorded', async (t) => {
  const served = await serveOperations(t);
  const helper = await served.token('helper', 'operations:plan', 'operations:approve', 'operations:execute');
  const operation = await served.planned();
  const before = (await served.world.ledger.head())!.seq;
  const at = `/v1/operations/${operation.operation_id}`;
  const deep = (left: number): object => ({
    ...{ type: 'user', id: `user-${left}` },
    ...(left === 0 ? {} : { on_behalf_of: deep(left - 1) }),
  });
  const bad: readonly [string, unknown][] = [
    ['/v1/operations', { ...ASKED, break_glas: true }],
    ['/v1/operations', { ...ASKED, members: [] }],
    ['/v1/operations', { ...ASKED, members: Array.from({ length: 17 }, () => PRICE) }],
    ['/v1/operations', { ...ASKED, reason: 'x'.repeat(2001) }],
    ['/v1/operations', { ...ASKED, requester: { type: 'user', id: 'root' } }],
    ['/v1/operations', { ...ASKED, on_behalf_of: { type: 'user', id: '' } }],
    [`${at}/votes`, { plan_hash: 'short', vote: 'approve' }],
    [`${at}/votes`, { plan_hash: operation.plan_hash, vote: 'approve', private_key: 'x' }],
    [`${at}/apply`, { force: true }],
    [`${at}/cancel`, {}],
    [`${at}/rollback`, { reason: 'no', on_behalf_of: deep(8) }],
    ['/v1/operations', { ...ASKED, on_behalf_of: deep(8) }],
  ];
  for (const [path, body] of bad) {
    const response = await served.post(path, helper, body);
    assert.deepEqual([response.status, response.body.code], [400, 'OPERATION_INVALID'], JSON.stringify(body));
  }
  const large = await served.post('/v1/operations', helper, { ...ASKED, intent: 'x'.repeat(1 << 20) });
  assert.deepEqual([large.status, large.body.code], [413, 'BODY_TOO_LARGE']);
  assert.equal((await served.world.ledger.head())!.seq, before);
});

test('break-glass over HTTP: signed by whoever asked, handed in with their own token, announced', async (t) => {
  const served = await serveOperations(t);
  const { world, post } = served;
  world.policy.says = { effect: 'allow', review: [{ role: null, count: 1 }] };
  const alice = await served.token('alice', 'operations:plan', 'operations:approve');
  const asked = { ...ASKED, on_behalf_of: undefined, break_glass: true };
  const operation = (await post('/v1/operations', alice, asked)).body as Operation;
  assert.equal(operation.state, 'validated');
  const signature = { ...(await world.sign(operation, 'alice', 'approve', 'break_glass')) };
  const statement = { plan_hash: operation.plan_hash, vote: 'approve', purpose: 'break_glass', signature };
  const votes = `/v1/operations/${operation.operation_id}/votes`;
  const other = await post(votes, await served.token('bob', 'operations:approve'), statement);
  assert.deepEqual([other.status, other.body.details.rule, world.notices.length], [403, 'sender', 0]);
  const opened = await post(votes, alice, statement);
  assert.deepEqual([opened.body.state, world.notices.length], ['approved', 1]);
});
