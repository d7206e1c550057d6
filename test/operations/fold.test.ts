import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Entry, fold, problemOf } from '../../packages/indelible/src/operations/fold.ts';
import {
  isOver,
  PARTS,
  STATES,
  type State,
  TRANSITIONS,
  transitionBetween,
} from '../../packages/indelible/src/operations/lifecycle.ts';
import type { Operation } from '../../packages/indelible/src/operations/types.ts';
import { ALICE, Story } from './samples.ts';

const ALL = Object.keys(STATES) as State[];

test('every state but the first is reached, and every state that does not end goes on', () => {
  for (const state of ALL) {
    assert.ok(
      TRANSITIONS.some(({ to }) => to === state),
      `${state} is never reached`,
    );
    const leaves = TRANSITIONS.some(({ from }) => from === state);
    assert.equal(
      leaves,
      !isOver(state),
      `${state} ${leaves ? 'goes on but ends' : 'neither ends nor goes on'}`,
    );
  }
  assert.equal(new Set(TRANSITIONS.map(({ from, to }) => `${from}>${to}`)).size, TRANSITIONS.length);
});

test('a transition that the table does not have changes nothing, from every state to every state, by everyone', () => {
  const base = new Story().executing();
  let refused = 0;
  for (const from of ALL) {
    for (const to of ALL) {
      for (const by of PARTS) {
        if (transitionBetween(from, to)?.by.includes(by)) continue;
        const before: Operation = { ...base, state: from };
        const data = { n: before.next_n, from, to, by };
        const entry: Entry = {
          seq: 99,
          recorded_at: '2026-11-21T00:00:00.000Z',
          actor: ALICE,
          action: `operation.${to}`,
          data,
        };
        const after = fold(before, entry)!;
        assert.equal(after.state, from, `${from} > ${to} by ${by}`);
        assert.equal(after.illegal.length, 1);
        assert.deepEqual({ ...after, illegal: [], next_n: 0 }, { ...before, illegal: [], next_n: 0 });
        refused++;
      }
    }
  }
  assert.ok(refused > 3000, String(refused));
});

test('the whole way of an operation that people approved', () => {
  const story = new Story();
  story.planned();
  assert.equal(story.validated().requirements.length, 1);
  story.to('pending_approval', 'engine');
  story.vote('bob');
  assert.equal(story.to('approved', 'engine').state, 'pending_approval', 'one approval is not two');
  story.vote('carol');
  assert.equal(story.to('approved', 'engine').state, 'approved');
  assert.equal(story.execute().lease?.epoch, story.entries.at(-1)!.seq);
  story.to('executed', 'executor', { ...story.held, progress: { 0: { outcome: 'applied' } } });
  story.to('verified', 'verifier', { verifications: [] });
  const closed = story.to('closed', 'engine');
  assert.equal(closed.state, 'closed');
  assert.equal(closed.attempts, 1);
  assert.equal(closed.history.length, 10);
  assert.deepEqual(
    closed.illegal.map(({ rule }) => rule),
    ['approvals are missing'],
  );
});

test('the fold of the same records is the same, and a record that comes twice counts once', () => {
  const story = new Story();
  story.planned();
  story.validated();
  story.to('pending_approval', 'engine');
  story.vote('bob');
  const again = story.entries.reduce<Operation | null>(fold, null)!;
  assert.deepEqual(again, story.operation);
  const twice = fold(again, story.entries.at(-1)!)!;
  assert.equal(twice.votes.length, 1);
  assert.equal(twice.next_n, again.next_n);
  assert.equal(twice.illegal.length, 1);
});

test('pitfall 25: a plan hash that is not that of the recorded plan is refused', () => {
  const story = new Story();
  story.planned();
  const hash = { ...story.operation! };
  story.validated();
  const { policy, deadlines, plan_hash } = story.entries.at(-1)!.data as Record<string, unknown>;
  const entry = story.entries.at(-1)!;
  const changed = { ...hash, members: [{ ...hash.members[0]!, params: { key: 'price', value: 3 } }] };
  assert.equal(problemOf(hash, entry), null);
  assert.match(
    problemOf(changed, { ...entry, data: { ...entry.data, policy, deadlines, plan_hash } })!,
    /plan hash/,
  );
});

test('execution needs the approved plan hash, an unused approval and time left', () => {
  const story = new Story();
  story.planned();
  story.validated({ effect: 'allow', approvals: [] });
  story.to('approved', 'engine');
  assert.equal(story.execute('one', { plan_hash: 'cd'.repeat(32) }).state, 'approved');
  const { at } = story;
  story.at = '2026-11-21T02:00:00.001Z';
  assert.equal(story.execute().state, 'approved');
  story.at = at;
  assert.equal(story.execute().state, 'executing');
  assert.equal(story.execute().attempts, 1, 'not twice');
});

test('only the holder of the lease ends an execution, and whoever takes over has a higher epoch', () => {
  const story = new Story();
  story.executing('one');
  const first = story.held;
  assert.equal(story.to('executed', 'executor', { holder: 'two', epoch: first.epoch }).state, 'executing');
  story.to('indeterminate', 'recovery', { lease: { holder: 'two', expires_at: story.at } });
  assert.ok(story.held.epoch > first.epoch);
  assert.equal(story.to('executed', 'recovery', first).state, 'indeterminate', 'the old holder is fenced');
  assert.equal(story.to('executed', 'recovery', story.held).state, 'executed');
});

test('break-glass: the requester signs for it, and it is not closed before a review', () => {
  const story = new Story();
  story.planned({ break_glass: true, requester: ALICE });
  story.validated({ effect: 'allow', approvals: [], review: [{ role: null, count: 1 }] });
  assert.equal(story.to('approved', 'engine').state, 'validated', 'not by the engine');
  assert.equal(story.to('approved', 'requester').state, 'validated', 'not unsigned');
  story.to('approved', 'requester', { signature: {} });
  story.execute();
  story.to('executed', 'executor', story.held);
  story.to('verified', 'verifier', { verifications: [] });
  assert.equal(story.to('closed', 'engine').state, 'verified', 'not unreviewed');
  story.vote('alice', { purpose: 'review' });
  assert.equal(story.to('closed', 'operator').state, 'verified', 'not reviewed by its requester');
  story.vote('bob', { purpose: 'review' });
  assert.equal(story.to('closed', 'engine').state, 'closed');
});

test('a record that is ahead of its time changes nothing, and its number is never used again', () => {
  const story = new Story();
  story.planned();
  const data = { n: 2, from: 'validated', to: 'approved', by: 'engine' } as const;
  story.entries.push({ seq: 99, recorded_at: story.at, actor: ALICE, action: 'operation.approved', data });
  story.operation = fold(story.operation, story.entries.at(-1)!);
  assert.equal(story.operation!.next_n, 1);
  assert.equal(story.validated().next_n, 3);
});
