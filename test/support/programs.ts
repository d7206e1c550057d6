/**
 * Runs programs one after the other in one process, each in a folder of its own: most of the time of a short one would go
 * into starting Node and loading the library.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { root } from './root.ts';

const HOST = join(root, 'test/support/program-host.ts');
const STUCK_MS = 60_000;

export interface Outcome {
  /** Each program's failure, null for none; nothing for those that were not reached. */
  readonly problems: ReadonlyMap<string, string | null>;
  /** Null when the process had to be stopped: a program did not end, or left something open. */
  readonly status: number | null;
  readonly output: string;
}

/** Imports modules in this order. */
export function runPrograms(paths: readonly string[]): Promise<Outcome> {
  const problems = new Map<string, string | null>();
  let output = '';
  return new Promise((resolve, reject) => {
    const child = fork(HOST, paths, { execArgv: ['--conditions=source'], silent: true });
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    const stop = () => child.kill('SIGKILL');
    let stuck = setTimeout(stop, STUCK_MS);
    child.on('message', (message) => {
      const { path, problem } = message as { path: string; problem: string | null };
      problems.set(path, problem);
      clearTimeout(stuck);
      stuck = setTimeout(stop, STUCK_MS);
    });
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(stuck);
      resolve({ problems, status, output });
    });
  });
}
