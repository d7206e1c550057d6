/**
 * Runs the command line in this process, in half of the time of a process of its own. For commands that end by themselves
 * and read no standard input.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runProgram } from '../../packages/indelible/src/cli/program.ts';
import type { CliResult, Printed } from './run-cli.ts';

/** A folder with a ledger, a folder for keys, and an environment that names both. */
export interface Here {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<CliResult>;
  /** Runs a command that must succeed, with --json; the document it printed. */
  json(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Printed>;
}

/** Removed after the test, or with `after` of node:test after all of them. */
export async function makeHere(t: { after(work: () => Promise<void>): void }): Promise<Here> {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-here-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const env = {
    INDELIBLE_LEDGER: `file:${join(folder, 'ledger')}`,
    INDELIBLE_REGISTRY: 'none',
    XDG_CONFIG_HOME: join(folder, 'config'),
    NO_COLOR: '1',
  };
  const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    captured(() => runProgram(args, { ...env, ...more }).finally(unboundGarbage));
  const json = async (args: readonly string[], more?: Readonly<Record<string, string>>) => {
    const { code, stdout, stderr } = await run([...args, '--json'], more);
    if (code !== 0) throw new Error(`${args.join(' ')} left with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  };
  return { folder, env, run, json };
}

/** Undoes what commands on whole ledgers do to their process (bound-garbage.ts): it would slow down all that follow. */
function unboundGarbage(): void {
  setFlagsFromString('--heap-growing-percent=0');
}

/** A command that goes on until a signal ends it. */
export interface Going {
  /** Everything on standard output, once it contains this. */
  said(text: string): Promise<string>;
  end(signal: 'SIGINT' | 'SIGTERM'): Promise<CliResult>;
}

/** Starts a command in this process; everything that is printed until it ends counts as its own. */
export function startHere(args: readonly string[], env: Readonly<Record<string, string>>): Going {
  let all = '';
  let look = (): void => {};
  const done = captured(
    () => runProgram(args, env),
    (text) => {
      all += text;
      look();
    },
  );
  const said = (text: string) =>
    new Promise<string>((resolve, reject) => {
      look = () => {
        if (all.includes(text)) resolve(all);
      };
      look();
      done.then(({ stderr }) => reject(new Error(`ended before saying ${text}: ${all}${stderr}`)), reject);
    });
  const end = (signal: 'SIGINT' | 'SIGTERM') => {
    process.emit(signal);
    return done;
  };
  return { said, end };
}

/** What is written meanwhile as text; bytes are the test runner's own. */
async function captured(
  work: () => Promise<number>,
  heard: (stdout: string) => void = () => {},
): Promise<CliResult> {
  const said = { stdout: '', stderr: '' };
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name];
    const { write } = stream;
    stream.write = ((chunk: unknown, ...rest: never[]) => {
      if (typeof chunk !== 'string') return write.call(stream, chunk as never, ...rest);
      said[name] += chunk;
      if (name === 'stdout') heard(chunk);
      return true;
    }) as typeof write;
    return () => {
      stream.write = write;
    };
  });
  try {
    return { code: await work(), ...said };
  } finally {
    for (const undo of restore) undo();
  }
}
