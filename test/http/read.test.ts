/**
 * The routes that read: what they answer, and that each read is recorded.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IndelibleError, sha256Hex } from '@indelible/core';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { event, problem, type Rig, startRig } from './support.ts';

interface Page {
  records: { hash: string; record: { seq: number; action: string } }[];
  next_cursor: string | null;
}

async function fill(rig: Rig, secret: string, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, i) => event(i % 2 === 0 ? 'even' : 'odd', { data: { i } }));
  assert.equal(
    (await rig.post(secret, lines.join('\n'), { 'content-type': 'application/x-ndjson' })).status,
    201,
  );
}

async function json<T>(response: Response): Promise<T> {
  assert.equal(response.status, 200);
  return (await response.json()) as T;
}

test('records: filters and cursors; what is served is the bytes that were hashed', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  await fill(rig, secret, 25);
  const seen: number[] = [];
  let cursor = '';
  do {
    const page = await json<Page>(await rig.call(`/v1/records?action=even&limit=5${cursor}`, secret));
    seen.push(...page.records.map(({ record }) => record.seq));
    cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`;
  } while (cursor !== '');
  assert.equal(seen.length, 13);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => b - a),
    'newest first',
  );

  const text = await (await rig.call('/v1/records?action=odd&limit=1', secret)).text();
  const [, hash, body] = /^\{"records":\[\{"hash":"([0-9a-f]{64})","record":(.*)\}\],"next_cursor":/.exec(
    text,
  )!;
  const bytes = new TextEncoder().encode(`\0${body}`);
  assert.equal(sha256Hex(bytes), hash);
});

test('records: a filter that is unknown, malformed or given twice is refused, never ignored', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const wrong = [
    'actr=x',
    'outcome=great',
    'since=yesterday',
    'limit=0',
    'limit=x',
    'limit=1001',
    'order=up',
    'action=a*b',
    'action=a&action=b',
    'correlation_id=xyz',
    'text=',
    'actor=',
  ];
  for (const query of wrong) {
    const response = await rig.call(`/v1/records?${query}`, secret);
    assert.deepEqual([response.status, (await problem(response)).code], [400, 'QUERY_INVALID'], query);
  }
  const response = await rig.call('/v1/records?cursor=nonsense', secret);
  assert.deepEqual([response.status, (await problem(response)).code], [400, 'CURSOR_INVALID']);
});

test('one record by number and by id', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const receipt = (await (await rig.post(secret, event('a'))).json()) as {
    seq: number;
    id: string;
    hash: string;
  };
  for (const name of [receipt.seq, receipt.id]) {
    const stored = await json<{ hash: string; record: { id: string } }>(
      await rig.call(`/v1/records/${name}`, secret),
    );
    assert.deepEqual([stored.hash, stored.record.id], [receipt.hash, receipt.id]);
  }
  for (const name of ['999999', receipt.id.replace(/.$/, (last) => (last === '0' ? '1' : '0'))]) {
    assert.equal((await problem(await rig.call(`/v1/records/${name}`, secret))).code, 'NOT_FOUND');
  }
  for (const name of ['-1', 'x', '1.5', '%00', receipt.id.toUpperCase()]) {
    assert.equal((await problem(await rig.call(`/v1/records/${name}`, secret))).code, 'QUERY_INVALID', name);
  }
});

test('a run: everything under one correlation id', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const correlation_id = '4bf92f3577b34da6a3ce929d0e0e4736';
  await rig.post(secret, event('start', { correlation_id }));
  await rig.post(secret, event('stop', { correlation_id, outcome: 'error' }));
  const run = await json<{ steps: number; status: string; events: { event_type: string }[] }>(
    await rig.call(`/v1/runs/${correlation_id}`, secret),
  );
  assert.deepEqual([run.steps, run.status], [2, 'error']);
  assert.deepEqual(
    run.events.map(({ event_type }) => event_type),
    ['start', 'stop'],
  );
  assert.equal((await problem(await rig.call(`/v1/runs/${'b'.repeat(32)}`, secret))).code, 'NOT_FOUND');
  assert.equal((await problem(await rig.call('/v1/runs/nonsense', secret))).code, 'QUERY_INVALID');
});

test('audit: newest first; default 50, at most 500, an unparsable limit gives 50', async (t) => {
  const rig = await startRig(t, { reads: 'grouped' });
  const secret = await rig.token();
  await fill(rig, secret, 600);
  const cases: readonly (readonly [query: string, count: number])[] = [
    ['', 50],
    ['?limit=7', 7],
    ['?limit=500', 500],
    ['?limit=501', 500],
    ['?limit=99999999999999999999', 500],
    ['?limit=abc', 50],
    ['?limit=', 50],
    ['?limit=-1', 50],
    ['?limit=0', 50],
    ['?limit=1.5', 50],
    ['?limit=1e2', 50],
    ['?limit=7&limit=8', 50],
  ];
  for (const [query, count] of cases) {
    const { entries } = await json<{ entries: Record<string, unknown>[] }>(
      await rig.call(`/v1/audit${query}`, secret),
    );
    assert.equal(entries.length, count, query);
    assert.deepEqual(Object.keys(entries[0]!), ['recorded_at', 'actor', 'action', 'target', 'outcome']);
    assert.equal(entries[0]!.action, 'odd', 'the 600th event is the newest');
  }
});

test('audit: POST is 405 with Allow, with and without a token or a body, and so is every other method', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'PROPFIND']) {
    for (const one of [secret, null]) {
      const response = await rig.call('/v1/audit', one, { method });
      assert.deepEqual([response.status, response.headers.get('allow')], [405, 'GET'], method);
      if (method !== 'HEAD') assert.equal((await problem(response)).code, 'METHOD_NOT_ALLOWED');
    }
  }
  const odd = await rig.call('/v1/audit?limit=1', secret, {
    method: 'POST',
    body: '<a/>',
    headers: { 'content-type': 'text/xml' },
  });
  assert.equal(odd.status, 405);
  assert.equal(
    (await rig.call('/v1/records', secret, { method: 'DELETE' })).headers.get('allow'),
    'GET, POST',
  );
  assert.equal((await rig.call('/v1/records/1', secret, { method: 'POST' })).headers.get('allow'), 'GET');
  assert.equal((await rig.call('/healthz', null, { method: 'POST' })).headers.get('allow'), 'GET, HEAD');
  for (const path of ['/', '/v1', '/v1/audit/', '/v1/records/1/2', '/v2/audit']) {
    const response = await rig.call(path, secret);
    assert.deepEqual([response.status, (await problem(response)).code], [404, 'NOT_FOUND'], path);
  }
});

test('pitfall 24: every read is recorded with who, what and how much, before its answer', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token({ name: 'ana' });
  const { seq } = (await (await rig.post(secret, event('a', { correlation_id: 'c'.repeat(32) }))).json()) as {
    seq: number;
  };
  const paths = [
    '/v1/records?action=a',
    `/v1/records/${seq}`,
    '/v1/records/999999',
    `/v1/runs/${'c'.repeat(32)}`,
    `/v1/runs/${'d'.repeat(32)}`,
    '/v1/audit?limit=3',
  ];
  for (const [i, path] of paths.entries()) {
    await rig.call(path, secret);
    assert.equal((await rig.records('access.read')).length, i + 1, 'it is there once the answer is');
  }
  const reads = await rig.records('access.read');
  assert.ok(reads.every(({ actor }) => actor.type === 'api-token' && actor.id === 'ana'));
  assert.deepEqual(
    reads.map(({ data }) => data),
    [
      { route: 'GET /v1/records', query: { action: 'a' }, returned: 1 },
      { route: 'GET /v1/records/{seq_or_id}', query: { seq_or_id: String(seq) }, returned: 1 },
      { route: 'GET /v1/records/{seq_or_id}', query: { seq_or_id: '999999' }, returned: 0 },
      { route: 'GET /v1/runs/{correlation_id}', query: { correlation_id: 'c'.repeat(32) }, returned: 1 },
      { route: 'GET /v1/runs/{correlation_id}', query: { correlation_id: 'd'.repeat(32) }, returned: 0 },
      { route: 'GET /v1/audit', query: { limit: 3 }, returned: 3 },
    ],
  );
});

test('a read belongs to the run of its request', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  await rig.call('/v1/audit', secret, { headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` } });
  assert.equal((await rig.records('access.read'))[0]!.correlation_id, trace);
});

test('a read that cannot be recorded is not answered', async (t) => {
  const store = openMemoryStore();
  const rig = await startRig(t, { store });
  const secret = await rig.token();
  await rig.post(secret, event('hidden'));
  const append = store.append;
  store.append = () => Promise.reject(new IndelibleError('STORE_FULL', 'no space'));
  for (const path of ['/v1/audit', '/v1/records', '/v1/records/0', '/v1/export']) {
    const response = await rig.call(path, secret);
    const text = await response.text();
    assert.equal(response.status, 507, path);
    assert.ok(!text.includes('hidden'));
  }
  store.append = append;
});

test('grouped reads: one record per token and route, written when the server closes', async (t) => {
  const rig = await startRig(t, { reads: 'grouped' });
  const secret = await rig.token({ name: 'ana' });
  for (let i = 0; i < 3; i++) await rig.call('/v1/audit?limit=2', secret);
  assert.equal((await rig.records('access.read')).length, 0);
  await rig.server.close();
  const [read, ...more] = await rig.records('access.read');
  const { route, count, returned } = read!.data as Record<string, unknown>;
  assert.deepEqual([read!.actor.id, route, count, returned, more.length], ['ana', 'GET /v1/audit', 3, 6, 0]);
});
