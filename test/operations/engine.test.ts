import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasAgent } from '../../packages/indelible/src/operations/people.ts';
import type { VoteSignature } from '../../packages/indelible/src/operations/types.ts';
import { ALICE, BOT, RUNNER, World } from './world.ts';

test('planned, approved by policy, executed, verified, and closed when its window is over', async (t) => {
  const world = await World.open(t, { window_ms: 60_000 });
  const planned = await world.engine.plan(world.request());
  assert.equal(planned.state, 'approved');
  assert.equal(world.system.content, '[["price",1],["stock",10]]', 'the dry run changes nothing');
  const applied = await world.engine.apply(planned.operation_id, { actor: RUNNER });
  assert.equal(applied.state, 'verified');
  assert.equal(world.system.content, '[["price",2],["stock",10]]');
  assert.equal(applied.progress[0]!.execution!.targets[0]!.before!.facts.value, 1);
  await world.engine.recover();
  assert.equal((await world.engine.read(planned.operation_id)).state, 'verified');
  world.pass(60_001);
  await world.engine.recover();
  const closed = await world.engine.read(planned.operation_id);
  assert.equal(closed.state, 'closed');
  assert.match(closed.history.at(-1)!.reason!, /undo window ended/);
  assert.deepEqual(await world.actions(planned.operation_id), [
    ...['planned', 'validated', 'approved', 'executing', 'executed', 'verified', 'closed'],
  ]);
});

test('the state comes from the ledger alone: an engine that never saw the operation reads the same', async (t) => {
  const world = await World.open(t);
  const applied = await world.applied();
  assert.deepEqual(await world.another().read(applied.operation_id), applied);
  assert.deepEqual(applied.illegal, []);
});

test('what cannot be undone is closed once it is verified', async (t) => {
  const world = await World.open(t, { can_rollback: false });
  assert.equal((await world.applied()).state, 'closed');
});

test('policy denies: nothing runs, and the denial is a record', async (t) => {
  const world = await World.open(t);
  world.policy.says = { effect: 'deny', reason: 'not on Sundays' };
  const denied = await world.engine.plan(world.request());
  assert.equal(denied.state, 'denied');
  await assert.rejects(world.engine.apply(denied.operation_id, { actor: RUNNER }), {
    code: 'OPERATION_STATE',
  });
  assert.equal((await world.engine.read(denied.operation_id)).refusals, 1);
  assert.equal(world.system.writes, 2, 'the two of the beginning');
});

test('a dry run that fails rejects the operation', async (t) => {
  const world = await World.open(t);
  const execute = world.connector.execute.bind(world.connector);
  world.connector.execute = async (plan, snapshot, ctx, options) => {
    if (!options.commit) throw new Error('no');
    return execute(plan, snapshot, ctx, options);
  };
  assert.equal((await world.engine.plan(world.request())).state, 'rejected');
});

test('a request that comes to nothing is a record too', async (t) => {
  const world = await World.open(t);
  await assert.rejects(
    world.engine.plan(world.request(2, { members: [{ connector: 'none', action: 'x', params: {} }] })),
    { code: 'OPERATION_INVALID' },
  );
  await world.ledger.caughtUp();
  const filter = { action: 'operation.request_refused' };
  assert.equal(await world.ledger.index!.count(filter, 10), 1);
});

test('two people approve, then it runs; one approval, or the requester’s, is not enough', async (t) => {
  const world = await World.open(t);
  world.policy.says = { effect: 'approve', approvals: [{ role: null, count: 2 }] };
  const pending = await world.engine.plan(world.request());
  const { operation_id } = pending;
  assert.equal(pending.state, 'pending_approval');
  await assert.rejects(world.vote(pending, 'alice'), { code: 'APPROVAL_REFUSED', message: /for whom/ });
  await assert.rejects(world.vote(pending, 'mallory'), { code: 'APPROVAL_REFUSED', message: /directory/ });
  assert.equal((await world.vote(pending, 'bob')).state, 'pending_approval');
  assert.equal((await world.vote(pending, 'bob')).state, 'pending_approval', 'twice is once');
  await assert.rejects(world.engine.apply(operation_id, { actor: RUNNER }), { code: 'OPERATION_STATE' });
  assert.equal((await world.vote(pending, 'carol')).state, 'approved');
  const done = await world.engine.apply(operation_id, { actor: RUNNER, plan_hash: pending.plan_hash! });
  assert.equal(done.state, 'verified');
  assert.equal(done.votes.length, 2);
  const read = await world.engine.read(operation_id);
  assert.equal(read.refusals, 3);
  assert.deepEqual(read.illegal, []);
});

