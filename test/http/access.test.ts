/**
 * Who may do what over HTTP, and that every refusal is recorded.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { event, problem, startRig } from './support.ts';

const READING = [
  '/v1/records',
  '/v1/records/0',
  `/v1/runs/${'a'.repeat(32)}`,
  '/v1/audit',
  '/v1/verify',
  '/v1/export',
  '/v1/tail',
  '/v1/records/0/proof',
  '/v1/consistency?from=1',
  '/v1/checkpoints/latest',
  '/log/test/home/checkpoint',
  '/log/test/home/log.vkey',
  '/log/test/home/tile/0/000',
  '/log/test/home/tile/entries/000',
  '/metrics',
];

test('without a token every route but the open ones is 401, and each is recorded', async (t) => {
  const rig = await startRig(t);
  for (const path of [...READING, '/v1/tokens']) {
    const response = await rig.call(path, null);
    assert.equal(response.status, 401, path);
    assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="indelible"');
    assert.equal((await problem(response)).code, 'UNAUTHORIZED');
  }
  assert.equal((await rig.post(null, event('a'))).status, 401);
  const denied = await rig.records('access.denied');
  assert.equal(denied.length, READING.length + 2);
  for (const { actor, outcome, data } of denied) {
    assert.deepEqual([actor.type, outcome], ['unauthenticated', 'denied']);
    assert.equal((data as { reason: string }).reason, 'no_token');
  }
  assert.deepEqual(denied.map(({ data }) => (data as { route: string }).route).slice(1, 3), [
    'GET /v1/records/{seq_or_id}',
    'GET /v1/runs/{correlation_id}',
  ]);
});

test('a refusal belongs to the run of its request', async (t) => {
  const rig = await startRig(t);
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const response = await rig.call('/v1/audit', null, {
    headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` },
  });
  assert.equal((await problem(response)).instance, `urn:indelible:run:${trace}`);
  assert.equal((await rig.records('access.denied'))[0]!.correlation_id, trace);
});

test('wrong, revoked and expired tokens are 401 and recorded; a token that was valid is named', async (t) => {
  let now = Date.now();
  const rig = await startRig(t, { clock: () => now });
  const unknown = `ind_${'0'.repeat(16)}_${'A'.repeat(43)}`;
  const revoked = await rig.token({ name: 'gone' });
  await rig.server.tokens.revoke('gone', { type: 'user', id: 'root' });
  const expired = await rig.token({ name: 'old', expires_at: new Date(now + 1000).toISOString() });
  assert.equal((await rig.call('/v1/audit', expired)).status, 200);
  now += 1000;
  for (const secret of [unknown, 'nonsense', revoked, expired]) {
    const response = await rig.call('/v1/audit', secret);
    assert.equal(response.status, 401);
    assert.match(response.headers.get('www-authenticate')!, /error="invalid_token"/);
  }
  for (const authorization of [`Basic ${revoked}`, `Bearer ${revoked} x`, 'Bearer', '']) {
    assert.equal(
      (await rig.call('/v1/audit', null, { headers: { authorization } })).status,
      401,
      authorization,
    );
  }
  await rig.server.journal.flush();
  const denied = (await rig.records('access.denied')).map(({ actor, data }) => {
    const { reason, token_id } = data as { reason: string; token_id?: string };
    return [actor.type, reason, token_id !== undefined];
  });
  assert.deepEqual(denied.slice(0, 4), [
    ['unauthenticated', 'unknown', false],
    ['unauthenticated', 'malformed', false],
    ['api-token', 'revoked', true],
    ['api-token', 'expired', true],
  ]);
});

test('the address of a refusal is the connection’s, or what the trusted proxies say', async (t) => {
  const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' };
  for (const [trusted_proxies, address] of [
    [0, '127.0.0.1'],
    [1, '203.0.113.9'],
  ] as const) {
    const rig = await startRig(t, { trusted_proxies });
    await rig.call('/v1/audit', null, { headers });
    assert.deepEqual((await rig.records('access.denied'))[0]!.actor, {
      type: 'unauthenticated',
      id: address,
    });
  }
});

test('a token in the URL is no token', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  for (const name of ['token', 'access_token', 'authorization']) {
    assert.equal((await rig.call(`/v1/records?${name}=${secret}`, null)).status, 401);
  }
});

test('a token without the scope is 403, named in the record', async (t) => {
  const rig = await startRig(t);
  const writer = await rig.token({ name: 'writer', scopes: ['audit:write'] });
  const reader = await rig.token({ name: 'reader', scopes: ['audit:read'] });
  for (const path of READING) {
    const response = await rig.call(path, writer);
    assert.deepEqual([response.status, (await problem(response)).code], [403, 'FORBIDDEN'], path);
  }
  assert.equal((await rig.post(reader, event('a'))).status, 403);
  for (const secret of [writer, reader]) assert.equal((await rig.call('/v1/tokens', secret)).status, 403);
  const denied = await rig.records('access.denied');
  assert.equal(denied.length, READING.length + 3);
  assert.deepEqual(denied[0]!.actor, { type: 'api-token', id: 'writer' });
  assert.equal((denied[0]!.data as { status: number }).status, 403);
  assert.equal((await rig.records('a')).length, 0);
});

test('a token is good for the ledgers that it is bound to, and others stay unknown to it', async (t) => {
  const rig = await startRig(t, { names: ['test/home', 'test/other'] });
  const home = await rig.token({ name: 'home', ledgers: ['test/home'] });
  const all = await rig.token({ name: 'all' });
  assert.equal((await rig.call('/v1/audit?ledger=test/home', home)).status, 200);
  for (const name of ['test/other', 'test/absent', '']) {
    const response = await rig.call(`/v1/audit?ledger=${name}`, home);
    assert.equal(response.status, 403, name);
  }
  assert.equal((await rig.call('/v1/audit?ledger=test/absent', all)).status, 404);
  assert.equal((await problem(await rig.call('/v1/records?ledger=a&ledger=b', all))).code, 'QUERY_INVALID');
  const denied = await rig.records('access.denied');
  assert.equal((denied[0]!.data as { ledger: string }).ledger, 'test/other');
  const posted = await rig.call('/v1/records?ledger=test/other', all, {
    method: 'POST',
    body: event('over.there'),
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(posted.status, 201);
  assert.equal((await rig.records('over.there')).length, 0);
  const there = (await (await rig.call('/v1/audit?ledger=test/other', all)).json()) as {
    entries: { action: string }[];
  };
  assert.ok(there.entries.some(({ action }) => action === 'over.there'));
});

test('a flood of refusals is grouped, and none is lost', async (t) => {
  const rig = await startRig(t);
  const before = (await rig.ledger.head())!.seq;
  await Promise.all(Array.from({ length: 200 }, () => rig.call('/v1/audit', null)));
  await rig.server.close();
  const counts = (await rig.records('access.denied')).map(
    ({ data }) => (data as { count?: number }).count ?? 1,
  );
  assert.deepEqual(counts, [1, 199]);
  assert.equal((await rig.ledger.head())!.seq, before + 2);
});

test('tokens over HTTP: made, listed, revoked by an administrator, at once', async (t) => {
  const rig = await startRig(t);
  const admin = await rig.token({ name: 'admin', scopes: ['admin'] });
  const ask = (body: unknown, secret = admin) =>
    rig.call('/v1/tokens', secret, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
  const made = await ask({ name: 'ci', scopes: ['audit:write'] });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get('cache-control'), 'no-store');
  const { secret, token_id, status } = (await made.json()) as {
    secret: string;
    token_id: string;
    status: string;
  };
  assert.equal(status, 'active');
  assert.equal((await rig.post(secret, event('a'))).status, 201);
  const [record] = (await rig.records('access.token_created')).slice(-1);
  assert.deepEqual(record!.actor.on_behalf_of, { type: 'api-token', id: 'admin' });

  const listed = await (await rig.call('/v1/tokens', admin)).text();
  assert.ok(listed.includes(token_id) && !listed.includes(secret) && !listed.includes('token_hash'));

  const revoked = await rig.call(`/v1/tokens/${token_id}`, admin, { method: 'DELETE' });
  assert.equal(((await revoked.json()) as { status: string }).status, 'revoked');
  assert.equal((await rig.post(secret, event('a'))).status, 401);
  assert.equal((await rig.call('/v1/tokens/absent', admin, { method: 'DELETE' })).status, 404);

  for (const wrong of [
    {},
    { name: 'x', scopes: ['root'] },
    { name: 'x', scopes: ['admin'], more: 1 },
    { name: 'x', scopes: 'admin' },
    { name: 'admin', scopes: ['admin'] },
  ]) {
    const response = await ask(wrong);
    assert.deepEqual(
      [response.status, (await problem(response)).code],
      [400, 'TOKEN_INVALID'],
      JSON.stringify(wrong),
    );
  }
});

test('an administrator of some ledgers hands out no more than those', async (t) => {
  const rig = await startRig(t);
  const admin = await rig.token({ name: 'local-admin', scopes: ['admin'], ledgers: ['test/home'] });
  const ask = (ledgers?: string[]) =>
    rig.call('/v1/tokens', admin, {
      method: 'POST',
      body: JSON.stringify({ name: `t-${ledgers?.[0]?.length ?? 0}`, scopes: ['audit:read'], ledgers }),
      headers: { 'content-type': 'application/json' },
    });
  assert.equal((await problem(await ask(['*']))).code, 'TOKEN_INVALID');
  assert.equal((await problem(await ask(['test/other']))).code, 'TOKEN_INVALID');
  const made = (await (await ask()).json()) as { ledgers: string[] };
  assert.deepEqual(made.ledgers, ['test/home']);
});

test('too many requests are 429 with Retry-After: by token, and by address without one', async (t) => {
  const rig = await startRig(t, { requests_per_minute_token: 3, requests_per_minute_address: 2 });
  const one = await rig.token();
  const two = await rig.token();
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await rig.call('/v1/audit', one)).status);
  assert.deepEqual(statuses, [200, 200, 200, 429]);
  assert.equal((await rig.call('/v1/audit', two)).status, 200, 'another token is not concerned');
  assert.deepEqual(
    [(await rig.call('/v1/audit', null)).status, (await rig.call('/nowhere', null)).status],
    [401, 404],
  );
  const limited = await rig.call('/v1/audit', null);
  assert.equal(limited.status, 429);
  assert.ok(Number(limited.headers.get('retry-after')) >= 1);
  assert.equal((await problem(limited)).code, 'RATE_LIMITED');
  assert.equal((await rig.call('/healthz', null)).status, 200, 'health checks are not counted');
});

test('no secret is ever in a record, in the log or in an answer', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const wrong = `${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`;
  const answers = [];
  for (const one of [secret, wrong]) {
    for (const path of [...READING.filter((path) => path !== '/v1/tail'), '/nowhere']) {
      const response = await rig.call(path, one);
      answers.push(await response.text(), JSON.stringify([...response.headers]));
    }
    answers.push(await (await rig.post(one, '{"broken')).text());
    answers.push(await (await rig.post(one, event('ledger.x'))).text());
  }
  const headers = { authorization: `Bearer ${secret}` };
  rig.server.app.log.warn({ ...headers, headers, incoming: { headers } }, 'probe');
  await rig.server.close();
  const head = (await rig.ledger.head())!.seq;
  const bodies = (await rig.ledger.get(Array.from({ length: head + 1 }, (_, seq) => seq))).map(
    ({ body }) => body,
  );
  const all = [...answers, ...bodies, ...rig.log].join('\n');
  assert.ok(all.includes('access.denied') && all.includes('probe'));
  for (const one of [secret, wrong]) {
    assert.ok(!all.includes(one) && !all.includes(one.slice(-43)), 'a secret got out');
  }
});
