/**
 * The benchmark measures what it says. No test here looks at how fast anything is.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { canonicalize, checkEvent, GENESIS_HASH } from '@indelible/core';
import { baselineRecord } from '../../bench/baseline-record.ts';
import { EventSource, runsWithin } from '../../bench/events.ts';
import { parseOptions } from '../../bench/options.ts';
import { renderResult } from '../../bench/render.ts';
import { figureOf, judge, type Result, spreadOf } from '../../bench/result.ts';
import type { Case, Suite } from '../../bench/suite.ts';
import { root } from '../support/root.ts';

const RECORDS = 300;

test('a quick run writes a result with every figure, comparison and absence', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'indelible-bench-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const flags = ['--quick', '--records', String(RECORDS), '--no-peers', '--only', 'file,hypercore/batches'];
  const run = spawnSync(
    process.execPath,
    [
      '--conditions=source',
      'bench/main.ts',
      'append',
      ...flags,
      '--dir',
      folder,
      '--out',
      join(folder, 'out'),
    ],
    { cwd: root, encoding: 'utf8' },
  );
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout, /file store, 256 callers +[\d,]+/);
  assert.deepEqual(readdirSync(folder), ['out'], 'the ledgers are cleared away');

  const [name = ''] = readdirSync(join(folder, 'out'));
  assert.match(name, /^\d{4}-\d{2}-\d{2}-append-quick\.json$/);
  const result = JSON.parse(readFileSync(join(folder, 'out', name), 'utf8')) as Result;
  assert.deepEqual(
    {
      format: result.format,
      what: result.what,
      quick: result.quick,
      records: result.records,
      rounds: result.rounds,
    },
    { format: 1, what: 'append', quick: true, records: RECORDS, rounds: 1 },
  );
  assert.equal(result.machine.node, process.version);
  assert.ok(result.machine.cores >= 1 && result.machine.cpu !== '' && result.machine.file_system !== '');
  assert.deepEqual(
    result.figures.map((figure) => figure.case),
    ['file', 'file/keyed', 'file/signed', 'file/bulk', 'naive/file', 'hypercore/batches'],
  );
  for (const figure of result.figures) {
    if (figure.case === 'hypercore/batches') {
      assert.equal(figure.absent, 'left out by --no-peers');
      continue;
    }
    assert.equal(figure.absent, null);
    const { records_per_s, batch_records, peak_rss_bytes } = figure.measures;
    assert.ok(records_per_s!.median > 0 && peak_rss_bytes!.median > 1e6);
    assert.equal(records_per_s!.values.length, 1);
    assert.ok(batch_records!.median >= 1 && batch_records!.median <= RECORDS);
  }
  const verdicts = Object.fromEntries(result.targets.map(({ title, verdict }) => [title, verdict]));
  assert.equal(verdicts['file to hypercore/batches'], 'not measured');
  assert.match(verdicts['file to naive/file']!, /^(?:pass|miss)$/);
});

test('the events are the same in every run, and make records of 500 to 600 bytes', () => {
  const [one, other] = [new EventSource(), new EventSource()];
  let bytes = 0;
  const actions = new Set<string>();
  for (let i = 0; i < 2000; i++) {
    const event = one.next();
    assert.deepEqual(event, other.next());
    checkEvent(event);
    actions.add(event.action);
    bytes += canonicalize(baselineRecord(event, i, GENESIS_HASH, '2026-11-21T02:14:00.123Z')).length;
  }
  assert.equal(actions.size, 6);
  assert.ok(bytes / 2000 >= 500 && bytes / 2000 <= 600, `${bytes / 2000} bytes on average`);
});

test('runs have 20 to 100 events, and all of them lie within the records', () => {
  const source = new EventSource();
  const counts = new Map<string, number>();
  for (let i = 0; i < 20_000; i++) {
    const id = source.next().correlation_id!;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const runs = runsWithin(20_000);
  assert.ok(runs.length > 200);
  for (const { correlation_id, events } of runs) {
    assert.equal(events, counts.get(correlation_id));
    assert.ok(events >= 20 && events <= 100, `${events} events`);
  }
});

test('a spread is the median between the lowest and the highest', () => {
  assert.deepEqual(spreadOf([30, 10, 20]), { median: 20, min: 10, max: 30, values: [30, 10, 20] });
  assert.equal(spreadOf([1, 2, 3, 10]).median, 2.5);
});

test('ratios are taken round by round, and the median decides', () => {
  const item = (id: string): Case => ({ id, title: id, subject: 'verify', params: () => ({}) });
  const speed = (id: string) => ({ case: id, measure: 'per_s' });
  const base: Pick<Suite, 'what' | 'title' | 'prepare' | 'cases' | 'columns'> = {
    what: 'test',
    title: 'Test',
    prepare: [],
    cases: [item('a'), item('b'), item('c')],
    columns: [{ measure: 'per_s', heading: 'per s', show: 'count' }],
  };
  const suite: Suite = {
    ...base,
    targets: [
      { title: 'ratio', of: speed('a'), to: speed('b'), show: 'decimal', at_least: 0.5 },
      { title: 'too low', of: speed('a'), to: speed('b'), show: 'decimal', at_least: 0.51, aim: 1 },
      { title: 'too high', of: speed('b'), show: 'count', at_most: 99 },
      { title: 'only shown', of: speed('b'), show: 'count' },
      { title: 'absent', of: speed('a'), to: speed('c'), show: 'decimal', at_least: 1 },
    ],
  };
  const figures = [
    figureOf(item('a'), [{ per_s: 50 }, { per_s: 10 }, { per_s: 90 }], null),
    // The machine was five times slower in the second round, for both.
    figureOf(item('b'), [{ per_s: 100 }, { per_s: 20 }, { per_s: 100 }], null),
    figureOf(item('c'), [], 'not installed'),
  ];
  const targets = judge(suite, figures);
  assert.deepEqual(
    targets.map(({ verdict }) => verdict),
    ['pass', 'miss', 'miss', 'shown', 'not measured'],
  );
  assert.deepEqual(targets[0]!.value, { median: 0.5, min: 0.5, max: 0.9, values: [0.5, 0.5, 0.9] });

  const machine = {
    node: 'v24',
    sqlite: '3',
    platform: 'linux',
    cpu: 'test',
    cores: 2,
    memory_bytes: 2 ** 34,
    file_system: 'ext4',
    load_before: 0,
    load_after: 1,
  };
  const taken_at = '2026-11-21T02:14:00.123Z';
  const result: Result = {
    ...{ format: 1, what: 'test', title: 'Test', taken_at, quick: false, records: 1000, rounds: 3 },
    ...{ machine, columns: base.columns, figures, targets },
  };
  const page = renderResult(result, 'markdown');
  assert.ok(page.includes('| a | 50 (10 to 90) |'), page);
  assert.ok(page.includes('| ratio | 0.50 (0.50 to 0.90) | ≥ 0.50 | pass |'), page);
  assert.ok(page.includes('Absent: c: not installed'), page);
});

test('arguments that make no sense are refused before anything runs', () => {
  for (const args of [
    [],
    ['speed'],
    ['append', 'verify'],
    ['append', '--runs', '2'],
    ['append', '--records', 'many'],
  ]) {
    assert.throws(() => parseOptions(args), Error, args.join(' '));
  }
  assert.deepEqual(parseOptions(['all', '--records', '1_000_000']).suites, [
    'append',
    'verify',
    'query',
    'memory',
    'postgres',
    's3',
    'jetstream',
    'operations',
  ]);
  assert.equal(parseOptions(['append', '--records', '1_000_000']).records, 1_000_000);
});
