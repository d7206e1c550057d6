/**
 * Export and tail: answers that last.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { isLine } from '@indelible/core';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { event, problem, type Rig, startRig } from './support.ts';

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function fill(rig: Rig, secret: string, count: number, size = 10): Promise<void> {
  const line = event('filler', { data: 'x'.repeat(size) });
  const per_request = Math.min(count, Math.floor(15_000_000 / line.length));
  for (let left = count; left > 0; left -= per_request) {
    const body = `${line}\n`.repeat(Math.min(left, per_request));
    assert.equal((await rig.post(secret, body, { 'content-type': 'application/x-ndjson' })).status, 201);
  }
}

test('pitfall 24: an export is recorded before its first byte, and again when it is complete', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token({ name: 'ana' });
  await fill(rig, secret, 20);
  for (const [format, type] of [
    ['csv', 'text/csv'],
    ['json', 'application/json'],
    ['jsonl', 'application/x-ndjson'],
  ]) {
    const response = await rig.call(`/v1/export?format=${format}&action=filler`, secret);
    assert.equal(response.status, 200);
    assert.ok(response.headers.get('content-type')!.startsWith(type!));
    assert.equal(response.headers.get('content-disposition'), `attachment; filename="records.${format}"`);
    const started = await rig.records('access.export_started');
    assert.equal((started.at(-1)!.data as { format: string }).format, format);
    assert.deepEqual([started.at(-1)!.actor.id, started.at(-1)!.outcome], ['ana', 'pending']);
    const text = await response.text();
    await until(async () => (await rig.records('access.export_completed')).length === started.length);
    const completed = (await rig.records('access.export_completed')).at(-1)!;
    const { count, complete, bytes, filter } = completed.data as Record<string, unknown>;
    assert.deepEqual(
      [count, complete, bytes, filter],
      [20, true, Buffer.byteLength(text), { action: 'filler' }],
    );
    assert.equal(completed.correlation_id, started.at(-1)!.correlation_id, 'one run');
    if (format === 'jsonl') {
      const lines = Buffer.from(text).toString('latin1').trim().split('\n');
      assert.ok(
        isLine(Buffer.from(`${lines[0]}\n`, 'latin1'), 0, lines[0]!.length + 1),
        'the ledger’s own lines',
      );
      assert.equal(lines.length, 21);
    }
  }
});

test('an export that is cut by its limit says so in its record', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  await fill(rig, secret, 20);
  await (await rig.call('/v1/export?limit=5', secret)).text();
  await until(async () => (await rig.records('access.export_completed')).length === 1);
  const { count, complete, limit } = (await rig.records('access.export_completed'))[0]!.data as Record<
    string,
    unknown
  >;
  assert.deepEqual([count, complete, limit], [5, false, 5]);
});

test('an export that its client abandons is recorded as aborted', async (t) => {
  const store = openMemoryStore();
  const rig = await startRig(t, { store });
  const secret = await rig.token();
  await fill(rig, secret, 2000, 1000);
  // The export stands still behind its first batch until its client is gone; what follows the log reads from later on.
  const { promise: gone, resolve: leave } = Promise.withResolvers<void>();
  const read = store.read.bind(store);
  store.read = async function* (from, to) {
    for await (const batch of read(from, to)) {
      yield batch;
      if (from === 0) await gone;
    }
  };
  const request = httpRequest(`${rig.url}/v1/export`, { headers: { authorization: `Bearer ${secret}` } });
  request.on('error', () => {}).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  await once(response, 'readable');
  const sockets = () =>
    new Promise((resolve) => rig.server.app.server.getConnections((_, count) => resolve(count)));
  const before = await sockets();
  response.destroy();
  await until(async () => (await sockets()) !== before);
  leave();
  await until(async () => (await rig.records('access.export_aborted')).length === 1);
  const [aborted] = await rig.records('access.export_aborted');
  assert.deepEqual(
    [aborted!.outcome, (aborted!.data as { reason: string }).reason],
    ['error', 'the client went away'],
  );
  assert.equal((await rig.records('access.export_completed')).length, 0);
});

test('an export with wrong parameters is refused before it is recorded', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  for (const query of ['format=xml', 'limit=0', 'limit=x', 'actr=x', 'since=x']) {
    const response = await rig.call(`/v1/export?${query}`, secret);
    assert.deepEqual([response.status, (await problem(response)).code], [400, 'QUERY_INVALID'], query);
  }
  assert.equal((await rig.records('access.export_started')).length, 0);
});

interface Sent {
  id: string;
  event: string;
  data: { record: { seq: number; action: string } };
}

interface Tail {
  readonly status: number;
  readonly sent: Sent[];
  readonly text: () => string;
  readonly ended: Promise<void>;
  stop(): void;
}

/** Opens a tail and collects what it sends. */
async function tail(
  rig: Rig,
  secret: string,
  query = '',
  headers: Record<string, string> = {},
): Promise<Tail> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${rig.url}/v1/tail${query}`, {
      headers: { ...headers, authorization: `Bearer ${secret}` },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      let rest = '';
      const sent: Sent[] = [];
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        const blocks = (rest + piece).split('\n\n');
        rest = blocks.pop()!;
        for (const block of blocks) {
          const fields = Object.fromEntries(
            block
              .split('\n')
              .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
          );
          if (fields.event !== undefined)
            sent.push({ id: fields.id ?? '', event: fields.event, data: JSON.parse(fields.data!) });
        }
      });
      const ended = new Promise<void>((done) => response.on('close', done));
      response.on('error', () => {});
      resolve({ status: response.statusCode!, sent, text: () => text, ended, stop: () => request.destroy() });
    });
    request.end();
  });
}

const actions = ({ sent }: Tail) => sent.map(({ data }) => data.record.action);

test('tail: new records with their number as id; resumed with Last-Event-ID nothing is missed or doubled', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  await rig.post(secret, event('before'));
  const first = await tail(rig, secret);
  await rig.post(secret, event('one'));
  await until(() => actions(first).includes('one'));
  const last = first.sent.at(-1)!;
  assert.equal(last.id, String(last.data.record.seq));
  assert.ok(!actions(first).includes('before'));
  first.stop();
  await until(async () => (await rig.records('access.tail_ended')).length === 1);

  await rig.post(secret, event('two'));
  const second = await tail(rig, secret, '', { 'last-event-id': last.id });
  await rig.post(secret, event('three'));
  await until(() => actions(second).includes('three'));
  const ids = second.sent.map(({ id }) => Number(id));
  assert.deepEqual(
    ids,
    Array.from({ length: ids.length }, (_, i) => Number(last.id) + 1 + i),
    'every record behind the last one, once',
  );
  assert.ok(actions(second).includes('two'));
  second.stop();
});

test('pitfall 24: a tail is recorded when it begins and when it ends', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token({ name: 'ana' });
  const open = await tail(rig, secret, '?action=wanted');
  await until(async () => (await rig.records('access.tail_started')).length === 1);
  await rig.post(secret, event('wanted'));
  await rig.post(secret, event('unwanted'));
  await rig.post(secret, event('wanted'));
  await until(() => open.sent.length === 2);
  assert.deepEqual(actions(open), ['wanted', 'wanted']);
  open.stop();
  await until(async () => (await rig.records('access.tail_ended')).length === 1);
  const [ended] = await rig.records('access.tail_ended');
  assert.deepEqual([ended!.actor.id, (ended!.data as { sent: number }).sent], ['ana', 2]);
});

test('tail: `after` begins anywhere; what cannot be a beginning is refused', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token();
  const open = await tail(rig, secret, '?after=-1');
  await until(() => open.sent.length >= 2);
  assert.deepEqual(
    open.sent.slice(0, 2).map(({ id }) => id),
    ['0', '1'],
  );
  open.stop();
  for (const after of ['x', '1.5', '-2', '999999', '']) {
    assert.equal(
      (await problem(await rig.call(`/v1/tail?after=${after}`, secret))).code,
      'QUERY_INVALID',
      after,
    );
  }
  const response = await rig.call('/v1/tail', secret, { headers: { 'last-event-id': 'x' } });
  assert.equal((await problem(response)).code, 'QUERY_INVALID');
  assert.equal(
    (await problem(await rig.call('/v1/tail?text=x', secret))).code,
    'QUERY_INVALID',
    'words need the index',
  );
});

test('tail: a quiet one shows signs of life', async (t) => {
  const rig = await startRig(t, { heartbeat_ms: 1 });
  const open = await tail(rig, await rig.token());
  await until(() => open.text().includes(': still here\n\n'));
  assert.ok(open.text().startsWith('retry: 2000\n\n'));
  open.stop();
});

test('tail: at most so many at once, and a place is free again when one ends', async (t) => {
  const rig = await startRig(t, { tails_max: 2 });
  const secret = await rig.token();
  const tails = [await tail(rig, secret), await tail(rig, secret)];
  const response = await rig.call('/v1/tail', secret);
  assert.deepEqual([response.status, (await problem(response)).code], [503, 'TAILS_FULL']);
  assert.ok(response.headers.has('retry-after'));
  tails[0]!.stop();
  await until(async () => (await rig.records('access.tail_ended')).length === 1);
  const third = await tail(rig, secret);
  assert.equal(third.status, 200);
  for (const wrong of ['?after=x', '?after=y', '?after=z']) await rig.call(`/v1/tail${wrong}`, secret);
  third.stop();
  tails[1]!.stop();
  await until(async () => (await rig.records('access.tail_ended')).length === 3);
  assert.equal((await tail(rig, secret)).status, 200, 'a refused tail holds no place');
});

test('tail: it ends when its token is revoked, before the next record', async (t) => {
  const rig = await startRig(t);
  const secret = await rig.token({ name: 'gone' });
  const other = await rig.token();
  const open = await tail(rig, secret);
  await until(async () => (await rig.records('access.tail_started')).length === 1);
  await rig.server.tokens.revoke('gone', { type: 'user', id: 'root' });
  await rig.post(other, event('secret.business'));
  await open.ended;
  assert.ok(!actions(open).includes('secret.business'));
});

test('tail and export: closing the server ends them, and that is recorded', async (t) => {
  const rig = await startRig(t);
  const open = await tail(rig, await rig.token());
  await until(async () => (await rig.records('access.tail_started')).length === 1);
  await rig.server.close();
  await open.ended;
  assert.equal((await rig.records('access.tail_ended')).length, 1);
});