test('second use of one approval is refused and recorded', async (t) => {
  const world = await World.open(t);
  const done = await world.applied();
  await assert.rejects(world.engine.apply(done.operation_id, { actor: RUNNER }), { code: 'OPERATION_STATE' });
  assert.equal((await world.engine.read(done.operation_id)).refusals, 1);
  assert.equal(world.system.writes, 3);
});

test('a veto denies; votes and execution come too late after their deadlines', async (t) => {
  const world = await World.open(t);
  world.policy.says = {
    ...{ effect: 'approve', approvals: [{ role: 'dba', count: 1 }] },
    ...{ approval_expires_after_ms: 1000, execute_within_ms: 1000 },
  };
  const vetoed = await world.engine.plan(world.request());
  assert.equal((await world.vote(vetoed, 'carol', 'deny')).state, 'denied');
  const late = await world.engine.plan(world.request());
  const approved = await world.engine.plan(world.request());
  await world.vote(approved, 'bob');
  world.pass(1001);
  await assert.rejects(world.vote(late, 'bob'), { code: 'APPROVAL_REFUSED' });
  assert.equal((await world.engine.read(late.operation_id)).state, 'expired');
  world.pass(1000);
  await assert.rejects(world.engine.apply(approved.operation_id, { actor: RUNNER }), {
    code: 'OPERATION_EXPIRED',
  });
  assert.equal((await world.engine.read(approved.operation_id)).state, 'expired');
});

test('agents neither execute nor vote, and advice does not count', async (t) => {
  const world = await World.open(t);
  world.policy.says = { effect: 'approve', approvals: [{ role: null, count: 1 }] };
  assert.ok(hasAgent(BOT));
  const pending = await world.engine.plan(world.request(2, { requester: ALICE }));
  const advice = {
    plan_hash: pending.plan_hash!,
    vote: 'approve',
    advisor: { type: 'agent', id: 'bot2' },
    reason: 'fine',
  } as const;
  assert.equal((await world.engine.advise(pending.operation_id, advice)).state, 'pending_approval');
  await world.vote(pending, 'bob');
  await assert.rejects(world.engine.apply(pending.operation_id, { actor: BOT }), {
    code: 'OPERATION_DENIED',
  });
  assert.equal(world.system.writes, 2);
});

test('time of check to time of use: whatever changed after the approval makes it stale', async (t) => {
  const changes: Record<string, (world: World) => void> = {
    target: (world) => world.system.set('price', 7),
    'target there and back': (world) => {
      world.system.set('price', 7);
      world.system.set('price', 1);
    },
    'connector version': (world) => {
      world.connector.version = '2';
    },
    'rollback plan': (world) => {
      world.connector.rollback_note = 'pray';
    },
    'policy set': (world) => {
      world.policy.version++;
    },
    'policy denies': (world) => {
      world.policy.says = { effect: 'deny' };
    },
    roles: (world) => world.policy.roles.set('eve', ['dba']),
    'connector gone': (world) => world.connectors.delete('memory'),
    secret: (world) => world.secrets.set('token', 'new'),
  };
  const world = await World.open(t);
  const asks = { effect: 'approve', approvals: [{ role: null, count: 1 }] } as const;
  for (const [what, change] of Object.entries(changes)) {
    world.connectors.set('memory', world.connector);
    world.policy.says = asks;
    world.secrets.set('token', 'old');
    const params = { key: 'price', value: 2, ...(what === 'secret' ? { token: { $secret: 'token' } } : {}) };
    const members = [{ connector: 'memory', action: 'set', params }];
    const planned = await world.engine.plan(world.request(2, { members }));
    assert.equal((await world.vote(planned, 'bob')).state, 'approved');
    change(world);
    const { writes } = world.system;
    await assert.rejects(
      world.engine.apply(planned.operation_id, { actor: RUNNER }),
      { code: 'OPERATION_STALE' },
      what,
    );
    const stale = await world.engine.read(planned.operation_id);
    assert.equal(stale.state, 'stale', what);
    assert.deepEqual(await world.refusals(planned.operation_id), ['OPERATION_STALE'], what);
    assert.equal(world.system.writes, writes, what);
    assert.equal(stale.approval_used, false, what);
  }
});

