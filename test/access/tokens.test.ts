/**
 * Named tokens: what they grant, how they end, and that nobody can make one by recording.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { allows, binds } from '../../packages/indelible/src/access/scopes.ts';
import { newSecret, secretMatches, tokenIdIn } from '../../packages/indelible/src/access/secret.ts';
import { carryTokens } from '../../packages/indelible/src/access/token-carry.ts';
import { carriedEvent, TokenFold } from '../../packages/indelible/src/access/token-records.ts';
import { TokenRegistry } from '../../packages/indelible/src/access/token-registry.ts';
import { withContext } from '../../packages/indelible/src/ledger/context.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { openTestLedger, recordsOf } from '../http/support.ts';

const ROOT = { type: 'user', id: 'root' };
const READ = { name: 'reader', scopes: ['audit:read'] };

async function open(
  t: { after(work: () => Promise<void>): void },
  ledger: Ledger,
  clock?: () => number,
): Promise<TokenRegistry> {
  const registry = await TokenRegistry.open(ledger, clock === undefined ? {} : { clock });
  t.after(() => registry.close());
  return registry;
}

test('a secret names its token, matches only its own hash, and never repeats', () => {
  const a = newSecret();
  const b = newSecret();
  assert.match(a.secret, /^ind_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
  assert.notEqual(a.secret, b.secret);
  assert.equal(tokenIdIn(a.secret), a.token_id);
  assert.ok(secretMatches(a.secret, a.token_hash));
  assert.ok(!secretMatches(a.secret, b.token_hash));
  assert.ok(!secretMatches(a.secret, ''), 'an empty hash matches nothing');
  for (const wrong of [
    '',
    'ind_',
    a.secret.slice(0, -1),
    `${a.secret}A`,
    `${a.secret}\n`,
    a.secret.toUpperCase(),
  ]) {
    assert.equal(tokenIdIn(wrong), null, JSON.stringify(wrong));
  }
});

test('admin includes every scope, a scope includes no other, * binds everywhere', () => {
  assert.ok(allows(['admin'], 'audit:write') && allows(['admin'], 'audit:read'));
  assert.ok(
    !allows(['audit:write'], 'audit:read') && !allows(['audit:read'], 'admin') && !allows([], 'audit:read'),
  );
  assert.ok(binds(['*'], 'a') && binds(['a', 'b'], 'b') && !binds(['a'], 'b') && !binds([], 'a'));
});

test('an issued token authenticates; the record has its hash and its maker, never its secret', async (t) => {
  const ledger = await openTestLedger('test/home');
  t.after(() => ledger.close());
  const tokens = await open(t, ledger);
  const { token, secret } = await tokens.issue({ ...READ, ledgers: ['test/home'] }, ROOT);
  assert.deepEqual(tokens.authenticate(secret), { token, refusal: null });
  const [record] = await recordsOf(ledger, 'access.token_created');
  assert.deepEqual(record!.actor, { type: 'service', id: 'indelible', on_behalf_of: ROOT });
  const text = JSON.stringify(record);
  assert.ok(!text.includes(secret) && !text.includes(secret.slice(-43)));
  assert.ok(!JSON.stringify(tokens.list()).includes('token_hash'));
  assert.ok(!JSON.stringify(tokens.authenticate(secret)).includes('token_hash'));
});

test('wrong, malformed, expired and revoked secrets are refused, each by its name', async (t) => {
  let now = Date.parse('2026-11-21T00:00:00Z');
  const ledger = await openTestLedger('test/home');
  t.after(() => ledger.close());
  const tokens = await open(t, ledger, () => now);
  const short = await tokens.issue({ ...READ, expires_at: '2026-11-21T00:00:01Z' }, ROOT);
  const other = await tokens.issue({ ...READ, name: 'other' }, ROOT);
  const forged = `${short.secret.slice(0, -43)}${other.secret.slice(-43)}`;
  assert.equal(tokens.authenticate(forged).refusal, 'unknown');
  assert.equal(tokens.authenticate(forged).token, null, 'whoever guesses an id is not that token');
  assert.equal(tokens.authenticate('ind_nonsense').refusal, 'malformed');
  assert.equal(tokens.authenticate(short.secret).refusal, null);
  now += 1000;
  assert.equal(tokens.authenticate(short.secret).refusal, 'expired');
  await tokens.revoke(other.token.token_id, ROOT);
  assert.equal(tokens.authenticate(other.secret).refusal, 'revoked');
  assert.ok(!tokens.isUsable(other.token, 'test/home'));
});

test('tokens survive a restart, with and without an index', async (t) => {
  const store = openMemoryStore();
  t.after(() => store.close());
  const ledger = await Ledger.open({ name: 'test/home', store });
  const tokens = await TokenRegistry.open(ledger);
  const kept = await tokens.issue(READ, ROOT);
  const gone = await tokens.issue({ ...READ, name: 'gone' }, ROOT);
  await tokens.revoke('gone', ROOT);
  await tokens.close();
  const indexed = await openTestLedger('test/home', store);
  t.after(() => indexed.close());
  for (const again of [await Ledger.open({ store }), indexed]) {
    await again.caughtUp();
    const read = await open(t, again);
    assert.deepEqual(read.authenticate(kept.secret), { token: kept.token, refusal: null });
    assert.equal(read.authenticate(gone.secret).refusal, 'revoked');
    assert.equal(read.list().length, 2);
  }
});

test('a revocation by another process ends the token here', async (t) => {
  const store = openMemoryStore();
  const here = await Ledger.open({ name: 'test/home', store });
  const there = await Ledger.open({ name: 'test/home', store });
  t.after(() => here.close());
  const tokens = await open(t, here);
  const { token, secret } = await tokens.issue(READ, ROOT);
  const others = await TokenRegistry.open(there, { follow: false });
  await others.revoke(token.token_id, ROOT);
  while (tokens.authenticate(secret).refusal === null) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(tokens.authenticate(secret).refusal, 'revoked');
  await others.close();
});

test('an application cannot make or revoke a token by recording one', async (t) => {
  const ledger = await openTestLedger('test/home');
  t.after(() => ledger.close());
  const tokens = await open(t, ledger);
  const { token, secret } = await tokens.issue(READ, ROOT);
  const forged = newSecret();
  const data = {
    token_id: forged.token_id,
    token_hash: forged.token_hash,
    name: 'x',
    scopes: ['admin'],
    ledgers: ['*'],
    expires_at: null,
  };
  const own = { type: 'service', id: 'indelible' };
  const refused = (error: unknown) => isIndelibleError(error, 'EVENT_INVALID');
  await assert.rejects(ledger.record({ action: 'access.token_created', data }), refused);
  await assert.rejects(
    ledger.record({ action: 'access.token_revoked', data: { token_id: token.token_id } }),
    refused,
  );
  await assert.rejects(ledger.record({ action: 'x', actor: own, data }), refused);
  await assert.rejects(
    withContext({ actor: own }, () => ledger.record({ action: 'access.token_created', data })),
    refused,
  );
  // Should such a record ever get in with another actor, the fold passes over it.
  await ledger.recordOwn({ action: 'access.token_created', actor: { type: 'user', id: 'eve' }, data });
  await tokens.refresh();
  assert.equal(tokens.authenticate(forged.secret).refusal, 'unknown');
  assert.equal(tokens.authenticate(secret).refusal, null);
  // Nor does a second statement of a token change the first.
  await ledger.recordOwn({
    action: 'access.token_created',
    actor: own,
    data: { ...data, token_id: token.token_id },
  });
  await tokens.refresh();
  assert.deepEqual(tokens.authenticate(secret), { token, refusal: null });
});

test('a record that is not of the right shape grants nothing and stops nothing', () => {
  const fold = new TokenFold();
  const good = {
    token_id: 'a',
    token_hash: '0'.repeat(64),
    name: 'a',
    scopes: [],
    ledgers: [],
    expires_at: null,
  };
  for (const broken of [
    null,
    [],
    'x',
    {},
    { ...good, token_hash: '' },
    { ...good, scopes: 'admin' },
    { ...good, expires_at: 5 },
  ]) {
    fold.apply({
      action: 'access.token_created',
      actor: { type: 'service', id: 'indelible' },
      data: broken,
    } as never);
  }
  assert.deepEqual(fold.all(), []);
});

test('a request that is wrong is TOKEN_INVALID and makes nothing', async (t) => {
  const ledger = await openTestLedger('test/home');
  t.after(() => ledger.close());
  const tokens = await open(t, ledger);
  await tokens.issue(READ, ROOT);
  const wrong = [
    READ, // the name is taken
    { ...READ, name: '' },
    { ...READ, name: 'a b' },
    { ...READ, name: 'a\n' },
    { name: 'a', scopes: [] },
    { name: 'a', scopes: ['everything'] },
    { name: 'a', scopes: ['audit:read'], ledgers: [] },
    { name: 'a', scopes: ['audit:read'], ledgers: ['a b'] },
    { name: 'a', scopes: ['audit:read'], expires_at: 'tomorrow' },
    { name: 'a', scopes: ['audit:read'], expires_at: '2001-01-01T00:00:00Z' },
  ];
  for (const request of wrong) {
    await assert.rejects(
      tokens.issue(request, ROOT),
      (error) => isIndelibleError(error, 'TOKEN_INVALID'),
      JSON.stringify(request),
    );
  }
  assert.equal(tokens.list().length, 1);
  await assert.rejects(tokens.revoke('nobody', ROOT), (error) => isIndelibleError(error, 'NOT_FOUND'));
});

test('the name of a revoked token is free again, and revoking twice changes nothing', async (t) => {
  const ledger = await openTestLedger('test/home');
  t.after(() => ledger.close());
  const tokens = await open(t, ledger);
  const first = await tokens.issue(READ, ROOT);
  const once = await tokens.revoke('reader', ROOT);
  assert.deepEqual(await tokens.revoke(first.token.token_id, { type: 'user', id: 'late' }), once);
  const second = await tokens.issue(READ, ROOT);
  assert.equal(tokens.authenticate(first.secret).refusal, 'revoked');
  assert.equal(tokens.authenticate(second.secret).refusal, null);
});

/** What is left once everything below `keep_from` is evicted. */
async function foldFrom(ledger: Ledger, keep_from: number): Promise<TokenFold> {
  const fold = new TokenFold();
  const head = (await ledger.head())!.seq;
  const seqs = Array.from({ length: head + 1 - keep_from }, (_, i) => keep_from + i);
  for (const { record } of await ledger.get(seqs)) fold.apply(record);
  return fold;
}

