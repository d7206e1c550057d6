import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { root } from '../support/root.ts';
import { jsonLines, makePlace } from './run-cli.ts';

const FIXTURES = join(root, 'test/fixtures/cloudtrail');
const NIGHT = join(FIXTURES, 'night-run.json');
const RUN = '7c0e5b1a-93d4-4f6e-8a21-5d9b60c4e7f3';

test('CloudTrail in, twice; what-happened by correlation id, record number and record id', async (t) => {
  const place = await makePlace(t);
  const first = await place.json(['import', 'cloudtrail', NIGHT]);
  assert.deepEqual([first.read, first.added, first.duplicates, first.failed], [7, 7, 0, 0]);
  const again = await place.json(['import', 'cloudtrail', NIGHT, NIGHT]);
  assert.deepEqual([again.sources, again.added, again.duplicates], [2, 0, 14]);

  const run = await place.json(['what-happened', RUN.toUpperCase()]);
  assert.equal(run.correlation_id, RUN.replaceAll('-', ''));
  assert.deepEqual([run.steps, run.status, run.duration_ms, run.events.length], [5, 'error', 4000, 5]);
  const { record } = await place.json(['show', '4']);
  const [bySeq, byId, few, missing] = await Promise.all([
    place.json(['what-happened', '4']),
    place.json(['what-happened', record.id]),
    place.json(['what-happened', RUN, '--limit', '2']),
    place.run(['what-happened', 'f'.repeat(32), '--json']),
  ]);
  assert.deepEqual(bySeq, run);
  assert.deepEqual(byId, run);
  assert.deepEqual([few.steps, few.truncated, few.events.length], [5, true, 2]);
  assert.deepEqual([missing.code, JSON.parse(missing.stderr).code], [3, 'NOT_FOUND']);
});

