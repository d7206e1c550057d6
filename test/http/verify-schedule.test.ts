/** Verification while ledgers are served: on schedule, recorded, shown; and no ledger that feeds itself. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { LedgerRecord } from '@indelible/core';
import { createServer } from '../../packages/indelible/src/http/server.ts';
import { VerifySchedule } from '../../packages/indelible/src/http/verify-schedule.ts';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { folder, NAME, openLedger, record, signer } from '../transparency/support.ts';

const HOUR = 60 * 60_000;

/** A served ledger in files, with a schedule whose turns the test takes. */
async function served(t: TestContext, { files = folder(t), full_every_ms = 24 * HOUR } = {}) {
  let now = 1_800_000_000_000;
  const url = `file:${join(files, 'log')}`;
  const ledger = await openLedger(url, { name: NAME, signer: signer() });
  await record(ledger, 20);
  await ledger.transparency!.checkpointNow();
  const ledgers = new Map([[NAME, ledger as Ledger]]);
  const server = await createServer({ ledgers, clock: () => now, metrics_access: 'open' });
  const errors: unknown[] = [];
  const log = { info() {}, warn: () => {}, error: (facts: unknown) => void errors.push(facts) };
  const timers: { ms: number; run: () => void }[] = [];
  const schedule = new VerifySchedule({
    ledgers,
    verifications: server.verifications,
    every_ms: HOUR,
    full_every_ms,
    clock: () => now,
    log,
    timers: { set: (ms, run) => timers.push({ ms, run }), clear: () => {} },
  });
  t.after(async () => {
    await schedule.close();
    await server.close();
    await ledger.close();
  });
  const verified = async (): Promise<LedgerRecord[]> => {
    const head = await ledger.head();
    const all = await ledger.get(Array.from({ length: head!.seq + 1 }, (_, seq) => seq));
    return all.map((one) => one.record).filter(({ action }) => action === 'ledger.verified');
  };
  const get = async (path: string) => server.app.inject({ url: path });
  return { files, ledger, server, schedule, timers, verified, get, pass: (ms: number) => void (now += ms) };
}

const dataOf = ({ data }: LedgerRecord) => data as Record<string, unknown>;

test('pitfall 17: what is served is verified by itself, and that is recorded and shown', async (t) => {
  const { schedule, timers, verified, get, ledger } = await served(t);
  schedule.start();
  assert.deepEqual(
    timers.map(({ ms }) => ms),
    [HOUR],
  );
  await schedule.run();
  const [first] = await verified();
  assert.equal(first!.outcome, 'ok');
  assert.deepEqual(
    [dataOf(first!).mode, dataOf(first!).result, dataOf(first!).grade, dataOf(first!).size],
    ['full', 'verified', 'signed', 22],
  );
  const health = (await get('/healthz')).json();
  assert.equal(health.degraded, false);
  assert.equal(health.ledgers[0].verification.result, 'verified');
  assert.equal(health.ledgers[0].verification.size, 22);
  const metrics = (await get('/metrics')).body;
  assert.match(metrics, new RegExp(`indelible_verified_size\\{ledger="${NAME}"\\} 22`));
  assert.match(metrics, /indelible_verification_tampering\{[^}]*\} 0/);

  await record(ledger, 5);
  await ledger.transparency!.checkpointNow();
  await schedule.run();
  const second = (await verified()).at(-1)!;
  assert.deepEqual(
    [dataOf(second).mode, dataOf(second).size, dataOf(second).records_checked],
    ['incremental', 28, 6],
  );
});

test('an idle ledger is not verified for its own records of verification', async (t) => {
  const { schedule, verified, ledger, pass } = await served(t);
  await schedule.run();
  await schedule.run();
  await schedule.run();
  assert.equal((await verified()).length, 1);
  await record(ledger, 1);
  await schedule.run();
  assert.equal((await verified()).length, 2);
  pass(24 * HOUR);
  await schedule.run();
  const [, , third] = await verified();
  assert.equal(dataOf(third!).mode, 'full', 'everything is read once a day, news or not');
});

test('pitfall 19: what is written while verifications run is in the next, without a gap', async (t) => {
  const { schedule, verified, ledger } = await served(t);
  let writing = true;
  const writes = (async () => {
    while (writing) await record(ledger, 3);
  })();
  for (let turn = 0; turn < 4; turn++) {
    await schedule.run();
    await record(ledger, 1);
    await ledger.transparency!.checkpointNow();
  }
  writing = false;
  await writes;
  const all = (await verified()).map(dataOf);
  assert.deepEqual(
    all.map(({ mode, result }) => [mode, result]),
    [['full', 'verified'], ...Array(3).fill(['incremental', 'verified'])],
  );
  let size = 0;
  for (const one of all) {
    size += Number(one.records_checked);
    assert.equal(one.size, size, 'each went on exactly where the one before ended');
  }
});

test('pitfall 17: tampering is shown, logged and recorded; recording goes on', async (t) => {
  const { files, schedule, get, ledger, verified } = await served(t);
  const segments = join(files, 'log', 'segments');
  const [name] = readdirSync(segments);
  const path = join(segments, name!);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"i":7', '"i":8'));
  await schedule.run();
  const last = (await verified()).at(-1)!;
  assert.equal(last.outcome, 'error');
  assert.deepEqual(
    [dataOf(last).result, dataOf(last).damage, dataOf(last).grade],
    ['tampering', 'mutated', null],
  );
  const health = (await get('/healthz')).json();
  assert.deepEqual(
    [health.ok, health.degraded, health.ledgers[0].verification.result],
    [true, true, 'tampering'],
  );
  assert.match((await get('/metrics')).body, /indelible_verification_tampering\{[^}]*\} 1/);
  const [receipt] = await record(ledger, 1);
  assert.ok(receipt!.seq > last.seq);
});

test('a verification asked for while one runs is refused, and the schedule survives that', async (t) => {
  const { schedule, server, ledger, verified } = await served(t);
  const signal = new AbortController().signal;
  const running = server.verifications.run(ledger, { signal });
  await schedule.run();
  await running;
  assert.equal((await verified()).length, 1);
  await record(ledger, 1);
  await schedule.run();
  assert.equal((await verified()).length, 2);
});