test('replay, double approval, late approval, an approval by who delegated: each refused, and on record', async (t) => {
  const world = await World.open(t);
  world.policy.says = {
    ...{ effect: 'approve', approvals: [{ role: null, count: 2 }] },
    approval_expires_after_ms: 60_000,
  };
  const other = await world.engine.plan(world.request(9));
  const pending = await world.engine.plan(world.request());
  const { operation_id, plan_hash } = pending;
  const refused: [code: string, rule: string | null][] = [];
  const refuse = async (rule: string | null, cast: () => Promise<unknown>, code = 'APPROVAL_REFUSED') => {
    await assert.rejects(cast, { code }, String(rule));
    refused.push([code, rule]);
    const recorded = await world.refusalData(operation_id);
    assert.deepEqual(
      recorded.map((one) => [one.code, one.details?.rule ?? null]),
      refused,
    );
  };
  const vote = (signature: VoteSignature) =>
    world.engine.vote(operation_id, { plan_hash: plan_hash!, vote: 'approve', signature });

  await refuse('statement', async () => vote(await world.sign(other, 'bob')));
  const signed = await world.sign(pending, 'bob');
  await refuse('signature', () => vote({ ...signed, note: signed.note.replace(/.{8}\n$/, 'AAAAAAA=\n') }));
  await refuse('delegation', async () => vote(await world.sign(pending, 'alice')));
  await refuse(
    null,
    async () =>
      world.engine.vote(operation_id, { plan_hash: other.plan_hash!, vote: 'approve', signature: signed }),
    'PLAN_HASH',
  );
  assert.equal((await vote(signed)).votes.length, 1);
  assert.equal((await vote(signed)).votes.length, 1, 'the same vote again is the same vote');
  assert.equal((await world.engine.read(operation_id)).state, 'pending_approval', 'and counts once');
  world.pass(60_001);
  await refuse('not_open', async () => vote(await world.sign(pending, 'carol')));
  assert.equal((await world.engine.read(operation_id)).state, 'expired');
  assert.equal(world.system.writes, 2);
});

test('pitfall 25: an executor that means another plan hash is refused', async (t) => {
  const world = await World.open(t);
  const planned = await world.engine.plan(world.request());
  const other = await world.engine.plan(world.request(9));
  await assert.rejects(
    world.engine.apply(planned.operation_id, { actor: RUNNER, plan_hash: other.plan_hash! }),
    { code: 'PLAN_HASH' },
  );
  world.policy.says = { effect: 'approve', approvals: [{ role: null, count: 1 }] };
  const pending = await world.engine.plan(world.request());
  const signature = await world.sign(other, 'bob');
  await assert.rejects(
    world.engine.vote(pending.operation_id, { plan_hash: pending.plan_hash!, vote: 'approve', signature }),
    { code: 'APPROVAL_REFUSED' },
  );
  assert.equal((await world.engine.read(pending.operation_id)).state, 'pending_approval');
});

test('pitfall 26: a retry with the same idempotency key is the same operation; other content is an error', async (t) => {
  const world = await World.open(t);
  const first = await world.engine.plan(world.request(2, { idempotency_key: 'k' }));
  const done = await world.engine.apply(first.operation_id, { actor: RUNNER });
  const again = await world.another().plan(world.request(2, { idempotency_key: 'k' }));
  assert.equal(again.operation_id, first.operation_id);
  assert.equal(again.state, done.state);
  await assert.rejects(world.engine.plan(world.request(3, { idempotency_key: 'k' })), {
    code: 'OPERATION_KEY_CONFLICT',
  });
  const twice = await Promise.all(
    [1, 2, 3].map(() => world.another().plan(world.request(4, { idempotency_key: 'race' }))),
  );
  assert.equal(new Set(twice.map(({ operation_id }) => operation_id)).size, 1);
  assert.equal(world.system.writes, 3);
});

test('break-glass: signed by its requester, announced before it runs, reviewed before it is closed', async (t) => {
  const world = await World.open(t, { window_ms: 1000 });
  world.policy.says = { effect: 'allow', review: [{ role: 'dba', count: 1 }] };
  const asked = await world.engine.plan(world.request(2, { requester: ALICE, break_glass: true }));
  const { operation_id } = asked;
  assert.equal(asked.state, 'validated');
  await assert.rejects(world.engine.apply(operation_id, { actor: RUNNER }), { code: 'OPERATION_STATE' });
  const wrong = await world.sign(asked, 'bob', 'approve', 'break_glass');
  await assert.rejects(world.engine.breakGlass(operation_id, wrong), { code: 'APPROVAL_REFUSED' });
  const old = await world.sign(asked, 'alice', 'approve', 'break_glass');
  world.pass(10 * 60_000);
  await assert.rejects(world.engine.breakGlass(operation_id, old), { code: 'APPROVAL_REFUSED' });
  const signed = await world.sign(asked, 'alice', 'approve', 'break_glass');
  const mute = world.another({ notify: () => Promise.reject(new Error('nobody hears')) });
  await assert.rejects(mute.breakGlass(operation_id, signed), /nobody hears/);
  assert.equal((await world.engine.read(operation_id)).state, 'validated', 'not opened unless announced');
  assert.equal((await world.engine.breakGlass(operation_id, signed)).state, 'approved');
  assert.equal(world.notices.length, 1);
  const done = await world.engine.apply(operation_id, { actor: ALICE });
  assert.equal(done.state, 'verified');
  world.pass(1001);
  await world.engine.recover();
  assert.equal((await world.engine.read(operation_id)).state, 'verified', 'not closed without a review');
  await assert.rejects(world.engine.close(operation_id, RUNNER, 'over'), { code: 'OPERATION_STATE' });
  await assert.rejects(world.vote(asked, 'alice', 'approve', 'review'), { code: 'APPROVAL_REFUSED' });
  await world.vote(asked, 'bob', 'approve', 'review');
  await world.engine.recover();
  assert.equal((await world.engine.read(operation_id)).state, 'closed');
});

