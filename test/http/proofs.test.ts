/** Checkpoints and proofs over HTTP, and what each of these reads leaves in the ledger. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCheckpoint, parseNote, type Receipt, SIGNATURES, verifyConsistency } from '@indelible/core';
import { check, ManualTimers, record, signer, until } from '../transparency/support.ts';
import { event, problem, startRig } from './support.ts';

test('proof: a record is proven to somebody who has the verifier key alone, by number and by id', async (t) => {
  const rig = await startRig(t, { checkpoints: {} });
  const secret = await rig.token({ name: 'ana' });
  const { seq, id, hash } = (await (await rig.post(secret, event('a'))).json()) as Receipt;
  await rig.ledger.transparency!.checkpointNow();
  for (const name of [seq, id]) {
    const response = await rig.call(`/v1/records/${name}/proof`, secret);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8');
    assert.equal(response.headers.get('cache-control'), 'no-store');
    const proof = await response.text();
    assert.ok(proof.startsWith('c2sp.org/tlog-proof@v1\n'));
    assert.equal(check(proof, hash, rig.ledger.transparency!.verifier_keys).index, seq);
    assert.throws(() => check(proof, '0'.repeat(64), rig.ledger.transparency!.verifier_keys));
  }
  const reads = await rig.records('access.read');
  assert.deepEqual(
    reads.map(({ actor, data }) => [actor.id, data]),
    [String(seq), id].map((seq_or_id) => [
      'ana',
      {
        route: 'GET /v1/records/{seq_or_id}/proof',
        query: { seq_or_id, wait: 'false' },
        returned: 1,
      },
    ]),
  );
});

test('proof: too early is 404 with Retry-After, and recorded; wait=true waits for the checkpoint', async (t) => {
  const timers = new ManualTimers();
  const rig = await startRig(t, { checkpoints: { checkpoint_timers: timers } });
  const secret = await rig.token();
  timers.advance(0);
  await until('the first checkpoint', () => rig.ledger.transparency!.published_size > 0);
  const { seq, hash } = (await (await rig.post(secret, event('a'))).json()) as Receipt;
  const early = await rig.call(`/v1/records/${seq}/proof`, secret);
  assert.deepEqual(
    [early.status, early.headers.get('retry-after'), (await problem(early)).code],
    [404, '1', 'CHECKPOINT_MISSING'],
  );
  assert.equal((await rig.records('access.read')).length, 1);
  const waiting = rig.call(`/v1/records/${seq}/proof?wait=true`, secret);
  await until('a checkpoint is planned', () => timers.next_ms !== null);
  timers.advance(1000);
  check(await (await waiting).text(), hash, rig.ledger.transparency!.verifier_keys);
});

test('proof: waiting ends in time, and when the server closes', async (t) => {
  const rig = await startRig(t, { checkpoints: {}, proof_wait_ms: 1 });
  const secret = await rig.token();
  const late = await rig.call('/v1/records/0/proof?wait=true', secret);
  assert.deepEqual([late.status, (await problem(late)).code], [404, 'CHECKPOINT_MISSING']);

  const patient = await startRig(t, { checkpoints: {} });
  const own = await patient.token();
  const { transparency } = patient.ledger;
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const waitFor = transparency!.waitFor.bind(transparency);
  transparency!.waitFor = (seq, signal) => {
    resolve();
    return waitFor(seq, signal);
  };
  const waiting = patient.call('/v1/records/0/proof?wait=true', own);
  await asked;
  const closing = patient.server.close();
  const response = await waiting;
  assert.deepEqual([response.status, (await problem(response)).code], [503, 'LEDGER_CLOSED']);
  await closing;
});

test('proof: what is no record, no query, or has no log says so', async (t) => {
  const rig = await startRig(t, { checkpoints: {} });
  const secret = await rig.token();
  await rig.ledger.transparency!.checkpointNow();
  const expected: readonly [string, number, string][] = [
    ['/v1/records/999/proof', 404, 'NOT_FOUND'],
    ['/v1/records/01890000-0000-7000-8000-000000000000/proof', 404, 'NOT_FOUND'],
    ['/v1/records/nonsense/proof', 400, 'QUERY_INVALID'],
    ['/v1/records/0/proof?wait=yes', 400, 'QUERY_INVALID'],
    ['/v1/records/0/proof?depth=3', 400, 'QUERY_INVALID'],
  ];
  for (const [path, status, code] of expected) {
    const response = await rig.call(path, secret);
    assert.deepEqual([response.status, (await problem(response)).code], [status, code], path);
  }
  const unsigned = await startRig(t);
  const own = await unsigned.token();
  for (const path of ['/v1/records/0/proof', '/v1/consistency?from=1', '/v1/checkpoints/latest']) {
    const response = await unsigned.call(path, own);
    assert.deepEqual([response.status, (await problem(response)).code], [404, 'CHECKPOINT_MISSING'], path);
    assert.equal(response.headers.get('retry-after'), null, 'there is nothing to wait for');
  }
  assert.equal((await unsigned.records('access.read')).length, 3);
});

test('latest: the newest checkpoint, verifiable, with the keys; recorded', async (t) => {
  const rig = await startRig(t, { checkpoints: {} });
  const secret = await rig.token();
  await record(rig.ledger, 10);
  const published = await rig.ledger.transparency!.checkpointNow();
  const found = (await (await rig.call('/v1/checkpoints/latest', secret)).json()) as {
    origin: string;
    size: number;
    root: string;
    note: string;
    signed_at: string;
    verifier_keys: string[];
  };
  assert.deepEqual(found, {
    origin: 'test/home',
    size: published.size,
    root: published.root,
    note: published.note,
    signed_at: new Date(published.signed_at).toISOString(),
    verifier_keys: rig.ledger.transparency!.verifier_keys,
  });
  const { checkpoint } = checkCheckpoint(parseNote(found.note), {
    log_keys: found.verifier_keys,
    algorithms: SIGNATURES,
  });
  assert.deepEqual([checkpoint.size, checkpoint.root], [found.size, found.root]);
  const [read] = await rig.records('access.read');
  assert.deepEqual(read!.data, { route: 'GET /v1/checkpoints/latest', query: {}, returned: 1 });
});

test('consistency: the newer log begins with the older one; by default up to the newest checkpoint', async (t) => {
  const rig = await startRig(t, { checkpoints: {} });
  const secret = await rig.token();
  await record(rig.ledger, 300);
  const older = await rig.ledger.transparency!.checkpointNow();
  await record(rig.ledger, 77);
  const newer = await rig.ledger.transparency!.checkpointNow();
  for (const query of [`from=${older.size}`, `from=${older.size}&to=${newer.size}`]) {
    const { origin, hashes, ...proof } = (await (
      await rig.call(`/v1/consistency?${query}`, secret)
    ).json()) as {
      origin: string;
      from: number;
      to: number;
      from_root: string;
      to_root: string;
      hashes: string[];
    };
    assert.deepEqual(
      [origin, proof],
      ['test/home', { from: older.size, to: newer.size, from_root: older.root, to_root: newer.root }],
    );
    assert.equal(verifyConsistency({ ...proof, proof: hashes }).ok, true);
    const wrong = { ...proof, from_root: proof.to_root, proof: hashes };
    assert.equal(verifyConsistency(wrong).ok, false);
  }
  const [read] = await rig.records('access.read');
  assert.deepEqual((read!.data as { query: object }).query, { from: String(older.size) });
  const expected: readonly [string, string][] = [
    ['', 'QUERY_INVALID'],
    ['from=-1', 'QUERY_INVALID'],
    ['from=1e3', 'QUERY_INVALID'],
    ['from=2&to=1', 'PROOF_RANGE'],
    [`from=1&to=${newer.size + 1000}`, 'PROOF_RANGE'],
  ];
  for (const [query, code] of expected) {
    const response = await rig.call(`/v1/consistency?${query}`, secret);
    assert.deepEqual([response.status, (await problem(response)).code], [400, code], query);
  }
});

test('health and metrics show size, age, faults and cosignatures; a fault leaves the server ready', async (t) => {
  let now = 1_700_000_000_000;
  const failing = { ...signer(1, 'test/home') };
  const rig = await startRig(t, {
    clock: () => now,
    metrics_access: 'open',
    checkpoints: { signer: { key: failing.key, sign: (message) => failing.sign(message) } },
  });
  const published = await rig.ledger.transparency!.checkpointNow();
  now = published.signed_at + 42_000;
  const health = async () =>
    (await (await rig.call('/healthz', null)).json()) as { ok: boolean; ledgers: unknown[] };
  const { size } = published;
  await rig.ledger.caughtUp();
  assert.deepEqual(await health(), {
    ok: true,
    degraded: false,
    ledgers: [
      {
        ledger: 'test/home',
        checkpoint: { size, signed_size: size, age_s: 42, fault: null },
        anchors: [],
        archive: null,
        index_lag: 0,
        operations: null,
        outbox: null,
        verification: null,
      },
    ],
  });
  failing.sign = () => {
    throw new Error('the secret device is away');
  };
  await record(rig.ledger, 1);
  await assert.rejects(rig.ledger.transparency!.checkpointNow(), { code: 'SIGNER_FAILED' });
  const sick = await rig.call('/healthz', null);
  const text = await sick.text();
  assert.ok(text.includes('"fault":"SIGNER_FAILED"') && !text.includes('secret device'));
  assert.equal((await rig.call('/readyz', null)).status, 200, 'recording goes on');
  const metrics = await (await rig.call('/metrics', null)).text();
  const value = (name: string) =>
    Number(new RegExp(`^${name}\\{ledger="test/home"\\} (\\S+)$`, 'm').exec(metrics)?.[1]);
  assert.equal(value('indelible_tree_size'), size + 1);
  assert.equal(value('indelible_checkpoint_size'), size);
  assert.equal(value('indelible_checkpoint_signed_size'), size);
  assert.equal(value('indelible_checkpoint_age_seconds'), 42);
  assert.equal(value('indelible_checkpoint_cosignatures'), 0);
  assert.equal(value('indelible_checkpoint_fault'), 1);
});

test('anchors: one that fails is seen in health and metrics, by its name and code', async (t) => {
  const status = [
    {
      anchor: 'file:auditor',
      kind: 'file' as const,
      last_anchored_size: 7,
      last_anchored_at: 1_700_000_000_000,
      failing_since: 1_700_000_010_000,
      error: { code: 'ANCHOR_UNAVAILABLE', message: 'said something private' },
      next_at: null,
    },
  ];
  const rig = await startRig(t, {
    clock: () => 1_700_000_060_000,
    metrics_access: 'open',
    checkpoints: {},
    anchors: new Map([['test/home', { status }]]),
  });
  const health = await (await rig.call('/healthz', null)).text();
  assert.ok(!health.includes('private'));
  assert.deepEqual((JSON.parse(health) as { ledgers: { anchors: unknown }[] }).ledgers[0]!.anchors, [
    {
      anchor: 'file:auditor',
      kind: 'file',
      ok: false,
      last_anchored_size: 7,
      last_anchored_at: '2023-11-14T22:13:20.000Z',
      failing_since: '2023-11-14T22:13:30.000Z',
      fault: 'ANCHOR_UNAVAILABLE',
    },
  ]);
  assert.equal((await rig.call('/readyz', null)).status, 200);
  const metrics = await (await rig.call('/metrics', null)).text();
  assert.match(metrics, /^indelible_anchor_failing\{ledger="test\/home",anchor="file:auditor"\} 1$/m);
  assert.match(metrics, /^indelible_anchor_size\{.*\} 7$/m);
  assert.match(metrics, /^indelible_anchor_age_seconds\{.*\} 60$/m);
});
