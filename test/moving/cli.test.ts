/** `copy` and `archive` at the command line, and an archive that a server feeds. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { examine } from '../../packages/indelible/src/cli/checkup.ts';
import { serve } from '../../packages/indelible/src/http/serve.ts';
import { makeHere } from '../cli/run-here.ts';
import { recordsOf } from '../http/support.ts';
import { until } from '../transparency/support.ts';
import { assertSameBytes, makeAt, newFolder } from './support.ts';

test('copy: the same ledger elsewhere, and the copying is a record of both', async (t) => {
  const { folder, run, json } = await makeHere(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `sqlite:${join(folder, 'to.db')}`];
  await makeAt(from, 30);
  const first = await json(['copy', from, to]);
  assert.deepEqual(
    [first.from, first.to, first.recorded, first.copied, first.records, first.resumed_at, first.verdict],
    [from, to, true, 32, 32, 0, 'consistent'],
  );
  await assertSameBytes(from, to);
  const { records } = await json(['log', '--ledger', to, '--action', 'ledger.copy_begun']).then((one) => ({
    records: [one],
  }));
  assert.deepEqual(records[0].record.data, { to: 'sqlite:to.db', copy_head: null, continuous: false });

  const again = await run(['copy', from, to, '--no-record']);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /^Copied 0 records of acme\.example\/prod to sqlite:/);
  assert.match(again.stdout, /The copy was read again: consistent/);
  const quick = await run(['copy', from, to, '--no-record', '--no-verify']);
  assert.match(quick.stdout, /The copy was not read again/);
  await run(['record', 'goes.on', '--ledger', to]);
  const ahead = await run(['copy', from, to, '--json']);
  assert.equal(ahead.code, 1);
  const { code, details } = JSON.parse(ahead.stderr.trim().split('\n').at(-1)!);
  assert.deepEqual([code, details], ['COPY_DIVERGED', { first_differing_seq: 32 }]);
  assert.equal((await json(['show', '31', '--ledger', from])).record.seq, 31);
  assert.equal((await run(['show', '32', '--ledger', from])).code, 3, 'nothing was recorded in vain');
});

test('copy and archive refuse what they cannot mean, and leave nothing behind', async (t) => {
  const { folder, run } = await makeHere(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  await makeAt(from, 3);
  await mkdir(join(folder, 'empty', 'segments'), { recursive: true });
  for (const [args, code, error] of [
    [[from, from], 2, 'USAGE'],
    [[from, 'memory:'], 2, 'USAGE'],
    [[from, to, '--ledger', from], 2, 'USAGE'],
    [['carrier-pigeon:x', to], 2, 'LEDGER_URL'],
    [[`file:${join(folder, 'nowhere')}`, to], 3, 'LEDGER_NOT_FOUND'],
    [[`file:${join(folder, 'empty')}`, to], 3, 'LEDGER_NOT_FOUND'],
  ] as const) {
    for (const command of [['copy'], ['archive', '--once']]) {
      const result = await run([...command, ...args]);
      assert.deepEqual([result.code, result.stderr.includes(`error ${error}`)], [code, true], result.stderr);
    }
  }
  assert.ok(!existsSync(join(folder, 'to')));
});

test('copies and archives are ledgers that there ought to be: one that is gone is missed', async (t) => {
  const { folder, run, json } = await makeHere(t);
  const env = { INDELIBLE_REGISTRY: join(folder, 'ledgers.db') };
  const [from, copy, archive] = ['from', 'copy', 'archive'].map((name) => `file:${join(folder, name)}`);
  await makeAt(from!, 5);
  await json(['copy', from!, copy!], env);
  await json(['archive', from!, archive!, '--once'], env);
  const { ledgers } = await json(['ledgers'], env);
  const sizes = Object.fromEntries(
    ledgers.map((one: { url: string; size: number }) => [one.url, one.size] as const),
  );
  assert.deepEqual(sizes, { [from!]: 8, [copy!]: 7, [archive!]: 8 });
  await rm(join(folder, 'archive'), { recursive: true });
  const missed = await run(['ledgers', '--json'], env);
  assert.equal(missed.code, 1, missed.stderr);
  assert.deepEqual(
    JSON.parse(missed.stdout).findings.map(({ kind, url }: { kind: string; url: string }) => [kind, url]),
    [['vanished', archive]],
  );
});

test('log --no-wait shows what is indexed, and says what may be missing', async (t) => {
  const { folder, run } = await makeHere(t);
  const url = `file:${join(folder, 'ledger')}`;
  await makeAt(url, 5);
  assert.equal((await run(['log'])).code, 0);
  await makeAt(url, 3000);
  // The index takes nothing more, so that however fast it is, it is behind.
  const index = new DatabaseSync(join(folder, 'ledger', 'index.db'));
  t.after(async () => index.close());
  index.exec(`CREATE TRIGGER held BEFORE UPDATE ON state BEGIN SELECT RAISE(ABORT, 'held'); END`);
  const first = await run(['log', '--no-wait', '--limit', '1']);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^ +5 /);
  assert.match(first.stderr, /the index is 3,000 records behind: newer records may be missing here/);
  index.exec('DROP TRIGGER held');
  const waited = await run(['log', '--limit', '1']);
  assert.deepEqual([waited.code, waited.stderr], [0, '']);
  assert.match(waited.stdout, /^ +3005 /);
});

test('doctor looks at the folder on this machine where what is derived from a ledger elsewhere lies', async (t) => {
  const folder = await newFolder(t);
  const local = join(folder, 'local');
  // Refused before anybody is asked.
  const url = `postgres://db.invalid/audit?carrier=pigeon&local=${local}`;
  const named = async (name: string) => (await examine(url, {})).find((check) => check.name === name);
  assert.equal((await named('ledger'))!.status, 'fail');
  assert.deepEqual([(await named('local'))!.status, await named('disk')], ['ok', undefined]);
  await mkdir(local, { mode: 0o755 });
  assert.match((await named('local'))!.detail, /index, tree and checkpoints lie in /);
  assert.notEqual(await named('disk'), undefined);
  assert.equal((await named('modes'))!.status, 'warn');
});

test('serve --archive: health and metrics tell how far the archive is; a broken one stops nothing', async (t) => {
  const folder = await newFolder(t);
  const ledger_urls = ['one', 'two'].map((name) => `file:${join(folder, name)}`);
  const archive = join(folder, 'archive');
  await makeAt(`file:${archive}/other`, 1);
  // A file is where the archive's folder should be.
  const archive_urls = [`file:${archive}`, `file:${archive}/other/lock.pid`];
  await makeAt(ledger_urls[1]!, 1);
  const running = await serve({
    ledger_urls,
    archive_urls,
    port: 0,
    print() {},
    signals: false,
    log_level: 'silent',
    metrics_access: 'open',
    verify_every_ms: null,
  });
  t.after(() => running.close());
  const health = async () => {
    const { ledgers } = (await (await fetch(`${running.url}/healthz`)).json()) as {
      ledgers: { archive: Record<string, unknown>; index_lag: number }[];
    };
    return ledgers.map((one) => one.archive);
  };
  const [home, other] = [...running.served.ledgers.values()];
  await home!.record({ action: 'a' });
  await until('it is archived', async () => {
    const head = await home!.head();
    const { size, lag_records } = (await health())[0]!;
    return lag_records === 0 && size === head!.seq + 1;
  });
  await until('the other one fails', async () => (await health())[1]!.failing_since !== null);
  const states = await health();
  assert.deepEqual([states[0]!.ok, states[0]!.fault, states[0]!.lag_s], [true, null, 0]);
  assert.deepEqual([states[1]!.ok, states[1]!.size, states[1]!.lag_records], [false, null, null]);
  assert.match(String(states[1]!.fault), /^STORE_/);
  assert.ok((await other!.record({ action: 'b' })).seq > 0, 'recording goes on');
  const metrics = await (await fetch(`${running.url}/metrics`)).text();
  assert.match(metrics, /indelible_archive_lag_records\{ledger="local\/ledger"\} 0/);
  assert.match(metrics, /indelible_archive_lag_seconds\{ledger="local\/ledger"\} 0/);
  assert.match(metrics, /indelible_archive_failing\{ledger="acme.example\/prod"\} 1/);
  assert.doesNotMatch(metrics, /indelible_archive_lag_records\{ledger="acme/);
  assert.equal((await recordsOf(home!, 'ledger.copy_begun')).length, 1);
  assert.equal((await recordsOf(other!, 'ledger.copy_begun')).length, 0);
  await running.close();
  await assert.rejects(
    serve({ ledger_urls: ['memory:'], archive_urls: ['file:a', 'file:b'], port: 0, print() {} }),
    { code: 'USAGE' },
  );
});

test('archive --once ends with Ctrl-C, as copy does', async (t) => {
  const { folder, run } = await makeHere(t);
  const from = `file:${join(folder, 'from')}`;
  await makeAt(from, 30);
  for (const command of [['copy'], ['archive', '--once']]) {
    const interrupt = (name: string | symbol): void => {
      if (name !== 'SIGINT') return;
      process.off('newListener', interrupt);
      queueMicrotask(() => process.emit('SIGINT'));
    };
    process.on('newListener', interrupt);
    const ended = await run([...command, from, `file:${join(folder, command[0]!)}`, '--no-record']);
    assert.deepEqual([ended.code, ended.stderr], [130, 'interrupted\n'], ended.stdout);
  }
});
