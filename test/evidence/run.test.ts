import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditLimit, auditList } from '../../packages/indelible/src/evidence/audit-list.ts';
import { whatHappened } from '../../packages/indelible/src/evidence/run.ts';
import { RUN_LOG_FIELDS } from '../../packages/indelible/src/evidence/run-log.ts';
import { newLedger, OTHER_RUN, RUN } from './support.ts';

const BOT = { type: 'agent', id: 'bot', on_behalf_of: { type: 'user', id: 'alice' } };

test('what happened in a run: every step, who, how long, at what cost', async (t) => {
  const { ledger, clock } = await newLedger(t);
  await ledger.record({ action: 'start', correlation_id: RUN, actor: BOT, source: 'n8n', cost_usd: 0.1 });
  clock.now += 1500;
  await ledger.record({ action: 'noise', correlation_id: OTHER_RUN });
  await ledger.record({
    action: 'call',
    event_type: 'llm.call',
    correlation_id: RUN,
    outcome: 'denied',
    latency_ms: 12.5,
    cost_usd: 0.2,
    input_ref: 's3://in',
    output_ref: 's3://out',
    message: 'refused',
  });
  clock.now += 500;
  await ledger.record({ action: 'start', correlation_id: RUN, actor: BOT, source: 'n8n' });
  const run = await whatHappened(ledger, RUN.toUpperCase());

  const { events, ...facts } = run;
  const [first, second] = events;
  assert.deepEqual(facts, {
    correlation_id: RUN,
    steps: 3,
    truncated: false,
    started_at: '2026-11-21T02:14:00.000Z',
    ended_at: '2026-11-21T02:14:02.000Z',
    duration_ms: 2000,
    status: 'error',
    actors: [
      { name: 'agent:bot on behalf of user:alice', steps: 2 },
      { name: second!.actor, steps: 1 },
    ],
    actions: [
      { name: 'start', steps: 2 },
      { name: 'call', steps: 1 },
    ],
    sources: [{ name: 'n8n', steps: 2 }],
    cost_usd: 0.3,
    first_seq: 1,
    last_seq: 4,
  });
  assert.deepEqual(
    events.map(({ seq }) => seq),
    [0, 1, 2],
  );
  assert.deepEqual(Object.keys(first!), [...RUN_LOG_FIELDS]);
  assert.equal(first!.event_type, 'start', 'event_type falls back to the action');
  assert.equal(first!.latency_ms, null);
  const [stored] = await ledger.get([3]);
  assert.deepEqual(second, {
    ts: '2026-11-21T02:14:01.500Z',
    correlation_id: RUN,
    seq: 1,
    source: null,
    event_type: 'llm.call',
    status: 'error',
    actor: second!.actor,
    input_ref: 's3://in',
    output_ref: 's3://out',
    latency_ms: 12.5,
    cost_usd: 0.2,
    message: 'refused',
    event_json: stored!.body,
    prev_hash: stored!.record.prev_hash,
    row_hash: stored!.hash,
  });
});

test('the status of a run', async (t) => {
  const { ledger } = await newLedger(t);
  const cases = [
    [['ok', 'pending', 'ok'], 'ok'],
    [['ok', 'pending'], 'pending'],
    [['error', 'pending'], 'error'],
    [['denied', 'ok'], 'error'],
  ] as const;
  for (const [i, [outcomes, expected]] of cases.entries()) {
    const correlation_id = String(i + 1).padStart(32, '0');
    for (const outcome of outcomes) await ledger.record({ action: 'step', outcome, correlation_id });
    assert.equal((await whatHappened(ledger, correlation_id)).status, expected);
  }
});

test('ts is when the caller says it happened; claims out of order do not make a negative duration', async (t) => {
  const { ledger } = await newLedger(t);
  const claim = (occurred_at: string) => ledger.record({ action: 'x', correlation_id: RUN, occurred_at });
  await claim('2023-07-10T11:50:00Z');
  await claim('2023-07-10T11:45:00Z');
  await claim('2023-07-10T11:45:30Z');
  const run = await whatHappened(ledger, RUN);
  assert.deepEqual(
    [run.started_at, run.ended_at, run.duration_ms, run.events[1]!.ts],
    ['2023-07-10T11:45:00.000Z', '2023-07-10T11:50:00.000Z', 300_000, '2023-07-10T11:45:00Z'],
  );
});

test('a giant run is counted in full and shown in part', async (t) => {
  const { ledger } = await newLedger(t);
  await Promise.all(Array.from({ length: 30 }, () => ledger.record({ action: 'x', correlation_id: RUN })));
  const run = await whatHappened(ledger, RUN, 10);
  assert.deepEqual([run.steps, run.truncated, run.events.length, run.last_seq], [30, true, 10, 10]);
});

test('an unknown run is NOT_FOUND, no correlation id is QUERY_INVALID', async (t) => {
  const { ledger } = await newLedger(t);
  await assert.rejects(whatHappened(ledger, RUN), { code: 'NOT_FOUND' });
  await assert.rejects(whatHappened(ledger, 'run-7'), { code: 'QUERY_INVALID' });
});

test('the audit listing: newest first, compact', async (t) => {
  const { ledger } = await newLedger(t);
  await ledger.record({ action: 'secret.set', actor: BOT, resource: { type: 'secret', id: 'db/password' } });
  await ledger.record({ action: 'secret.get', actor: { type: 'user', id: 'eve' }, outcome: 'denied' });
  const list = await auditList(ledger, 2);
  assert.deepEqual(list, [
    {
      recorded_at: '2026-11-21T02:14:00.000Z',
      actor: 'user:eve',
      action: 'secret.get',
      target: null,
      outcome: 'denied',
    },
    {
      recorded_at: '2026-11-21T02:14:00.000Z',
      actor: 'agent:bot on behalf of user:alice',
      action: 'secret.set',
      target: 'secret:db/password',
      outcome: 'ok',
    },
  ]);
  assert.equal((await auditList(ledger, 500)).length, 3);
});

test('the audit limit: unparsable gives 50, above 500 gives 500', () => {
  const cases: [unknown, number][] = [
    [undefined, 50],
    ['', 50],
    ['abc', 50],
    ['10abc', 50],
    ['-3', 50],
    ['1.5', 50],
    ['0', 50],
    [['1', '2'], 50],
    ['7', 7],
    [7, 7],
    ['500', 500],
    ['501', 500],
    ['99999999999999999999999', 500],
  ];
  for (const [value, expected] of cases) assert.equal(auditLimit(value), expected, String(value));
});
