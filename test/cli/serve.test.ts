import assert from 'node:assert/strict';
import { chmod, readFile, stat } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_LEDGER_URL, openLedger } from '../../packages/indelible/src/compose.ts';
import { serve } from '../../packages/indelible/src/http/serve.ts';
import { readCheckpoint, readLog } from '../http/log-client.ts';
import { until } from '../transparency/support.ts';
import { jsonLines, makePlace, outcome, type Place, said } from './run-cli.ts';
import { makeHere, startHere } from './run-here.ts';

/** As a command has it that is started in this folder. */
function environmentOf({ folder }: Place): Record<string, string> {
  const INDELIBLE_LEDGER = DEFAULT_LEDGER_URL.replace(':', `:${folder}/`);
  return { XDG_CONFIG_HOME: join(folder, '.config'), INDELIBLE_LEDGER, INDELIBLE_REGISTRY: 'none' };
}

test('serve prints its URL first, an administrator token once, and stops on Ctrl-C with 0; a public address gets a loud warning', async (t) => {
  const place = await makePlace(t);
  const env = environmentOf(place);
  const server = place.start(['serve', '--port', '0']);
  const done = outcome(server);
  const text = await said(server, 'Ctrl-C stops');
  const [url, second] = text.split('\n');
  assert.match(url!, /^http:\/\/127\.0\.0\.1:\d+$/);
  const token = /ind_\S+/.exec(second!)![0];
  const answer = await fetch(`${url}/v1/records`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"action":"over.http"}',
  });
  assert.equal(answer.ok, true, await answer.text());

  const [log, record] = [
    await place.run(['log', '--json', '--action', 'over.http']),
    await place.run(['record', 'beside.it']),
  ];
  assert.equal(jsonLines(log.stdout).length, 1, 'reading beside the server');
  assert.equal(record.code, 0, 'SQLite takes several writers');
  server.kill('SIGINT');
  const { code, stderr } = await done;
  assert.equal(code, 0);
  assert.doesNotMatch(
    stderr,
    /deprecat|warning/i,
    'nothing that only a developer of Indelible could act upon',
  );

  const again = startHere(['serve', '--port', '0', '--host', '0.0.0.0', '--json'], env);
  const second_start = JSON.parse((await again.said('\n')).trim());
  assert.equal(second_start.admin_token, null);
  const second_end = await again.end('SIGTERM');
  assert.equal(second_end.code, 0);
  assert.match(second_end.stderr, /LISTENING BEYOND THIS MACHINE \(0\.0\.0\.0\)/, 'a loud warning');
  for (const args of [['log', '--json', '--limit', '100'], ['doctor']])
    assert.ok(!(await place.run(args)).stdout.includes(token));
});

test('a server on a new ledger signs: the key lies elsewhere, is told of once, and proves the log it serves', async (t) => {
  const place = await makePlace(t);
  const server = place.start(['serve', '--port', '0', '--log', 'public', '--name', 'acme.example/prod']);
  const done = outcome(server);
  const [url] = (await said(server, 'Ctrl-C stops')).split('\n');
  const get = (path: string) => fetch(`${url}/log/acme.example/prod/${path}`);
  await until('the first checkpoint', async () => (await get('checkpoint')).status === 200);
  const keys = (await (await get('log.vkey')).text()).trim().split('\n');
  const checkpoint = await readCheckpoint(get, keys);
  assert.equal(checkpoint.origin, 'acme.example/prod');
  await readLog(get, checkpoint);
  server.kill('SIGINT');
  const { code, stderr } = await done;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /THE LOG IS PUBLIC/);
  const file = /made the signing key of acme\.example\/prod: (\S+);/.exec(stderr)![1]!;
  assert.equal(file, join(place.folder, '.config/indelible/keys/acme.example_2fprod.key'));
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.ok(stderr.includes(keys[0]!), 'the verifier key is told with it');
  const private_text = await readFile(file, 'utf8');
  assert.ok(!stderr.includes(private_text.split('\n')[1]!));

  const again = startHere(['serve', '--port', '0', '--log', 'hashes'], environmentOf(place));
  const [second] = (await again.said('Ctrl-C stops')).split('\n');
  const later = await readCheckpoint((path) => fetch(`${second}/log/acme.example/prod/${path}`), keys);
  assert.ok(later.size >= checkpoint.size);
  assert.doesNotMatch((await again.end('SIGTERM')).stderr, /signing key|PUBLIC/);
});

