/**
 * `npm test [-- FILTER…]`: runs every test file, or those whose path contains one of the filters.
 *
 * Arguments that begin with a dash go to node's test runner (`--test-name-pattern=…`, `--test-update-snapshots`).
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from './support/built.ts';
import { root } from './support/root.ts';
import { testProcesses } from './support/test-processes.ts';

const args = process.argv.slice(2);
const flags = args.filter((arg) => arg.startsWith('-'));
const filters = args.filter((arg) => !arg.startsWith('-'));
const all = globSync('test/**/*.test.ts', { cwd: root }).sort();
const files =
  filters.length === 0 ? all : all.filter((file) => filters.some((filter) => file.includes(filter)));

if (files.length === 0) {
  console.error(`No test file's path contains ${filters.join(' or ')}. There are ${all.length} under test/.`);
  process.exit(2);
}

try {
  ensureBuilt();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  // Most tests run from source: someone in the middle of a change still wants them. CI does not guess.
  if (process.env.CI) process.exit(1);
}

const child = spawn(
  process.execPath,
  [
    '--conditions=source',
    '--test',
    '--test-reporter=spec',
    // One more than there are cores: much of the time goes into waiting for a disk that syncs.
    `--test-concurrency=${availableParallelism() + 1}`,
    ...flags,
    ...(filters.length === 0 ? testProcesses(files) : files),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    // Tests start many short processes from source; compiled once, they start three times as fast.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/indelible-tests'), ...process.env },
  },
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
});
