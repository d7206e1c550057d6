/**
 * A process that runs one command line after the other, for tests that do not need a process for each: starting Node
 * and loading the program takes five times as long as most commands do.
 *
 * Shapes:  `CliCall` comes in and `CliResult` goes out, over the channel to the parent.
 */
import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runProgram } from '../../packages/indelible/src/cli/program.ts';

export interface CliCall {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly input: string | Uint8Array;
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Gathers what is written to a stream. Returns a function that gives it back and starts over. */
function capture(stream: NodeJS.WriteStream): () => string {
  let chunks: Buffer[] = [];
  stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    chunks.push(Buffer.from(chunk as string));
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  }) as typeof stream.write;
  return () => {
    const text = Buffer.concat(chunks).toString('utf8');
    chunks = [];
    return text;
  };
}

const takeOutput = capture(process.stdout);
const takeErrors = capture(process.stderr);

async function run({ args, cwd, env, input }: CliCall): Promise<CliResult> {
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  const stdin = Readable.from(input.length === 0 ? [] : [Buffer.from(input as string)]);
  Object.defineProperty(process, 'stdin', { value: stdin, configurable: true });
  process.exitCode = undefined;
  const code = await runProgram(args, process.env);
  // Commands on whole ledgers have set it (bound-garbage.ts): it would slow down all that follow.
  setFlagsFromString('--heap-growing-percent=0');
  return {
    code: code === 0 ? Number(process.exitCode ?? 0) : code,
    stdout: takeOutput(),
    stderr: takeErrors(),
  };
}

let last: Promise<unknown> = Promise.resolve();
process.on('message', (call: CliCall) => {
  last = last.then(async () => process.send!(await run(call)));
});
process.on('disconnect', () => process.exit());