test('init makes the signing key too; --no-signing makes none, --signing-key one where it is told to', async (t) => {
  const here = await makeHere(t);
  const { signing } = await here.json(['init', '--name', 'acme.example/prod']);
  assert.equal(signing.file, join(here.folder, 'config/indelible/keys/acme.example_2fprod.key'));
  assert.match(signing.vkey, /^acme\.example\/prod\+[0-9a-f]{8}\+/);
  const ledger = await openLedger(here.env.INDELIBLE_LEDGER!, { read_only: true });
  t.after(() => ledger.close());
  const newest = (await ledger.transparency!.latest())!;
  assert.equal(newest.size, 2, 'the ledger, its key; both under a checkpoint');

  const bare = { INDELIBLE_LEDGER: `file:${join(here.folder, 'bare')}` };
  assert.equal((await here.json(['init', '--no-signing'], bare)).signing, null);
  const other = { INDELIBLE_LEDGER: `file:${join(here.folder, 'other')}` };
  const beside = await here.run(['init', '--signing-key', join(here.folder, 'other', 'k')], other);
  assert.match(beside.stderr, /SIGNING_KEY_EXPOSED/);
  const key = join(here.folder, 'mine.key');
  const made = await here.run(['init', '--signing-key', key], other);
  assert.equal(made.code, 0, `a refused key leaves no ledger behind: ${made.stderr}`);
  assert.ok(made.stdout.includes(key));
  assert.ok((await readFile(key, 'utf8')).includes('PRIVATE KEY'));
});

test('times and files that are none are usage errors', async (t) => {
  const here = await makeHere(t);
  for (const args of [
    ['--anchor-every', '3 days'],
    ['--anchor-every', '1s'],
    ['--checkpoint-interval', '0s'],
    ['--log', 'everybody'],
    ['--withhold'],
  ]) {
    const { code, stderr } = await here.run(['serve', '--port', '0', ...args]);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
  }
});

test('beside a server that holds a file ledger: reading works, writing says what to do', async (t) => {
  const place = await makePlace(t);
  const env = { INDELIBLE_LEDGER: 'file:held' };
  await place.run(['record', 'before'], { env });
  const server = await serve({
    ledger_urls: [`file:${join(place.folder, 'held')}`],
    port: 0,
    print: () => {},
    signals: false,
    log_level: 'silent',
  });
  t.after(() => server.close());
  const reading = [
    ['log'],
    ['show', '1'],
    ['what-happened', '1'],
    ['verify'],
    ['token', 'list'],
    ['doctor'],
    ['reindex'],
    ['export', '--format', 'csv', '--unrecorded'],
  ];
  const read = await Promise.all(reading.map((args) => place.run(args, { env })));
  for (const [i, { code, stderr }] of read.entries())
    assert.equal(code, 0, `${reading[i]!.join(' ')}: ${stderr}`);
  const writing = [
    ['record', 'x'],
    ['import', 'jsonl', '-'],
    ['export', '--format', 'csv'],
    ['token', 'create', 'x', '--scope', 'admin'],
  ];
  const refused = await Promise.all(writing.map((args) => place.run([...args, '--json'], { env })));
  for (const [i, { code, stdout, stderr }] of refused.entries()) {
    assert.equal(code, 3, writing[i]!.join(' '));
    assert.equal(stdout, '');
    assert.equal(JSON.parse(stderr).code, 'LEDGER_LOCKED', writing[i]!.join(' '));
  }
  assert.match(read[reading.findIndex(([name]) => name === 'doctor')]!.stdout, /^warn {2}writing /m);
});

test('a port that is taken is an error with a remedy', async (t) => {
  const place = await makePlace(t);
  const holder = createServer().listen(0, '127.0.0.1');
  t.after(() => holder.close());
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port } = holder.address() as AddressInfo;
  const taken = await place.run(['serve', '--port', String(port), '--json']);
  assert.deepEqual(
    [taken.code, jsonLines(taken.stderr.replace(/^\(.*\n/gm, '')).at(-1).code],
    [3, 'LISTEN_FAILED'],
  );
});

test('doctor: a line for each check, with the next command to try', async (t) => {
  const place = await makePlace(t);
  const none = await place.run(['doctor']);
  assert.equal(none.code, 3);
  assert.match(
    none.stdout,
    /^fail {2}ledger +LEDGER_NOT_FOUND: .*\n +next: Create it with `indelible init`/m,
  );
  await place.run(['record', 'a']);
  await place.run(['reindex']);
  const fine = await place.json(['doctor']);
  assert.equal(fine.ok, true);
  const status = (checks: { name: string; status: string }[], name: string) =>
    checks.find((check) => check.name === name)?.status;
  for (const name of ['node', 'clock', 'ledger', 'store', 'key', 'index', 'writing', 'modes'])
    assert.equal(status(fine.checks, name), 'ok', name);

  await chmod(join(place.folder, 'indelible-data', 'ledger.db'), 0o666);
  const open = await place.run(['doctor', '--json'], { env: { INDELIBLE_KEY: 'dev' } });
  assert.equal(open.code, 3);
  const { checks } = JSON.parse(open.stdout);
  assert.equal(status(checks, 'modes'), 'warn');
  assert.equal(status(checks, 'key'), 'fail');
  assert.match(JSON.stringify(checks), /KEY_UNEXPECTED/);
});
