import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import {
  printable,
  printableJson,
  shortened,
  shortenedInside,
} from '../../packages/indelible/src/cli/printable.ts';
import { byteSize, count, counted, duration } from '../../packages/indelible/src/cli/units.ts';
import { makePlace, outcome, said } from './run-cli.ts';

test('texts from records cannot steer the terminal', () => {
  assert.equal(printable('a\u001b[2Jb\r\n\u009b1m\u202ec'), 'a\\u001b[2Jb\\u000d\\u000a\\u009b1m\\u202ec');
  assert.equal(printable('Grüße, 世界 🎉'), 'Grüße, 世界 🎉');
  assert.equal(printableJson({ a: '\u202e' }), '{\n  "a": "\\u202e"\n}');
  assert.equal(shortened('abcdef', 4), 'abc…');
  assert.equal(shortenedInside('arn:aws:iam::111122223333:user/alice', 20), 'arn:aw…33:user/alice');
  assert.equal(shortenedInside('abc', 3), 'abc');
});

test('numbers as people read them', () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(count), ['0', '999', '1,000', '1,234,567']);
  assert.deepEqual([counted(1, 'record'), counted(2, 'record')], ['1 record', '2 records']);
  assert.deepEqual([0, 1023, 1536, 5 * 2 ** 30].map(byteSize), [
    '0 bytes',
    '1023 bytes',
    '1.5 KiB',
    '5.0 GiB',
  ]);
  assert.deepEqual([0, 12, 1234, 61_000, 3_600_000, 90_061_001].map(duration), [
    '0 ms',
    '12 ms',
    '1.2 s',
    '1 min 1 s',
    '1 h',
    '1 d 1 h',
  ]);
});

test('usage errors leave with 2, for people and as JSON, and never with a stack', async (t) => {
  const place = await makePlace(t);
  const cases = [
    [],
    ['no-such-command'],
    ['log', '--no-such-option'],
    ['show'],
    ['show', 'neither-nor'],
    ['export'],
    ['export', '--format', 'xml'],
    ['log', '--limit', '-1'],
    ['log', '--since', 'yesterday'],
    ['log', '--outcome', 'perhaps'],
    ['log', '--ledger', 'mysql:x'],
    ['record', 'x', '--data', '{"a":1,"a":2}'],
    ['record', 'x', '--actor', 'alice'],
    ['record'],
    ['record', 'x', '--stdin'],
    ['verify', '--expect', '1'],
    ['log', '--actor', 'a', '--actor', 'b'],
    ['log', '--limit', '1', '--limit=2'],
    ['export', '--format', 'csv', '--since', '1d', '--format', 'json'],
    ['--ledger', 'sqlite:a', 'log', '--ledger', 'sqlite:b'],
    ['restore', 'x', '--to', 'sqlite:a', '--ledger', 'sqlite:b'],
    ['log', '--jsno'],
    ['verify', 'postgres://app:secret-word@db.example/audit'],
    ['log', '--ledger', 'postgres//app:secret-word@db.example/audit'],
  ];
  const asked = await Promise.all(cases.map(async (args) => [args, await place.run(args)] as const));
  for (const [args, { code, stdout, stderr }] of asked) {
    const title = args.join(' ') || '(nothing)';
    assert.equal(code, 2, `${title}: ${stderr}`);
    assert.equal(stdout, '', title);
    assert.doesNotMatch(stderr, /^\s+at /m, title);
    assert.doesNotMatch(stderr, /secret-word|\\u000a/, title);
    if (args.length > 0) assert.match(stderr, /^error [A-Z_]+: .+\n {2}next: .+\n$/, title);
  }
  assert.deepEqual(await readdir(place.folder), [], 'and nothing was made');

  for (const args of [['show'], ['log', '--outcome', 'perhaps']]) {
    const { code, stdout, stderr } = await place.run([...args, '--json']);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    const error = JSON.parse(stderr);
    for (const member of ['code', 'message', 'remedy']) assert.ok(error[member].length > 2, member);
  }
});

test('help and version are answers, on standard output', async (t) => {
  const place = await makePlace(t);
  const [help, command, version] = await Promise.all([
    place.run(['--help']),
    place.run(['what-happened', '--help']),
    place.run(['--version']),
  ]);
  assert.deepEqual([help.code, command.code, version.code], [0, 0, 0]);
  assert.match(help.stdout, /Exit codes: 0 fine, 1 tampering found, 2 usage, 3 could not check or do/);
  assert.match(command.stdout, /correlation id/);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

test('colours only on a terminal or when forced, and NO_COLOR wins', async (t) => {
  const place = await makePlace(t);
  await place.run(['record', 'user.login']);
  const [plain, forced, both] = await Promise.all([
    place.run(['log']),
    place.run(['log'], { env: { FORCE_COLOR: '1' } }),
    place.run(['log'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } }),
  ]);
  const colour = '\u001b[';
  assert.deepEqual(
    [plain, forced, both].map(({ stdout }) => stdout.includes(colour)),
    [false, true, false],
  );
  assert.ok(!plain.stderr.includes(colour), 'no colours and no progress bar where nobody watches');
});

test('a reader that leaves (| head) is no error, and the exit code stays', async (t) => {
  const place = await makePlace(t);
  const events = Array.from({ length: 3000 }, (_, i) =>
    JSON.stringify({ action: 'step.done', message: `${i} ${'x'.repeat(200)}` }),
  ).join('\n');
  await place.fill(events);
  const child = place.start(['log', '--limit', '100000', '--json'], { input: '' });
  const done = outcome(child);
  await said(child, '\n').catch(() => {});
  child.stdout.destroy();
  const { code, stderr } = await done;
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
});

test('an unexpected error is one line and a hint; INDELIBLE_DEBUG shows where', async (t) => {
  const place = await makePlace(t);
  // A ledger's file that is a folder is not foreseen by name; whatever is raised must stay civil.
  const [plain, debug] = await Promise.all([
    place.run(['import', 'jsonl', '-', '--ledger', 'sqlite:/dev/null/x/ledger.db']),
    place.run(['import', 'jsonl', '-', '--ledger', 'sqlite:/dev/null/x/ledger.db'], {
      env: { INDELIBLE_DEBUG: '1' },
    }),
  ]);
  for (const { code, stderr } of [plain, debug]) {
    assert.equal(code, 3, stderr);
    assert.match(stderr, /^error [A-Z_]+: /);
  }
  assert.doesNotMatch(plain.stderr, /^\s+at /m);
});
