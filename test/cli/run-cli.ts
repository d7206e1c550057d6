/**
 * Runs the command line from source, as a process of its own, in a folder of its own.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Event } from '@indelible/core';
import { DEFAULT_LEDGER_URL, openLedger } from '../../packages/indelible/src/compose.ts';
import { keysFromEnvironment } from '../../packages/indelible/src/ledger/env-keys.ts';
import { root } from '../support/root.ts';
import type { CliResult } from './cli-host.ts';
import { COMPILED, runInHost } from './host.ts';

const MAIN = join(root, 'packages/indelible/src/cli/main.ts');
const STUCK_MS = 60_000;

export type { CliResult };

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
}

// biome-ignore lint/suspicious/noExplicitAny: what a command prints is what the tests look at.
export type Printed = any;

/** A folder with its own default ledger; removed after the test. */
export interface Place {
  readonly folder: string;
  /** Records events, one a line, without a process: for what a test needs and does not test. */
  fill(lines: string, env?: Readonly<Record<string, string>>): Promise<void>;
  /** Runs a command to its end, one after the other in one process (cli-host.ts); `start` gives it its own. */
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** Runs a command that must succeed, with --json; the document it printed. */
  json(args: readonly string[], options?: CliOptions): Promise<Printed>;
  /** Starts a command that goes on. */
  start(args: readonly string[], options?: CliOptions): ChildProcessWithoutNullStreams;
}

export async function makePlace(t: TestContext): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-cli-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const environment = (options: CliOptions): Record<string, string> => ({
    PATH: process.env.PATH ?? '',
    HOME: folder,
    NODE_COMPILE_CACHE: COMPILED,
    INDELIBLE_REGISTRY: 'none',
    ...options.env,
  });
  const start = (args: readonly string[], options: CliOptions = {}): ChildProcessWithoutNullStreams => {
    const env = environment(options);
    const child = spawn(process.execPath, ['--conditions=source', MAIN, ...args], { cwd: folder, env });
    child.stdin.on('error', () => {});
    if (options.input !== undefined) child.stdin.end(options.input);
    return child;
  };
  const run = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    runInHost({ args, cwd: folder, env: environment(options), input: options.input ?? '' });
  const json = async (args: readonly string[], options?: CliOptions) => {
    const { code, stdout, stderr } = await run([...args, '--json'], options);
    if (code !== 0) throw new Error(`${args.join(' ')} left with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  };
  const fill = async (lines: string, env: Readonly<Record<string, string>> = {}) => {
    const [scheme, path] = (env.INDELIBLE_LEDGER ?? DEFAULT_LEDGER_URL).split(':') as [string, string];
    const url = `${scheme}:${join(folder, path)}`;
    const ledger = await openLedger(url, { keys: keysFromEnvironment(env).keys, threads: 'none' });
    try {
      const events = lines.split('\n').filter((line) => line !== '');
      await Promise.all(events.map((line) => ledger.record(JSON.parse(line) as Event)));
      await ledger.caughtUp();
    } finally {
      await ledger.close();
    }
  };
  return { folder, fill, run, json, start };
}

/** Everything a process says until it ends. */
export async function outcome(child: ChildProcessWithoutNullStreams): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // Only a command that hangs meets this bound.
  const stuck = setTimeout(() => child.kill('SIGKILL'), STUCK_MS);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearTimeout(stuck);
  return { code, stdout, stderr };
}

/** Resolves with everything said on standard output once it contains `text`. */
export function said(child: ChildProcessWithoutNullStreams, text: string | RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = '';
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => {
      all += chunk.toString();
      if (typeof text === 'string' ? all.includes(text) : text.test(all)) resolve(all);
    });
    child.on('close', (code) =>
      reject(new Error(`left with ${code} before saying ${text}: ${all}${errors}`)),
    );
  });
}

/** JSON Lines. */
export function jsonLines(text: string): Printed[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