test('it is withdrawn by its requester, and then no vote revives it', async (t) => {
  const world = await World.open(t);
  world.policy.says = { effect: 'approve', approvals: [{ role: null, count: 1 }] };
  const pending = await world.engine.plan(world.request());
  assert.equal((await world.engine.cancel(pending.operation_id, BOT, 'never mind')).state, 'cancelled');
  await assert.rejects(world.vote(pending, 'bob'), { code: 'APPROVAL_REFUSED' });
  await assert.rejects(world.engine.cancel(pending.operation_id, BOT, 'again'), { code: 'OPERATION_STATE' });
});

test('two engines vote and execute at once: every vote counts, and there is one effect', async (t) => {
  const world = await World.open(t);
  world.policy.says = { effect: 'approve', approvals: [{ role: null, count: 3 }] };
  const pending = await world.engine.plan(world.request());
  const engines = [
    world.another({ holder: 'a' }),
    world.another({ holder: 'b' }),
    world.another({ holder: 'c' }),
  ];
  // Enrolled one after the other: each is signed for by those before.
  for (const id of ['bob', 'carol', 'dave']) await world.signer(id);
  const votes = ['bob', 'carol', 'dave'].map((id, i) =>
    world.vote(pending, id, 'approve', 'approval', engines[i]),
  );
  await Promise.all(votes);
  const approved = await world.engine.read(pending.operation_id);
  assert.equal(approved.state, 'approved');
  assert.equal(approved.votes.length, 3);
  const runs = engines.map((engine) => engine.apply(pending.operation_id, { actor: RUNNER }));
  const results = await Promise.allSettled(runs);
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.equal(world.system.writes, 3);
  assert.deepEqual((await world.engine.read(pending.operation_id)).illegal, []);
});

test('one operation at a time on one target, also between processes', async (t) => {
  const world = await World.open(t);
  const first = await world.engine.plan(world.request(2));
  const second = await world.engine.plan(world.request(3));
  world.connector.fault = 'hang';
  const running = world.engine.apply(first.operation_id, { actor: RUNNER });
  while (world.connector.release === null) await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(world.engine.apply(second.operation_id, { actor: RUNNER }), {
    code: 'OPERATION_BUSY',
  });
  const elsewhere = await world.another({ holder: 'b' }).apply(second.operation_id, { actor: RUNNER });
  assert.equal(elsewhere.state, 'failed');
  assert.match(elsewhere.history.at(-1)!.reason!, /in use/);
  world.connector.release();
  assert.equal((await running).state, 'verified');
});

test('a secret is referred to and hashed; its value is in no record', async (t) => {
  const world = await World.open(t);
  world.secrets.set('token', 'hunter2-hunter2');
  const params = { key: 'price', value: 2, token: { $secret: 'token' } };
  const planned = await world.engine.plan(
    world.request(2, { members: [{ connector: 'memory', action: 'set', params }] }),
  );
  await world.engine.apply(planned.operation_id, { actor: RUNNER });
  assert.equal(planned.secrets[0]!.name, 'token');
  const head = await world.ledger.head();
  const records = await world.ledger.get(Array.from({ length: head!.seq + 1 }, (_, seq) => seq));
  assert.ok(records.every(({ body }) => !body.includes('hunter2')));
});

test('an application cannot write the records of an operation, nor take their keys', async (t) => {
  const world = await World.open(t);
  for (const event of [
    { action: 'operation.approved' },
    { action: 'approver.enrolled' },
    { action: 'policy.loaded' },
    { action: 'x', idempotency_key: 'indelible:op:1:1' },
  ])
    await assert.rejects(world.ledger.record(event), { code: 'EVENT_INVALID' });
});

test('a plan too large for one record: what follows it does not overtake it', async (t) => {
  const world = await World.open(t);
  const note = 'x'.repeat(100_000);
  const members = [{ connector: 'memory', action: 'set', params: { key: 'price', value: 2, note } }];
  const planned = await world.engine.plan(world.request(2, { members }));
  assert.deepEqual(await world.another().read(planned.operation_id), planned);
  const done = await world.engine.apply(planned.operation_id, { actor: RUNNER });
  assert.equal(done.state, 'verified');
  assert.deepEqual(await world.another().read(planned.operation_id), done);
  assert.deepEqual((await world.another({ holder: 'other' }).sweep()).open, { verified: 1 });
});
