/**
 * What the server says about itself: documents, health, metrics; and what holds for every answer.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ERRORS, IndelibleError } from '@indelible/core';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { event, problem, startRig } from './support.ts';

interface Document {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<
    string,
    Record<
      string,
      {
        responses: Record<string, unknown>;
        security: Record<string, string[]>[];
        parameters?: { name: string; in: string }[];
      }
    >
  >;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

const ROUTES = [
  'delete /v1/tokens/{token_id}',
  'get /docs',
  'get /healthz',
  'get /log/{ledger}/checkpoint',
  'get /log/{ledger}/log.vkey',
  'get /log/{ledger}/tile/entries/{index}',
  'get /log/{ledger}/tile/{level}/{index}',
  'get /metrics',
  'get /openapi.json',
  'get /readyz',
  'get /v1/approvers',
  'get /v1/audit',
  'get /v1/checkpoints/latest',
  'get /v1/connectors',
  'get /v1/consistency',
  'get /v1/export',
  'get /v1/operations',
  'get /v1/operations/{operation_id}',
  'get /v1/operations/{operation_id}/approval',
  'get /v1/records',
  'get /v1/records/{seq_or_id}',
  'get /v1/records/{seq_or_id}/attachment',
  'get /v1/records/{seq_or_id}/proof',
  'get /v1/runs/{correlation_id}',
  'get /v1/tail',
  'get /v1/tokens',
  'get /v1/verify',
  'post /v1/approvers',
  'post /v1/operations',
  'post /v1/operations/recover',
  'post /v1/operations/{operation_id}/advice',
  'post /v1/operations/{operation_id}/apply',
  'post /v1/operations/{operation_id}/cancel',
  'post /v1/operations/{operation_id}/close',
  'post /v1/operations/{operation_id}/resolve',
  'post /v1/operations/{operation_id}/rollback',
  'post /v1/operations/{operation_id}/votes',
  'post /v1/policy/check',
  'post /v1/records',
  'post /v1/tokens',
];

test('openapi.json names every route, resolves every reference, and says which scope each needs', async (t) => {
  const rig = await startRig(t);
  const api = (await (await rig.call('/openapi.json', null)).json()) as Document;
  assert.equal(api.openapi, '3.1.0');
  assert.ok(api.info.title !== '' && api.info.version !== '');
  const found = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  assert.deepEqual(found.filter((route) => !route.startsWith('head ')).sort(), ROUTES);

  const references = JSON.stringify(api).match(/"\$ref":"[^"]*"/g)!;
  assert.ok(references.length > 10);
  for (const reference of references) {
    const name = /^"\$ref":"#\/components\/schemas\/(\w+)"$/.exec(reference)?.[1];
    assert.ok(name !== undefined && name in api.components.schemas, reference);
  }
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      assert.ok(Object.keys(operation.responses).length > 0, `${method} ${path}`);
      const inPath = (path.match(/\{(\w+)\}/g) ?? []).map((part) => part.slice(1, -1));
      const stated = (operation.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => name);
      assert.deepEqual(stated, inPath, path);
      const scopes = operation.security.flatMap((one) => one.token ?? []);
      // The document and the gate agree: without a token it is 401 exactly where a scope is stated.
      const url = path.replace('{correlation_id}', 'a'.repeat(32)).replace(/\{\w+\}/g, '0');
      const response = await rig.call(url, null, { method: method.toUpperCase() });
      assert.equal(response.status === 401, scopes.length > 0, `${method} ${path}: ${response.status}`);
    }
  }
  const filters = api.paths['/v1/records']!.get!.parameters!.map(({ name }) => name);
  for (const name of [
    'actor',
    'action',
    'resource',
    'outcome',
    'correlation_id',
    'since',
    'until',
    'text',
    'cursor',
    'limit',
    'ledger',
  ]) {
    assert.ok(filters.includes(name), name);
  }
});

test('docs: one page with every route, no script, nothing from elsewhere, allowed by its own policy', async (t) => {
  const rig = await startRig(t);
  const response = await rig.call('/docs', null);
  const page = await response.text();
  assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
  for (const route of ROUTES) assert.ok(page.includes(`class="path">${route.split(' ')[1]}`), route);
  assert.ok(!/<script|\bon\w+=|\bsrc=|https?:\/\//i.test(page));
  assert.ok(page.includes('color-scheme:light dark') && page.includes(':focus-visible'));
  const policy = response.headers.get('content-security-policy')!;
  const style = /<style>([\s\S]*)<\/style>/.exec(page)![1]!;
  const digest = Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style))).toString(
    'base64',
  );
  assert.ok(policy.startsWith("default-src 'none'") && policy.includes(`'sha256-${digest}'`));
});

test('every answer, also an error, has the security headers and a traceparent', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const answers = [
    await rig.call('/v1/audit', secret),
    await rig.call('/v1/audit', null),
    await rig.call('/nowhere', null),
    await rig.post(secret, '{'),
    await rig.call('/healthz', null),
    await rig.call('/v1/export', secret),
  ];
  for (const { headers, url } of answers) {
    assert.equal(headers.get('x-content-type-options'), 'nosniff', url);
    assert.equal(headers.get('cache-control'), 'no-store', url);
    assert.match(headers.get('content-security-policy')!, /default-src 'none'/);
    assert.match(headers.get('traceparent')!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  }
});

test('verify: the report, recorded; 500 TAMPERING with the report when a record was changed', async (t) => {
  const store = openMemoryStore();
  const rig = await startRig(t, { store });
  const secret = await rig.token({ name: 'ana' });
  const { seq } = (await (await rig.post(secret, event('a', { message: 'first' }))).json()) as {
    seq: number;
  };
  const good = await rig.call('/v1/verify', secret);
  assert.equal(good.status, 200);
  const report = (await good.json()) as { ok: boolean; verdict: string; records_checked: number };
  assert.deepEqual([report.ok, report.verdict], [true, 'consistent']);
  assert.ok(report.records_checked > seq);
  const [verified] = await rig.records('ledger.verified');
  assert.deepEqual(
    [verified!.actor.id, verified!.outcome, (verified!.data as { verdict: string }).verdict],
    ['ana', 'ok', 'consistent'],
  );

  const read = store.read.bind(store);
  store.read = async function* (from, to) {
    for await (const batch of read(from, to)) {
      const bytes = Buffer.from(batch.bytes);
      const at = bytes.indexOf('"first"');
      if (at !== -1) bytes.write('"First"', at);
      yield { ...batch, bytes };
    }
  };
  const bad = await rig.call('/v1/verify', secret);
  assert.equal(bad.status, 500);
  const found = await problem(bad);
  assert.deepEqual(
    [found.code, found.ok, found.verdict, found.first_bad_seq, found.damage],
    ['TAMPERING', false, 'damaged', seq, 'mutated'],
  );
  const last = (await rig.records('ledger.verified')).at(-1)!;
  assert.deepEqual([last.outcome, (last.data as { first_bad_seq: number }).first_bad_seq], ['error', seq]);
});

test('verify: one at a time', async (t) => {
  const store = openMemoryStore();
  const rig = await startRig(t, { store });
  const secret = await rig.token();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const inspect = store.inspect.bind(store);
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  store.inspect = async () => {
    begin();
    await held;
    return inspect();
  };
  const first = rig.call('/v1/verify', secret);
  await begun;
  const second = await rig.call('/v1/verify', secret);
  assert.deepEqual([second.status, (await problem(second)).code], [409, 'VERIFY_RUNNING']);
  release();
  assert.equal((await first).status, 200);
  assert.equal((await rig.call('/v1/verify', secret)).status, 200);
});

test('verify: stopped before its end, it is recorded as not checked', async (t) => {
  const store = openMemoryStore();
  const rig = await startRig(t, { store });
  const secret = await rig.token();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const inspect = store.inspect.bind(store);
  store.inspect = async () => {
    begin();
    await held;
    return inspect();
  };
  const first = rig.call('/v1/verify', secret);
  await begun;
  const closing = rig.server.close();
  release();
  const response = await first;
  assert.deepEqual([response.status, (await problem(response)).code], [503, 'VERIFY_INCOMPLETE']);
  await closing;
  const [verified] = await rig.records('ledger.verified');
  assert.deepEqual(
    [verified!.outcome, verified!.data],
    ['error', { verdict: 'not_checked', code: 'VERIFY_INCOMPLETE' }],
  );
});

test('healthz and readyz: a storage fault makes it not ready, and its end ready again', async (t) => {
  const store = openMemoryStore();
  const rig = await startRig(t, { store });
  const secret = await rig.token();
  assert.equal((await rig.call('/healthz', null)).status, 200);
  assert.equal((await rig.call('/readyz', null, { method: 'HEAD' })).status, 200);
  await rig.ledger.caughtUp();
  const ready = (await (await rig.call('/readyz', null)).json()) as { ready: boolean; ledgers: unknown[] };
  assert.deepEqual(ready, {
    ready: true,
    ledgers: [{ ledger: 'test/home', ready: true, fault: null, head_seq: 1, index_lag: 0 }],
  });
  const append = store.append;
  store.append = () => Promise.reject(new IndelibleError('STORE_FULL', 'no space in /secret/place'));
  assert.equal((await rig.post(secret, event('a'))).status, 507);
  const faulty = await rig.call('/readyz', null);
  const text = await faulty.text();
  assert.equal(faulty.status, 503);
  assert.ok(text.includes('"fault":"STORE_FULL"') && !text.includes('/secret/place'));
  assert.equal((await rig.call('/healthz', null)).status, 200, 'alive all the same');
  store.append = append;
  await rig.post(secret, event('a'));
  assert.equal((await rig.call('/readyz', null)).status, 200);
});

test('metrics: needs a token unless opened; counts records and answers', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  await rig.post(secret, event('a'));
  await rig.post(secret, '{');
  await rig.call('/nowhere/at/all', null);
  const text = await (await rig.call('/metrics', secret)).text();
  const value = (name: string) =>
    Number(new RegExp(`^${name.replace(/[{}()/]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
  assert.equal(value('indelible_records_total{ledger="test/home"}'), 3);
  assert.equal(value('indelible_head_seq{ledger="test/home"}'), 2);
  assert.equal(value('indelible_lost_total{ledger="test/home"}'), 0);
  assert.equal(value('indelible_waiting_records{ledger="test/home"}'), 0);
  assert.equal(value('indelible_append_seconds_count'), 1);
  assert.equal(value('indelible_http_requests_total{route="POST /v1/records",status="201"}'), 1);
  assert.equal(value('indelible_http_requests_total{route="POST /v1/records",status="400"}'), 1);
  assert.equal(value('indelible_http_requests_total{route="(unknown)",status="404"}'), 1);
  assert.ok(/^indelible_index_lag_records/m.test(text) && /^indelible_commits_total/m.test(text));
  assert.ok(!text.includes('nowhere'), 'paths that strangers make up are no labels');

  const open = await startRig(t, { metrics_access: 'open' });
  assert.equal((await open.call('/metrics', null)).status, 200);
});

test('what is not HTTP gets a problem and the connection is closed', async (t) => {
  const rig = await startRig(t);
  const answer = await new Promise<string>((resolve, reject) => {
    let text = '';
    const socket = connect(Number(new URL(rig.url).port), '127.0.0.1', () =>
      socket.write('NONSENSE\r\n\r\n'),
    );
    socket
      .setEncoding('utf8')
      .on('data', (piece: string) => (text += piece))
      .on('close', () => resolve(text))
      .on('error', reject);
  });
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.ok(answer.includes('application/problem+json') && answer.includes('"code":"REQUEST_INVALID"'));
  assert.equal((await rig.call('/%', null)).status, 400);
  assert.equal((await rig.call(`/v1/records/${'9'.repeat(300)}`, await rig.token())).status, 404);
});

test('connections, headers and slow requests have bounds', async (t) => {
  const rig = await startRig(t, { connections_max: 7 });
  const { server } = rig.server.app;
  assert.equal(server.maxConnections, 7);
  assert.ok(server.requestTimeout > 0 && server.headersTimeout > 0 && server.keepAliveTimeout > 0);
});

test('closing does not wait for ever for a client that stopped reading', async (t) => {
  const rig = await startRig(t, { shutdown_grace_ms: 1 });
  const secret = await rig.token();
  const socket = connect(Number(new URL(rig.url).port), '127.0.0.1');
  socket.on('error', () => {});
  // It sends half a request and then nothing.
  await new Promise<void>((resolve) =>
    socket.write(
      `POST /v1/records HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secret}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
      () => resolve(),
    ),
  );
  while (
    (await new Promise<number>((resolve) =>
      rig.server.app.server.getConnections((_, count) => resolve(count)),
    )) === 0
  );
  await rig.server.close();
  socket.destroy();
});

test('an unexpected error says nothing but that, and is logged', async (t) => {
  const store = openMemoryStore();
  const rig = await startRig(t, { store });
  const secret = await rig.token();
  store.get = () => Promise.reject(new Error('private detail'));
  const response = await rig.call('/v1/records/0', secret);
  const text = await response.text();
  assert.equal(response.status, 500);
  assert.ok(text.includes('"code":"INTERNAL"') && !text.includes('private detail'));
  assert.ok(rig.log.some((line) => line.includes('private detail')));
});

test('every code that a problem can carry is in the table with a status of its own kind', async (t) => {
  const rig = await startRig(t);
  const api = (await (await rig.call('/openapi.json', null)).json()) as Document;
  const { properties } = api.components.schemas.Problem as { properties: { code: { enum: string[] } } };
  assert.deepEqual(properties.code.enum, Object.keys(ERRORS));
});
