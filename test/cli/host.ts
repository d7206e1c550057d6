/** Runs commands in a process of their own that runs one after the other (cli-host.ts): started when it is first needed. */
import { type ChildProcess, fork } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../support/root.ts';
import type { CliCall, CliResult } from './cli-host.ts';

const HOST = join(root, 'test/cli/cli-host.ts');
/** Most of a short command's time would go into compiling the same sources again. */
export const COMPILED = join(tmpdir(), 'node-compile-cache');

let host: ChildProcess | null = null;
/** Calls that the host has not answered, oldest first. */
const calls: { resolve: (result: CliResult) => void; reject: (error: Error) => void }[] = [];

/** Runs a command in this process's host, after those that were given to it before. */
export function runInHost(call: CliCall): Promise<CliResult> {
  host ??= startHost();
  const child = host;
  // A host that waits for its next command must not keep the test file from ending.
  child.ref();
  child.channel!.ref();
  return new Promise((resolve, reject) => {
    calls.push({ resolve, reject });
    child.send(call);
  });
}

function startHost(): ChildProcess {
  const child = fork(HOST, [], {
    execArgv: ['--conditions=source'],
    serialization: 'advanced',
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: COMPILED },
  });
  child.on('message', (result) => {
    calls.shift()!.resolve(result as CliResult);
    if (calls.length > 0) return;
    child.unref();
    child.channel!.unref();
  });
  child.on('exit', (code, signal) => {
    host = null;
    for (const { reject } of calls.splice(0))
      reject(new Error(`the command ended its process: ${signal ?? code}`));
  });
  return child;
}
