/**
 * `npm run bench -- append|verify|query|memory|postgres|s3|jetstream|operations|all`: measures, prints, and writes the results as JSON.
 *
 * Exit codes: 0 when everything was measured (a missed target is a result, not a failure), 1 when a case of our own
 * could not be measured, 2 for wrong usage, 130 when interrupted.
 */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureBuilt } from '../test/support/built.ts';
import { installIn } from '../test/support/npm-ci.ts';
import { describeMachine } from './machine.ts';
import { type BenchOptions, parseOptions, type SuiteName, USAGE } from './options.ts';
import { openProgress } from './progress.ts';
import { renderResult } from './render.ts';
import { judge, type Result } from './result.ts';
import { runSuite, type SuiteRun } from './run-suite.ts';
import type { Suite } from './suite.ts';
import { appendSuite } from './suites/append.ts';
import { jetStreamSuite } from './suites/jetstream.ts';
import { memorySuite } from './suites/memory.ts';
import { operationsSuite } from './suites/operations.ts';
import { postgresSuite } from './suites/postgres.ts';
import { querySuite } from './suites/query.ts';
import { s3Suite } from './suites/s3.ts';
import { verifySuite } from './suites/verify.ts';

const RECORDS = {
  append: 300_000,
  verify: 1_000_000,
  query: 1_000_000,
  memory: 1_000_000,
  postgres: 100_000,
  s3: 100_000,
  jetstream: 300_000,
  operations: 3000,
} as const;
const RECORDS_QUICK = 3000;
const ROUNDS = {
  append: 5,
  verify: 3,
  query: 3,
  memory: 3,
  postgres: 3,
  s3: 3,
  jetstream: 3,
  operations: 3,
} as const;

const options = readOptions();
const progress = openProgress();
const folder = await mkdtemp(join(options.folder, 'indelible-bench-'));
// Also when it ends early: a million records should not be left behind.
process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

try {
  process.exitCode = await runAll();
} catch (error) {
  if (!stop.signal.aborted) throw error;
  progress.note('interrupted');
  process.exitCode = 130;
}

async function runAll(): Promise<number> {
  const { file_system } = describeMachine(folder);
  if (file_system === 'tmpfs')
    progress.note('These ledgers lie in memory (tmpfs): nothing waits for a disk. Use --dir.');
  ensureBuilt();
  const prepared = new Set<string>();
  const failures: string[] = [];
  for (const name of options.suites) {
    const suite = suiteOf(name);
    const needed = suite.cases.some(({ peer }) => peer === true);
    const no_peers = !needed
      ? null
      : options.peers
        ? await installIn('bench', progress.note)
        : 'left out by --no-peers';
    if (no_peers !== null && options.peers) progress.note(`peers: ${no_peers}`);
    const rounds = options.runs ?? (options.quick ? 1 : ROUNDS[name]);
    failures.push(
      ...(await measure(name, suite, { rounds, folder, prepared, no_peers, progress, signal: stop.signal })),
    );
  }
  if (failures.length > 0) process.stderr.write(`could not be measured: ${failures.join(', ')}\n`);
  return failures.length > 0 ? 1 : 0;
}

async function measure(name: SuiteName, suite: Suite, run: SuiteRun): Promise<readonly string[]> {
  const taken_at = new Date().toISOString();
  const before = describeMachine(folder);
  const { figures, failures } = await runSuite(suite, run);
  progress.end();
  const result: Result = {
    format: 1,
    what: suite.what,
    title: suite.title,
    taken_at,
    quick: options.quick,
    records: recordsOf(name),
    rounds: run.rounds,
    machine: { ...before, load_after: describeMachine(folder).load_before },
    columns: suite.columns,
    figures,
    targets: judge(suite, figures),
  };
  process.stdout.write(`${renderResult(result, 'terminal')}\n`);
  await mkdir(options.out, { recursive: true });
  // The report takes complete results only.
  const kind = options.quick ? '-quick' : options.only === null ? '' : '-partial';
  const file = join(options.out, `${taken_at.slice(0, 10)}-${suite.what}${kind}.json`);
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  process.stderr.write(`written: ${file}\n`);
  return failures;
}

function suiteOf(name: SuiteName): Suite {
  const records = recordsOf(name);
  const make = {
    append: () => appendSuite(records),
    verify: () => verifySuite(records),
    query: () => querySuite(records, options.quick),
    memory: () => memorySuite(records),
    postgres: () => postgresSuite(records),
    s3: () => s3Suite(records),
    jetstream: () => jetStreamSuite(records),
    operations: () => operationsSuite(records),
  };
  const suite = make[name]();
  const { only } = options;
  if (only === null) return suite;
  const cases = suite.cases.filter(({ id }) => only.some((text) => id.includes(text)));
  const kept = new Set(cases.map(({ id }) => id));
  const targets = suite.targets.filter(
    ({ of, to }) => kept.has(of.case) && (to === undefined || kept.has(to.case)),
  );
  return { ...suite, cases, targets };
}

function recordsOf(name: SuiteName): number {
  return options.records ?? (options.quick ? RECORDS_QUICK : RECORDS[name]);
}

function readOptions(): BenchOptions {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}
