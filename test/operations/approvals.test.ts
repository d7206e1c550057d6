import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import fc from 'fast-check';
import { isMet, missing, requirementsOf } from '../../packages/indelible/src/operations/approvals.ts';
import type { Vote } from '../../packages/indelible/src/operations/types.ts';
import {
  checkSignature,
  readStatement,
  type Statement,
  signStatement,
} from '../../packages/indelible/src/operations/votes.ts';
import { signerOf } from '../../packages/indelible/src/transparency/private-key.ts';
import { decision, envelope, HASH, plan, Story } from './samples.ts';

function pending(): Story {
  const story = new Story();
  story.planned();
  story.validated();
  story.to('pending_approval', 'engine');
  return story;
}

function lastRule(story: Story): string | undefined {
  return story.operation!.illegal.at(-1)?.rule;
}

test('pitfall 27: neither the requester nor anyone it acts for approves, whatever the case of the id', () => {
  for (const [id, rule] of [
    ['bot', 'requester'],
    ['alice', 'delegation'],
    ['ALICE', 'delegation'],
    [' alice', 'delegation'],
    ['ａｌｉｃｅ', 'delegation'],
  ] as const) {
    const story = pending();
    story.vote(id);
    assert.equal(lastRule(story), rule, id);
    assert.equal(story.operation!.votes.length, 0);
  }
});

test('two votes of one person, or of one key under two names, are one', () => {
  const story = pending();
  story.vote('bob');
  story.vote('BOB');
  assert.equal(lastRule(story), 'already_voted');
  const { signature } = story.operation!.votes[0]!;
  story.vote('carol', {
    signature: { ...signature!, key: `carol+11111111+${signature!.key.split('+')[2]}` },
  });
  assert.equal(lastRule(story), 'same_key');
  assert.equal(story.to('approved', 'engine').state, 'pending_approval');
});

test('an agent advises: its vote is recorded and does not count', () => {
  const story = pending();
  story.vote('reviewer', { person: { type: 'agent', id: 'reviewer' } });
  assert.equal(lastRule(story), 'agent');
  story.vote('reviewer', { person: { type: 'agent', id: 'reviewer' }, counts: false, signature: null });
  story.vote('reviewer2', { person: { type: 'agent', id: 'reviewer2' }, counts: false, signature: null });
  assert.equal(story.operation!.votes.length, 2);
  assert.equal(story.to('approved', 'engine').state, 'pending_approval');
});

test('one veto denies, also by somebody who had approved', () => {
  const story = pending();
  story.vote('bob');
  story.vote('carol');
  story.vote('bob', { vote: 'deny' });
  assert.equal(story.to('approved', 'engine').state, 'pending_approval');
  assert.equal(story.to('denied', 'engine').state, 'denied');
});

test('a vote for another plan hash, after its time, or when nothing is asked, does not count', () => {
  const story = pending();
  story.vote('bob', { plan_hash: HASH });
  assert.equal(lastRule(story), 'plan_hash');
  story.at = '2026-11-21T01:00:00.001Z';
  story.vote('bob');
  assert.equal(lastRule(story), 'expired');
  assert.equal(story.to('expired', 'engine').state, 'expired');
  story.vote('bob');
  assert.equal(lastRule(story), 'not_open');
});

test('requirements by role: each needs its own number of distinct people', () => {
  const vote = (id: string, roles: string[]): Vote => ({
    purpose: 'approval',
    vote: 'approve',
    person: { type: 'user', id },
    roles,
    plan_hash: HASH,
    counts: true,
    reason: null,
    signature: null,
    at: '',
    seq: 0,
  });
  const asked = [
    { role: 'dba', count: 1 },
    { role: null, count: 2 },
  ];
  assert.equal(isMet(asked, [vote('bob', ['dba'])], 'approval'), false);
  assert.equal(isMet(asked, [vote('bob', ['dba']), vote('carol', [])], 'approval'), true);
  assert.equal(isMet(asked, [vote('bob', []), vote('carol', [])], 'approval'), false);
  fc.assert(
    fc.property(
      fc.array(fc.record({ id: fc.constantFrom('a', 'b', 'c', 'A'), role: fc.constantFrom('x', 'y') })),
      fc.integer({ min: 1, max: 4 }),
      (cast, count) => {
        const distinct = new Set(cast.filter(({ role }) => role === 'x').map(({ id }) => id.toLowerCase()))
          .size;
        const votes = cast.map(({ id, role }) => vote(id, [role]));
        assert.equal(isMet([{ role: 'x', count }], votes, 'approval'), distinct >= count);
      },
    ),
    { numRuns: Number(process.env.INDELIBLE_RUNS ?? 100) },
  );
});

test('what is missing is told, and becomes less with each vote', () => {
  const story = pending();
  assert.deepEqual(missing(story.operation!, 'approval'), [{ role: null, count: 2 }]);
  story.vote('bob');
  assert.deepEqual(missing(story.operation!, 'approval'), [{ role: null, count: 1 }]);
  story.vote('carol');
  assert.deepEqual(missing(story.operation!, 'approval'), []);
});

test('a blind write and an override need a person, whatever policy says', () => {
  const allow = decision({ effect: 'allow', approvals: [] });
  assert.deepEqual(requirementsOf(allow, envelope(), [plan()]), []);
  const blind = plan({ capabilities: { ...plan().capabilities, dry_run: 'none' } });
  assert.deepEqual(requirementsOf(allow, envelope(), [plan(), blind]), [{ role: null, count: 1 }]);
  const parent = { operation_id: 'x', plan_hash: HASH, members: [0], override: true, compensation: false };
  assert.deepEqual(requirementsOf(allow, envelope({ kind: 'rollback', parent }), [plan()]), [
    { role: null, count: 1 },
  ]);
});

const signer = signerOf(generateKeyPairSync('ed25519').privateKey, 'bob');
const STATEMENT: Statement = {
  ledger: 'acme.example/prod',
  operation_id: envelope().operation_id,
  plan_hash: HASH,
  purpose: 'approval',
  vote: 'approve',
  person: { type: 'user', id: 'bob' },
  reason: 'looks right',
  signed_at: '2026-11-21T00:30:00.000Z',
};

test('a signature holds for one statement, one key, and nothing else', async () => {
  const signature = await signStatement(STATEMENT, signer);
  checkSignature(signature, STATEMENT, signature.key);
  assert.deepEqual(readStatement(signature), { reason: 'looks right', signed_at: STATEMENT.signed_at });
  const others: Partial<Statement>[] = [
    { plan_hash: 'cd'.repeat(32) },
    { operation_id: 'another' },
    { ledger: 'acme.example/test' },
    { vote: 'deny' },
    { purpose: 'review' },
    { person: { type: 'user', id: 'carol' } },
    { reason: null },
  ];
  for (const other of others) {
    assert.throws(
      () => checkSignature(signature, { ...STATEMENT, ...other }, signature.key),
      (error) => isIndelibleError(error, 'APPROVAL_REFUSED') && error.details.rule === 'statement',
    );
  }
  const stranger = signerOf(generateKeyPairSync('ed25519').privateKey, 'bob');
  const forged = await signStatement(STATEMENT, stranger);
  assert.throws(() => checkSignature(forged, STATEMENT, signature.key), { code: 'APPROVAL_REFUSED' });
  assert.throws(() => checkSignature({ ...forged, key: signature.key }, STATEMENT, signature.key), {
    code: 'APPROVAL_REFUSED',
  });
  assert.throws(() => checkSignature({ ...signature, note: 'x' }, STATEMENT, signature.key), {
    code: 'APPROVAL_REFUSED',
  });
});
