/**
 * Runs a subject in a process of its own: nothing that ran before leaves compiled code, garbage or threads behind.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Measures, Params } from './sample.ts';
import type { SubjectName } from './subjects.ts';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const RUN_BUILD = new URL('./run-build.ts', import.meta.url).href;
const ERRORS_KEPT = 4000;

/** Rejects with what the process said last when it fails. */
export async function runSample(
  subject: SubjectName,
  params: Params,
  folder: string,
  signal: AbortSignal,
): Promise<Measures> {
  const child = spawn(
    process.execPath,
    ['--import', RUN_BUILD, CHILD, subject, JSON.stringify(params), folder],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    },
  );
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (errors = (errors + text).slice(-ERRORS_KEPT)));
  const [code, killed] = (await once(child, 'close')) as [number | null, string | null];
  const measures = code === 0 ? parseMeasures(output) : null;
  if (measures !== null) {
    if (errors !== '') process.stderr.write(`${subject}: ${errors}`);
    return measures;
  }
  throw new Error(`${subject} ended with ${killed ?? code}: ${reasonIn(errors)}`);
}

function parseMeasures(output: string): Measures | null {
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  return last.startsWith('{') ? (JSON.parse(last) as Measures) : null;
}

function reasonIn(errors: string): string {
  const lines = errors.trim().split('\n');
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? '';
}
