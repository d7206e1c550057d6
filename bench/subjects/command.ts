/**
 * The command line as it is installed, in a process of its own, with its peak memory.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EventSource } from '../events.ts';
import { type Measures, numberParam, type Params, textParam } from '../sample.ts';
import { ledgerUrl, perSecond } from './ledger-append.ts';

const BIN = fileURLToPath(new URL('../../packages/indelible/bin/indelible.js', import.meta.url));
const PEAK = new URL('../peak-memory.cjs', import.meta.url);
/** What is imported. */
export const EVENTS_FILE = 'events.jsonl';

/** The file that is imported: one event a line. */
export async function writeEvents(params: Params, folder: string): Promise<Measures> {
  const file = createWriteStream(join(folder, EVENTS_FILE));
  const events = new EventSource();
  let text = '';
  for (let left = numberParam(params, 'records'); left > 0; left--) {
    text += `${JSON.stringify(events.next())}\n`;
    if (text.length < 1 << 20 && left > 1) continue;
    if (!file.write(text)) await once(file, 'drain');
    text = '';
  }
  file.end();
  await once(file, 'finish');
  return { bytes: (await stat(join(folder, EVENTS_FILE))).size };
}

/** `import`, `verify`, `export-csv` or `export-jsonl` of the ledger in the folder. */
export async function command(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const store = textParam(params, 'store');
  const name = textParam(params, 'command');
  const peak = join(folder, 'peak.txt');
  const out = join(folder, 'export.out');
  const started = performance.now();
  const answer = await run(argumentsOf(name, params, out), ledgerUrl(store, folder), peak);
  const ms = performance.now() - started;
  checkAnswer(name, answer, records);
  await rm(out, { force: true });
  const peak_rss_bytes = Number(await readFile(peak, 'utf8'));
  return { peak_rss_bytes, records_per_s: perSecond(records, ms), total_ms: ms };
}

function argumentsOf(name: string, params: Params, out: string): string[] {
  switch (name) {
    case 'import':
      return ['import', 'jsonl', textParam(params, 'events')];
    case 'verify':
      return ['verify'];
    default:
      return ['export', '--format', name.replace('export-', ''), '--out', out];
  }
}

async function run(args: string[], ledger: string, peak: string): Promise<Record<string, unknown>> {
  // Through its first line, as a shell starts it: that says how much garbage it may keep.
  const child = spawn(BIN, [...args, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      INDELIBLE_REGISTRY: 'none',
      PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
      NODE_OPTIONS: `--require "${fileURLToPath(PEAK)}"`,
      INDELIBLE_LEDGER: ledger,
      INDELIBLE_BENCH_PEAK_FILE: peak,
    },
  });
  process.once('SIGTERM', () => child.kill());
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-2000)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0)
    throw new Error(`indelible ${args[0]} ended with ${code}: ${errors.trim()} ${output.slice(0, 500)}`);
  return JSON.parse(output) as Record<string, unknown>;
}

/** A figure for work that was not done is no figure. */
function checkAnswer(name: string, answer: Record<string, unknown>, records: number): void {
  const done = name === 'import' ? answer.added : name === 'verify' ? answer.records_checked : answer.count;
  if (typeof done !== 'number' || done < records || (name === 'verify' && answer.ok !== true)) {
    throw new Error(`indelible ${name} handled ${String(done)} of ${records} records`);
  }
}
