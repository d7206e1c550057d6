/**
 * Running a program without a shell: bounded in time and in output, and ended with all that it started.
 *
 * Errors:  TARGET_REFUSED when it cannot be started, CONNECTOR_UNAVAILABLE when it was not waited for or said too much.
 */
import { spawn } from 'node:child_process';
import { IndelibleError } from '@indelible/core';
import { assertInTime } from './checks.ts';

export interface ProgramOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly output_bytes_max: number;
  readonly signal: AbortSignal;
}

export interface ProgramResult {
  /** null: a signal ended it. */
  readonly exit_code: number | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

export async function runProgram(argv: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  const { cwd, env, input = '', output_bytes_max, signal } = options;
  assertInTime(signal);
  const [program = '', ...args] = argv;
  // A group of its own, so that what it started ends with it.
  const child = spawn(program, args, { cwd, env: { ...env }, stdio: 'pipe', detached: true });
  let failure: string | null = null;
  const end = (why: string) => {
    failure ??= why;
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  };
  const onAbort = () => end('was not waited for any longer');
  signal.addEventListener('abort', onAbort, { once: true });
  let bytes = 0;
  const outputs: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > output_bytes_max) end(`said more than ${output_bytes_max} bytes`);
      else outputs[name].push(chunk);
    });
  }
  // Programs need not read what they are given.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  try {
    const exit_code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', (error) => {
        reject(new IndelibleError('TARGET_REFUSED', `${program} cannot be started`, { cause: error }));
      });
      child.on('close', resolve);
    });
    if (failure !== null) throw new IndelibleError('CONNECTOR_UNAVAILABLE', `${program} ${failure}`);
    return { exit_code, stdout: Buffer.concat(outputs.stdout), stderr: Buffer.concat(outputs.stderr) };
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
