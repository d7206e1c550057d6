/** What governs the writes, over HTTP; and a server that makes none. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatVerifierKey } from '@indelible/core';
import { endorse, enrolmentText } from '../../packages/indelible/src/operations/enrolment.ts';
import { signerOf } from '../../packages/indelible/src/transparency/private-key.ts';
import { ASKED, serveOperations } from './operations-support.ts';
import { startRig } from './support.ts';

test('a token alone makes no voter: the first key enrols itself, later ones need signatures of approvers', async (t) => {
  const served = await serveOperations(t);
  const admin = await served.token('root', 'admin');
  const { ledger, now } = served.world;
  const keyOf = (person_id: string) => signerOf(generateKeyPairSync('ed25519').privateKey, person_id);
  const [bob, mallory] = [keyOf('bob'), keyOf('mallory')];
  const request = (person_id: string, signer: typeof bob) =>
    enrolmentText({
      ...{ change: 'enrol', ledger: ledger.name, person_id },
      ...{ key: formatVerifierKey(signer.key), requested_at: now },
    });
  const send = (text: string) => served.post('/v1/approvers', admin, { request: text });
  assert.equal((await send(request('bob', bob))).status, 200);
  const refused = await send(request('mallory', mallory));
  assert.deepEqual([refused.status, refused.body.code], [400, 'APPROVER_KEY']);
  const forged = await send(await endorse(request('mallory', mallory), mallory));
  assert.equal(forged.status, 400, 'one’s own signature lets nobody in');
  assert.equal((await served.records('approver.refused')).length, 2);
  const signed = await send(await endorse(request('mallory', mallory), bob));
  assert.deepEqual([signed.status, signed.body.person_id], [200, 'mallory']);
  const { body } = await served.get('/v1/approvers', admin);
  assert.deepEqual(
    body.approvers.map(({ person_id }: { person_id: string }) => person_id),
    ['bob', 'mallory'],
  );
});

test('policy check explains; a policy file with an error names file and line', async (t) => {
  const policies = mkdtempSync(join(tmpdir(), 'indelible-http-policies-'));
  t.after(() => rmSync(policies, { recursive: true }));
  const { starterFiles } = await import('../../packages/indelible/src/operations/policy/starter.ts');
  for (const [name, text] of starterFiles([]))
    if (!name.includes('/')) writeFileSync(join(policies, name), text);
  const served = await serveOperations(t, { policies });
  const reader = await served.token('reader', 'operations:read');
  const request = { principal: 'agent:helper', action: 'filesystem:write', targets: ['files:a.txt'] };
  const decided = await served.post('/v1/policy/check', reader, { ...request, at: '2026-06-01T00:00:00Z' });
  assert.deepEqual([decided.status, decided.body.effect], [200, 'deny'], JSON.stringify(decided.body));
  assert.deepEqual(
    decided.body.determining.map(({ id }: { id: string }) => id),
    ['agents-act-for-somebody'],
  );
  const set = await served.post('/v1/policy/check', reader);
  assert.match(set.body.policy_set_hash, /^[0-9a-f]{64}$/);
  const odd = await served.post('/v1/policy/check', reader, { principal: 'helper' });
  assert.deepEqual([odd.status, odd.body.code], [400, 'POLICY_REQUEST_INVALID']);
  writeFileSync(join(policies, 'broken.cedar'), 'permit (principal,\n  action resource);\n');
  const broken = await served.post('/v1/policy/check', reader, request);
  assert.deepEqual([broken.status, broken.body.code], [503, 'POLICY_SET_INVALID']);
  assert.deepEqual(
    [broken.body.details.problems[0].file, broken.body.details.problems[0].line],
    ['broken.cedar', 2],
  );
});

test('a server without connectors says so, on every route', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token({ scopes: ['admin'] });
  const at = '/v1/operations/some-id';
  const body = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const calls: readonly [string, RequestInit?][] = [
    ['/v1/operations'],
    [at],
    [`${at}/approval`],
    ['/v1/connectors'],
    ['/v1/approvers'],
    ['/v1/operations', { ...body, body: JSON.stringify(ASKED) }],
    [`${at}/apply`, { method: 'POST' }],
    [`${at}/cancel`, { ...body, body: '{"reason":"no"}' }],
    [`${at}/rollback`, { ...body, body: '{"reason":"no"}' }],
    ['/v1/operations/recover', { method: 'POST' }],
    ['/v1/policy/check', { method: 'POST' }],
  ];
  for (const [path, init] of calls) {
    const response = await rig.call(path, secret, init);
    const problem = (await response.json()) as { code: string; remedy: string };
    assert.deepEqual([response.status, problem.code], [501, 'OPERATIONS_OFF'], path);
    assert.match(problem.remedy, /--connectors/);
  }
  const health = (await (await rig.call('/healthz', null)).json()) as { ledgers: { operations: unknown }[] };
  assert.equal(health.ledgers[0]!.operations, null);
});
