/** Starts the writer as a process of its own and gathers what it says. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const WRITER = fileURLToPath(new URL('./sqlite-writer.ts', import.meta.url));

export interface WriterProcess {
  readonly child: ChildProcess;
  /** Lines said so far. */
  readonly said: string[];
  /** Resolves once it said `count` lines, or ended. */
  until(count: number): Promise<void>;
  /** Resolves with all it said, once it ended. */
  readonly ended: Promise<string[]>;
}

interface StartOptions {
  /** Put before the command, e.g. to set limits of the shell. */
  readonly shell?: string;
  readonly uid?: number;
}

export function startWriter(
  t: TestContext,
  path: string,
  note: string,
  batches: number,
  options: StartOptions = {},
): WriterProcess {
  const command = [process.execPath, '--conditions=source', WRITER, path, note, String(batches)];
  const [file, ...args] =
    options.shell === undefined ? command : ['sh', '-c', `${options.shell}; exec "$@"`, 'sh', ...command];
  const user = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
  const child = spawn(file!, args, { stdio: ['ignore', 'pipe', 'inherit'], ...user });
  // A test that fails must not leave it running.
  t.after(() => child.kill('SIGKILL'));
  const said: string[] = [];
  const waiting = new Set<() => void>();
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    said.push(...lines);
    for (const look of waiting) look();
  });
  const ended = new Promise<string[]>((resolve) => child.on('close', () => resolve(said)));
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (said.length < count) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      void ended.then(() => resolve());
      look();
    });
  return { child, said, until, ended };
}