test('what-happened for people: count, duration, status, actors and the timeline', async (t) => {
  const place = await makePlace(t);
  await place.run(['import', 'cloudtrail', NIGHT]);
  const { code, stdout } = await place.run(['what-happened', RUN]);
  assert.equal(code, 0);
  for (const line of [
    /^steps +5$/m,
    /^duration +4\.0 s {2}2026-03-12T02:14:00/m,
    /^status +error$/m,
    /^actors +service:secretsmanager\.amazonaws\.com \(4\), /m,
  ]) {
    assert.match(stdout, line);
  }
  const timeline = stdout
    .slice(stdout.indexOf('\n\n') + 2)
    .trimEnd()
    .split('\n');
  assert.deepEqual(
    timeline.map((line) => /^ *(\d+) +\+(.+?) {2}(\w+) +(\S+)/.exec(line)?.slice(1)),
    [
      ['2', '0 ms', 'ok', 'secretsmanager.RotateSecret'],
      ['3', '1.0 s', 'ok', 'kms.GenerateDataKey'],
      ['4', '1.0 s', 'ok', 'secretsmanager.PutSecretValue'],
      ['5', '3.0 s', 'denied', 'kms.Decrypt'],
      ['6', '4.0 s', 'error', 'secretsmanager.RotationFailed'],
    ],
  );
  const coloured = await place.run(['what-happened', RUN], { env: { FORCE_COLOR: '1' } });
  assert.match(coloured.stdout, /\u001b\[31mdenied/);
});

test('malformed records are named by file and position, the rest goes in, exit code 3', async (t) => {
  const place = await makePlace(t);
  const file = join(FIXTURES, 'malformed-middle.json');
  const json = await place.run(['import', 'cloudtrail', file, '--json']);
  assert.equal(json.code, 3);
  const summary = JSON.parse(json.stdout);
  assert.deepEqual([summary.failed, summary.added], [2, summary.read - 2]);
  assert.deepEqual(
    summary.errors.map(({ source, position }: { source: string; position: string }) => [source, position]),
    [
      [file, 'Records[1]'],
      [file, 'Records[3]'],
    ],
  );
  assert.equal(jsonLines(json.stderr).at(-1).code, 'IMPORT_INCOMPLETE');
  const plain = await place.run(['import', 'cloudtrail', file]);
  assert.equal(plain.code, 3);
  assert.match(plain.stderr, /failed .*malformed-middle\.json, Records\[1\]: JSON_INVALID/);
  assert.match(plain.stdout, /added 0, duplicates \d+, failed 2/);
});

test('standard input, gzip, and a misspelt path that stops everything before it begins', async (t) => {
  const place = await makePlace(t);
  const lines = '{"action":"a"}\n{"action":"b"}\n';
  const piped = await place.json(['import', 'jsonl', '-'], { input: gzipSync(lines) });
  assert.deepEqual([piped.read, piped.added], [2, 2]);
  await writeFile(join(place.folder, 'good.jsonl'), '{"action":"c"}\n');
  const missing = await place.run(['import', 'jsonl', 'good.jsonl', 'missing.jsonl', '--json']);
  assert.deepEqual([missing.code, JSON.parse(missing.stderr).code], [3, 'IMPORT_SOURCE']);
  const folder = await place.run(['import', 'jsonl', '.', '--json']);
  assert.deepEqual([folder.code, JSON.parse(folder.stderr).code], [3, 'IMPORT_SOURCE']);
  const { head } = await place.json(['verify', '--no-index']);
  assert.equal(head.seq, 2, 'nothing of good.jsonl went in');
});

test('exports: three formats, complete, filtered, recorded, and verifiable by what they carry', async (t) => {
  const place = await makePlace(t);
  await place.run(['import', 'cloudtrail', NIGHT]);
  // One after another: each records itself.
  const [csv, jsonl, json] = [
    await place.run(['export', '--format', 'csv']),
    await place.run(['export', '--format', 'jsonl', '--correlation-id', RUN]),
    await place.run(['export', '--format', 'json', '--outcome', 'denied']),
  ];
  assert.deepEqual([csv.code, jsonl.code, json.code], [0, 0, 0]);
  assert.equal(
    csv.stdout.trimEnd().split('\r\n').length,
    1 + 8,
    'a header and 8 records; not the export itself',
  );
  assert.match(csv.stdout, /^ts,correlation_id,seq,source,event_type,status,actor,/);
  const lines = jsonLines(jsonl.stdout);
  assert.equal(lines.length, 5 + 1);
  assert.equal(lines.at(-1).end.complete, true);
  assert.match(lines[0].hash, /^[0-9a-f]{64}$/);
  assert.deepEqual(
    JSON.parse(json.stdout).records.map(({ record }: { record: { action: string } }) => record.action),
    ['kms.Decrypt'],
  );

  const steps = jsonLines((await place.run(['log', '--json', '--action', 'access.export*'])).stdout).map(
    ({ record }) => record,
  );
  assert.deepEqual(
    steps.map(({ action, outcome }) => [action, outcome]),
    [1, 2, 3].flatMap(() => [
      ['access.export_completed', 'ok'],
      ['access.export_started', 'pending'],
    ]),
  );
  assert.equal(steps[0].correlation_id, steps[1].correlation_id);
  assert.deepEqual(steps[0].data.filter, { outcome: 'denied' });
  assert.equal(steps[0].data.count, 1);

  const before = await place.json(['verify', '--no-index']);
  const unrecorded = await place.run(['export', '--format', 'csv', '--unrecorded']);
  assert.match(unrecorded.stderr, /leaves no record/);
  assert.equal((await place.json(['verify', '--no-index'])).head.seq, before.head.seq);
});

test('an export to a file appears whole or not at all', async (t) => {
  const place = await makePlace(t);
  await place.run(['import', 'cloudtrail', NIGHT]);
  const done = await place.json(['export', '--format', 'jsonl', '--out', 'out.jsonl']);
  assert.deepEqual([done.count, done.complete, done.recorded], [8, true, true]);
  assert.equal(jsonLines(await readFile(join(place.folder, 'out.jsonl'), 'utf8')).length, 9);
  const cut = await place.run(['export', '--format', 'csv', '--limit', '3', '--out', 'cut.csv', '--json']);
  assert.equal(JSON.parse(cut.stdout).complete, false);
  assert.match(cut.stderr, /more match/);
  assert.match(await readFile(join(place.folder, 'cut.csv'), 'utf8'), /export\.truncated/);
  const nowhere = await place.run(['export', '--format', 'csv', '--out', 'no/such/folder.csv', '--json']);
  assert.equal(nowhere.code, 3);
  const left = await readdir(place.folder);
  assert.deepEqual(
    left.filter((name) => name.includes('partial')),
    [],
  );
});
