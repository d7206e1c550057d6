/** A monitor over time: silence, alerts, what is remembered, and what a slow or hostile server may not do to it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { formatVerifierKey, type IndelibleError } from '@indelible/core';
import {
  FINDINGS,
  type MonitorFinding,
  type MonitorReport,
} from '../../packages/indelible/src/monitor/findings.ts';
import { Monitor } from '../../packages/indelible/src/monitor/monitor.ts';
import { root } from '../support/root.ts';
import { entriesOf, filesOf, LOG_VKEY, ORIGIN, signerOf } from './support/served-log.ts';
import { kinds, watching } from './support/watching.ts';

const watch = watching();

test('silence: told when nothing was heard for long, by a clock that the test holds', async () => {
  const monitor = watch.monitorOf({ silence_ms: 1000 });
  watch.server.show(await filesOf(entriesOf(5)));
  await monitor.once();
  watch.server.answer = ({ respond }) => {
    respond(503, {}, '');
    return true;
  };
  watch.now += 1000;
  const quiet = await monitor.once();
  assert.deepEqual([kinds(quiet), quiet.verdict], [[], 'not_checked']);
  watch.now += 1;
  const silent = await monitor.once();
  assert.deepEqual(kinds(silent), ['silence']);
  assert.equal(silent.exit_code, 3);
  assert.match(silent.findings[0]!.detail, /since 2026-11-21T09:00:00.000Z/);
});

test('a log that answers but does not grow is told where asked for', async () => {
  const monitor = watch.monitorOf({ stalled_ms: 5000 });
  watch.server.show(await filesOf(entriesOf(5)));
  await monitor.once();
  watch.now += 5001;
  const stalled = await monitor.once();
  assert.deepEqual(kinds(stalled), ['silence']);
  assert.match(stalled.findings[0]!.detail, /has not grown/);
  watch.server.show(await filesOf(entriesOf(6)));
  assert.equal((await monitor.once()).verdict, 'consistent');
});

test('an answer that never ends, comes too slowly or is too large is given up', async () => {
  watch.server.show(await filesOf(entriesOf(5)));
  const monitor = watch.monitorOf({ timeout_ms: 60 });
  watch.server.answer = ({ response }) => {
    response.writeHead(200);
    response.write('example.com/log\n');
    return true;
  };
  const slow = await monitor.once();
  assert.deepEqual([slow.verdict, slow.exit_code], ['not_checked', 3]);
  assert.match(slow.faults[0]!, /did not answer within 60 ms/);
  watch.server.answer = ({ respond }) => {
    respond(200, { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(20_000_000)));
    return true;
  };
  assert.match((await watch.monitorOf().once()).faults[0]!, /more than 1000000 bytes/);
  watch.server.answer = ({ respond }) => {
    respond(302, { location: '/log/elsewhere' }, '');
    return true;
  };
  assert.match((await watch.monitorOf().once()).faults[0]!, /redirect/);
});

test('the alert: once for a finding, again after a failure, and again a day later', async () => {
  const told: MonitorFinding[] = [];
  let broken = true;
  const monitor = watch.monitorOf({
    alert: async (finding) => {
      if (broken) throw new Error('the webhook is down');
      told.push(finding);
    },
  });
  watch.server.show(await filesOf(entriesOf(9)));
  await monitor.once();
  watch.server.show(await filesOf(entriesOf(9, 'other ', 1)));
  const failed = await monitor.once();
  assert.match(failed.faults[0]!, /the webhook is down/);
  broken = false;
  for (let i = 0; i < 3; i++) await monitor.once();
  assert.deepEqual(
    told.map(({ kind }) => kind),
    ['fork'],
  );
  assert.equal(told[0]!.origin, ORIGIN);
  watch.now += 24 * 60 * 60 * 1000;
  await monitor.once();
  assert.equal(told.length, 2);
});

test('following: the interval with jitter, more rarely while unreachable, at once again afterwards', async () => {
  const waits: number[] = [];
  const stop = new AbortController();
  const files = await filesOf(entriesOf(3));
  watch.server.show(files);
  let looks = 0;
  watch.server.answer = ({ path, respond }) => {
    if (path !== 'checkpoint') return false;
    looks++;
    if (looks < 2 || looks > 4) return false;
    respond(500, {}, '');
    return true;
  };
  const monitor = watch.monitorOf({
    interval_ms: 1000,
    silence_ms: null,
    wait: async (ms) => {
      waits.push(ms);
      if (waits.length === 6) stop.abort();
    },
  });
  const reports: MonitorReport[] = [];
  await monitor.follow(stop.signal, (report) => reports.push(report));
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 1000, 1000]);
  assert.deepEqual(
    reports.map(({ exit_code }) => exit_code),
    [0, 3, 3, 3, 0, 0],
  );
});

test('following ends when it is told to, also in the middle of a look or of a pause', async () => {
  watch.server.show(await filesOf(entriesOf(3)));
  const stop = new AbortController();
  watch.server.answer = () => {
    stop.abort();
    return true;
  };
  const reports: MonitorReport[] = [];
  await watch.monitorOf().follow(stop.signal, (report) => reports.push(report));
  assert.deepEqual(reports, []);
  watch.server.show(await filesOf(entriesOf(3)));
  const pause = new AbortController();
  // With the real wait, of a minute.
  const sleeping = new Monitor({
    prefix: watch.server.prefix,
    keys: [LOG_VKEY],
    state_file: join(watch.folder, 'sleeping.json'),
  });
  await sleeping.follow(pause.signal, () => setImmediate(() => pause.abort()));
});

test('a damaged state is an error, never a fresh start', async () => {
  watch.server.show(await filesOf(entriesOf(5)));
  await watch.monitorOf().once();
  const path = join(watch.folder, 'state.json');
  const good = readFileSync(path, 'utf8');
  const damages = [
    '',
    '{}',
    'null',
    good.slice(0, -20),
    good.replace('"size":5', '"size":4'),
    good.replace('"v":1', '"v":2'),
  ];
  for (const damaged of damages) {
    writeFileSync(path, damaged);
    await assert.rejects(
      watch.monitorOf().once(),
      (error: IndelibleError) => error.code === 'MONITOR_STATE',
      damaged,
    );
  }
  writeFileSync(path, good);
  const other = signerOf('example.com/other', 'ed25519', 9);
  await assert.rejects(
    watch.monitorOf({ keys: [formatVerifierKey(other.key)] }).once(),
    (error: IndelibleError) => error.code === 'MONITOR_STATE' && /another log/.test(error.message),
  );
});

test('a token goes to the log, and never over plain http to another machine', async () => {
  const files = await filesOf(entriesOf(5));
  watch.server.show(files);
  const seen: unknown[] = [];
  watch.server.answer = ({ headers }) => {
    seen.push(headers.authorization);
    return false;
  };
  await watch.monitorOf({ token: 'secret-of-the-test' }).once();
  assert.deepEqual([...new Set(seen)], ['Bearer secret-of-the-test']);
  assert.throws(
    () => watch.monitorOf({ prefix: 'http://log.example/x', token: 'secret-of-the-test' }),
    (error: IndelibleError) => error.code === 'REMOTE_URL' && !error.message.includes('secret'),
  );
  for (const prefix of [
    'ftp://log.example',
    'log.example',
    'https://user:pass@log.example',
    'https://log.example?a=1',
  ]) {
    assert.throws(
      () => watch.monitorOf({ prefix }),
      (error: IndelibleError) => error.code === 'REMOTE_URL',
    );
  }
});

test('the guide lists every finding with its meaning and exit code', () => {
  const guide = readFileSync(join(root, 'docs/guides/monitoring.md'), 'utf8');
  for (const [kind, { exit, means }] of Object.entries(FINDINGS)) {
    assert.ok(guide.includes(`| \`${kind}\` | ${means} | ${exit} |`), kind);
  }
});
