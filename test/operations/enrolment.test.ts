/** Who lets approvers in: the first one nobody, everybody else those who are there. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { formatVerifierKey, type NoteSigner } from '@indelible/core';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import type { LedgerReader } from '../../packages/indelible/src/ledger/types.ts';
import {
  ApproverBook,
  changeApprovers,
  listApprovers,
} from '../../packages/indelible/src/operations/approvers.ts';
import {
  type EnrolmentStatement,
  endorse,
  enrolmentText,
} from '../../packages/indelible/src/operations/enrolment.ts';
import { signerOf } from '../../packages/indelible/src/transparency/private-key.ts';
import { rejectsWith } from '../transparency/support.ts';

const ROOT = { type: 'local', id: 'root' };
const NOW = '2026-11-21T00:00:00.000Z';

const refused = (asked: Promise<unknown>) => rejectsWith('APPROVER_KEY', () => asked);

function keyOf(person_id: string): NoteSigner {
  return signerOf(generateKeyPairSync('ed25519').privateKey, person_id);
}

async function office(t: TestContext) {
  let now = Date.parse(NOW);
  const ledger = await openLedger('memory:', { name: 'acme.example/test', clock: () => now });
  t.after(() => ledger.close());
  const at = () => new Date(now).toISOString();
  const request = (person_id: string, key: NoteSigner, over: Partial<EnrolmentStatement> = {}): string =>
    enrolmentText({
      ...{ change: 'enrol', ledger: ledger.name, person_id, requested_at: at() },
      key: formatVerifierKey(key.key),
      ...over,
    });
  const hand_in = async (text: string, ...signers: NoteSigner[]) => {
    let signed = text;
    for (const signer of signers) signed = await endorse(signed, signer);
    return changeApprovers(ledger, signed, ROOT, at());
  };
  const names = async () =>
    (await listApprovers(ledger))
      .filter(({ revoked_at }) => revoked_at === null)
      .map(({ person_id }) => person_id);
  const keys = { alice: keyOf('alice'), bob: keyOf('bob'), carol: keyOf('carol'), mallory: keyOf('mallory') };
  return { ledger, request, hand_in, names, ...keys, pass: (ms: number) => void (now += ms) };
}

test('the first enrols alone, the second needs one, all later ones two others', async (t) => {
  const { request, hand_in, names, alice, bob, carol, mallory, ledger } = await office(t);
  await hand_in(request('alice', alice));
  await refused(hand_in(request('bob', bob)));
  await refused(hand_in(request('bob', bob), bob));
  await hand_in(request('bob', bob), alice);
  await refused(hand_in(request('carol', carol), alice));
  await refused(hand_in(request('carol', carol), alice, mallory));
  await refused(hand_in(request('carol', carol), alice, alice));
  await hand_in(request('carol', carol), alice, bob);
  assert.deepEqual(await names(), ['alice', 'bob', 'carol']);
  await ledger.caughtUp();
  const { seqs } = await ledger.index!.search({
    ...{ filter: { action: 'approver.refused' }, order: 'oldest', limit: 10 },
  });
  assert.equal(seqs.length, 5, 'each refusal is on record');
});

test('nobody adds a key to another person, and one key is one person’s for ever', async (t) => {
  const { request, hand_in, names, alice, bob, carol, mallory } = await office(t);
  await hand_in(request('alice', alice));
  await hand_in(request('bob', bob), alice);
  await hand_in(request('carol', carol), alice, bob);
  for (const person of ['bob', 'BOB ']) await refused(hand_in(request(person, mallory), alice, carol));
  await hand_in(request('bob', mallory), bob);
  assert.deepEqual(await names(), ['alice', 'bob', 'carol', 'bob']);
  await refused(hand_in(request('dave', mallory), alice, carol));
});

test('a key is revoked by its person or by two others; the last one stays; nothing brings one back', async (t) => {
  const { request, hand_in, names, alice, bob, carol } = await office(t);
  const revoke = (person: string, key: NoteSigner) => request(person, key, { change: 'revoke' });
  await hand_in(request('alice', alice));
  await refused(hand_in(revoke('alice', alice), alice));
  await hand_in(request('bob', bob), alice);
  await hand_in(request('carol', carol), alice, bob);
  await refused(hand_in(revoke('carol', carol), alice));
  await hand_in(revoke('carol', carol), alice, bob);
  await hand_in(revoke('bob', bob), bob);
  assert.deepEqual(await names(), ['alice']);
  await refused(hand_in(request('bob', bob), alice));
  await refused(hand_in(revoke('alice', alice), alice, bob, carol));
  await hand_in(revoke('carol', carol), alice, bob);
});

test('a request is for one ledger, one change and some days', async (t) => {
  const { request, hand_in, alice, bob, pass } = await office(t);
  await hand_in(request('alice', alice));
  const elsewhere = request('bob', bob, { ledger: 'other.example/test' });
  await refused(hand_in(elsewhere, alice));
  await refused(hand_in(request('bob', bob, { requested_at: 'soon' }), alice));
  const old = request('bob', bob);
  pass(8 * 86_400_000);
  await refused(hand_in(old, alice));
  const signed = await endorse(request('bob', bob), alice);
  const turned = signed.replace('"change":"enrol"', '"change":"revoke"');
  await refused(hand_in(turned));
  await refused(hand_in(`${request('bob', bob)}more\n`, alice));
});

test('a record that nobody signed counts for nothing, whoever wrote it', async (t) => {
  const { request, hand_in, names, alice, bob, ledger } = await office(t);
  await hand_in(request('alice', alice));
  const by = { actor: ROOT, resource: { type: 'approver', id: 'bob' } };
  for (const data of [{ request: request('bob', bob) }, { request: 'x' }, { person_id: 'bob' }, 'x'])
    await ledger.recordOwn({ ...by, action: 'approver.enrolled', data });
  await ledger.recordOwn({
    ...{ ...by, action: 'approver.revoked' },
    data: { request: request('alice', alice, { change: 'revoke' }) },
  });
  assert.deepEqual(await names(), ['alice']);
});

test('what was not signed enough when it was recorded does not count in hindsight, however often it is read', async (t) => {
  const { request, hand_in, alice, bob, mallory, ledger } = await office(t);
  await hand_in(request('alice', alice));
  const early = await endorse(request('bob', mallory), bob);
  const resource = { type: 'approver', id: 'bob' };
  await ledger.recordOwn({ actor: ROOT, resource, action: 'approver.enrolled', data: { request: early } });
  await hand_in(request('bob', bob), alice);
  // One reader is slow, and takes up the same records after another one has gone past them.
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  let reads = 0;
  const book = new ApproverBook({
    ...{ name: ledger.name, index: ledger.index },
    head: () => ledger.head(),
    caughtUp: (until?: object) => ledger.caughtUp(until),
    get: async (seqs: readonly number[]) => {
      if (++reads === 1) await gate;
      return ledger.get(seqs);
    },
  } as unknown as LedgerReader);
  const slow = book.all();
  await book.all();
  open();
  assert.deepEqual(
    (await slow).map(({ key }) => key),
    [formatVerifierKey(alice.key), formatVerifierKey(bob.key)],
  );
});
