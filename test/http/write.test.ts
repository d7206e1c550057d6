/**
 * POST /v1/records: one event and many.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { IndelibleError } from '@indelible/core';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { event, problem, startRig } from './support.ts';

const NDJSON = { 'content-type': 'application/x-ndjson' };

test('one event: 201 with a receipt once it is durable, and where it is', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token({ name: 'ci' });
  const response = await rig.post(secret, event('secret.set', { data: { a: 1 } }));
  assert.equal(response.status, 201);
  const receipt = (await response.json()) as { seq: number; id: string; hash: string };
  assert.equal(response.headers.get('location'), `/v1/records/${receipt.seq}`);
  const [stored] = await rig.ledger.get([receipt.seq]);
  assert.equal(stored!.hash, receipt.hash);
  assert.equal(stored!.record.action, 'secret.set');
  assert.deepEqual(stored!.record.actor, { type: 'api-token', id: 'ci' });
});

test('an actor that the event claims is kept as the one on whose behalf the token acted', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token({ name: 'ci' });
  const claimed = { type: 'service', id: 'indelible', on_behalf_of: { type: 'user', id: 'ana' } };
  assert.equal((await rig.post(secret, event('a', { actor: claimed }))).status, 201);
  assert.equal(
    (await rig.post(secret, event('a', { actor: { type: 'user', id: 'ben' } }), NDJSON)).status,
    201,
  );
  const [one, bulk] = await rig.records('a');
  assert.deepEqual(one!.actor, { type: 'api-token', id: 'ci', on_behalf_of: claimed });
  assert.deepEqual(bulk!.actor, { type: 'api-token', id: 'ci', on_behalf_of: { type: 'user', id: 'ben' } });
});

test('a traceparent gives the correlation id; the answer carries one with the same trace', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const inbound = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
  const response = await rig.post(secret, event('a'), inbound);
  assert.match(response.headers.get('traceparent')!, new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
  await rig.post(secret, `${event('b')}\n${event('b')}\n`, { ...NDJSON, ...inbound });
  await rig.post(secret, event('c'));
  await rig.post(secret, `${event('d')}\n${event('d')}\n`, NDJSON);
  const ids = async (action: string) =>
    (await rig.records(action)).map(({ correlation_id }) => correlation_id);
  assert.deepEqual([...(await ids('a')), ...(await ids('b'))], [trace, trace, trace]);
  assert.equal((await rig.records('a'))[0]!.span_id, '00f067aa0ba902b7');
  assert.notEqual((await ids('c'))[0], trace);
  assert.equal(new Set(await ids('d')).size, 2, 'lines sent together are not one run');
});

test('a retry with the same Idempotency-Key gives the first receipt with 200; other content is 409', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const key = { 'idempotency-key': 'k1' };
  const first = (await (await rig.post(secret, event('a'), key)).json()) as { seq: number };
  const again = await rig.post(secret, event('a'), key);
  assert.equal(again.status, 200);
  const receipt = (await again.json()) as { seq: number; duplicate: boolean };
  assert.deepEqual([receipt.seq, receipt.duplicate], [first.seq, true]);
  const other = await rig.post(secret, event('b'), key);
  assert.equal(other.status, 409);
  assert.equal((await problem(other)).code, 'IDEMPOTENCY_CONFLICT');
  const differing = await rig.post(secret, event('a', { idempotency_key: 'k2' }), key);
  assert.equal((await problem(differing)).code, 'EVENT_INVALID');
  assert.equal((await rig.records('a')).length, 1);
});

test('bad bodies are refused by their own code, and change nothing', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const before = (await rig.ledger.head())!.seq;
  const cases: readonly (readonly [body: string | Uint8Array, status: number, code: string])[] = [
    ['', 400, 'JSON_INVALID'],
    ['{', 400, 'JSON_INVALID'],
    ['{"action":"a","action":"b"}', 400, 'JSON_DUPLICATE_KEY'],
    ['{"action":"a","data":{"x":1,"\\u0078":2}}', 400, 'JSON_DUPLICATE_KEY'],
    ['{"action":"a","data":12345678901234567890}', 400, 'JSON_NUMBER'],
    ['{"action":"a","data":"\\ud800"}', 400, 'JSON_LONE_SURROGATE'],
    [`{"action":"a","data":${'['.repeat(100)}${']'.repeat(100)}}`, 400, 'JSON_TOO_DEEP'],
    [new Uint8Array([0x22, 0xff, 0x22]), 400, 'JSON_INVALID'],
    ['null', 400, 'EVENT_INVALID'],
    ['[]', 400, 'EVENT_INVALID'],
    ['"a"', 400, 'EVENT_INVALID'],
    ['{}', 400, 'EVENT_INVALID'],
    ['{"action":{"toString":1}}', 400, 'EVENT_INVALID'],
    ['{"action":"a","actor":null}', 400, 'EVENT_INVALID'],
    ['{"action":"a","unknown":1}', 400, 'EVENT_INVALID'],
    ['{"action":"ledger.created"}', 400, 'EVENT_INVALID'],
    ['{"action":"access.token_created"}', 400, 'EVENT_INVALID'],
    [event('a', { data: 'x'.repeat(70_000) }), 413, 'RECORD_TOO_LARGE'],
    [event('a', { data: 'x'.repeat(1 << 20) }), 413, 'BODY_TOO_LARGE'],
  ];
  for (const [body, status, code] of cases) {
    const response = await rig.post(secret, body);
    const found = await problem(response);
    assert.deepEqual(
      [response.status, found.code, found.status],
      [status, code, status],
      String(body).slice(0, 60),
    );
    assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8');
    assert.equal(found.type, `urn:indelible:error:${code}`);
    for (const member of ['title', 'detail', 'remedy', 'instance'])
      assert.equal(typeof found[member], 'string', member);
  }
  for (const headers of [
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/xml' },
    { 'content-encoding': 'gzip' },
  ]) {
    const response = await rig.post(secret, event('a'), headers);
    assert.deepEqual([response.status, (await problem(response)).code], [415, 'UNSUPPORTED_MEDIA_TYPE']);
  }
  assert.equal((await rig.ledger.head())!.seq, before);
});

test('a storage fault answers with its own status, not as a success', async (t) => {
  const store = openMemoryStore();
  const rig = await startRig(t, { store });
  const secret = await rig.token();
  const append = store.append;
  store.append = () => Promise.reject(new IndelibleError('STORE_FULL', 'no space'));
  const response = await rig.post(secret, event('a'));
  assert.deepEqual([response.status, (await problem(response)).code], [507, 'STORE_FULL']);
  const bulk = await rig.post(secret, `${event('a')}\n`, NDJSON);
  assert.deepEqual([bulk.status, (await problem(bulk)).code], [507, 'STORE_FULL']);
  store.append = append;
  assert.equal((await rig.post(secret, event('a'))).status, 201);
});

test('NDJSON: all lines in order, blank ones passed over, the last without a newline', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const response = await rig.post(
    secret,
    `${event('a', { data: 0 })}\r\n\n  \n${event('a', { data: 1 })}\n${event('a', { data: 2 })}`,
    NDJSON,
  );
  assert.equal(response.status, 201);
  const result = (await response.json()) as Record<string, unknown>;
  const { received, recorded, duplicates, failed, errors } = result;
  assert.deepEqual(
    { received, recorded, duplicates, failed, errors },
    { received: 3, recorded: 3, duplicates: 0, failed: 0, errors: [] },
  );
  assert.deepEqual(
    (await rig.records('a')).map(({ data }) => data),
    [0, 1, 2],
  );
  assert.equal((await rig.post(secret, '', NDJSON)).status, 200, 'nothing sent, nothing recorded');
});

test('NDJSON: good lines go in, bad ones are named by line, and the status says partial', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const lines = [event('a'), '{"action":"a","action":"a"}', event('a'), 'nonsense', event('ledger.x')];
  const response = await rig.post(secret, lines.join('\n'), NDJSON);
  assert.equal(response.status, 207);
  const { received, recorded, failed, errors } = (await response.json()) as {
    received: number;
    recorded: number;
    failed: number;
    errors: { line: number; code: string }[];
  };
  assert.deepEqual([received, recorded, failed], [5, 2, 3]);
  assert.deepEqual(
    errors.map(({ line, code }) => [line, code]),
    [
      [2, 'JSON_DUPLICATE_KEY'],
      [4, 'JSON_INVALID'],
      [5, 'EVENT_INVALID'],
    ],
  );
  assert.equal((await rig.records('a')).length, 2);
});

test('NDJSON: results by line when asked for, in the order of the lines', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const once = event('a', { idempotency_key: 'k' });
  const body = `${once}\nnonsense\n\n${event('b')}\n${once}\n`;
  const response = await rig.post(secret, body, { ...NDJSON, accept: 'application/x-ndjson' });
  assert.equal(response.status, 207);
  const results = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    results.map(({ line, status }) => [line, status]),
    [
      [1, 201],
      [2, 400],
      [4, 201],
      [5, 200],
    ],
  );
  assert.equal(results[3]!.seq, results[0]!.seq);
});

test('NDJSON: when nothing went in, the status is that of the worst line', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const response = await rig.post(secret, 'x\ny\n', NDJSON);
  assert.equal(response.status, 400);
  const found = await problem(response);
  assert.deepEqual([found.code, found.received, found.recorded, found.failed], ['JSON_INVALID', 2, 0, 2]);
  const keyed = await rig.post(secret, event('a'), { ...NDJSON, 'idempotency-key': 'k' });
  assert.equal((await problem(keyed)).code, 'EVENT_INVALID');
});

test('NDJSON: a line over its limit fails alone; a body over its limit says how far it got', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const long = event('long', { data: 'x'.repeat(1 << 20) });
  const response = await rig.post(secret, `${event('a')}\n${long}\n${event('a')}\n`, NDJSON);
  assert.equal(response.status, 207);
  const { errors } = (await response.json()) as { errors: { line: number; code: string }[] };
  assert.deepEqual(
    errors.map(({ line, code }) => [line, code]),
    [[2, 'BODY_TOO_LARGE']],
  );
  assert.equal((await rig.records('a')).length, 2);

  const declared = await rig.post(secret, new Uint8Array(17 << 20).fill(0x20), NDJSON);
  assert.deepEqual([declared.status, (await problem(declared)).code], [413, 'BODY_TOO_LARGE']);

  const chunk = new TextEncoder().encode(`${event('b', { data: 'x'.repeat(60_000) })}\n`);
  let sent = 0;
  const body = new ReadableStream({
    pull(controller) {
      if (sent++ < 400) controller.enqueue(chunk);
      else controller.close();
    },
  });
  const init = { method: 'POST', body, duplex: 'half', headers: NDJSON } as RequestInit;
  const undeclared = await rig.call('/v1/records', secret, init);
  const found = await problem(undeclared);
  assert.deepEqual([undeclared.status, found.code], [413, 'BODY_TOO_LARGE']);
  assert.equal(found.recorded, (await rig.records('b')).length);
  assert.ok((found.recorded as number) > 200 && (found.recorded as number) < 400);
});

test('NDJSON: a torn last line of a broken connection is not recorded', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const { port } = new URL(rig.url);
  const socket = connect(Number(port), '127.0.0.1');
  const head = `POST /v1/records HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secret}\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100000\r\n\r\n`;
  // Whole as JSON, but nobody said that the line ends here.
  socket.write(`${head}${event('whole')}\n${event('torn')}`);
  while ((await rig.records('whole')).length === 0) await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
  await rig.server.close();
  assert.equal((await rig.records('torn')).length, 0);
});
