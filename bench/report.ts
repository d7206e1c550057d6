/**
 * `node bench/report.ts [FILE…] [--write]`: results as Markdown; by default the newest of each suite.
 *
 * With `--write` they replace what stands between the markers in docs/reference/benchmarks.md.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SUITES } from './options.ts';
import { renderResult } from './render.ts';
import type { Result } from './result.ts';

const RESULTS = fileURLToPath(new URL('./results', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/reference/benchmarks.md', import.meta.url));
const BEGIN = '<!-- results: written by bench/report.ts -->';
const END = '<!-- end of results -->';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean' } },
});
const files = positionals.length > 0 ? positionals : newestOfEach();
if (files.length === 0) {
  console.error('There are no results yet: npm run bench -- all');
  process.exit(2);
}
const results = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Result);
const text = results.map((result) => renderResult(result, 'markdown')).join('\n');
if (values.write === true) writePage(text);
else process.stdout.write(text);

/** Dates sort as text. Quick runs are left out: their figures mean nothing. */
function newestOfEach(): string[] {
  return SUITES.flatMap((what) => {
    const found = globSync(`*-${what}.json`, { cwd: RESULTS }).sort().at(-1);
    return found === undefined ? [] : [join(RESULTS, found)];
  });
}

function writePage(results_text: string): void {
  const page = readFileSync(PAGE, 'utf8');
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the markers are gone from ${PAGE}`);
  writeFileSync(PAGE, `${page.slice(0, begin + BEGIN.length)}\n\n${results_text}\n${page.slice(end)}`);
}