test('a token outlives the eviction of its record', async (t) => {
  const ledger = await openTestLedger('test/home');
  t.after(() => ledger.close());
  const tokens = await open(t, ledger);
  const { token, secret } = await tokens.issue(READ, ROOT);
  const keep_from = (await ledger.head())!.seq + 1;
  await carryTokens(ledger, keep_from);
  const entry = (await foldFrom(ledger, keep_from)).get(token.token_id)!;
  assert.deepEqual(entry.token, token);
  assert.ok(secretMatches(secret, entry.token_hash));
  const before = (await ledger.head())!.seq;
  await carryTokens(ledger, keep_from);
  assert.equal((await ledger.head())!.seq, before, 'what stays is not repeated');
});

test('a token does not come back when the record of its revocation is evicted', async (t) => {
  const ledger = await openTestLedger('test/home');
  t.after(() => ledger.close());
  const tokens = await open(t, ledger);
  const { token } = await tokens.issue(READ, ROOT);
  const entry = (await foldFrom(ledger, 0)).get(token.token_id)!;
  await tokens.revoke(token.token_id, ROOT);
  // An eviction that read the tokens just before the revocation carries one behind it.
  const { seq } = await ledger.recordOwn(carriedEvent(entry));
  await carryTokens(ledger, seq);
  const left = (await foldFrom(ledger, seq)).get(token.token_id)!;
  assert.equal(left.stated_seq, seq);
  assert.notEqual(left.token.revoked_at, null);
});
