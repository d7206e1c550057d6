/**
 * `indelible import cloudtrail|jsonl FILE…`: what can go in goes in; each entry that cannot is named.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { IndelibleError } from '@indelible/core';
import { Argument, type Command } from 'commander';
import { cloudTrailImporter } from '../../ingest/cloudtrail.ts';
import type { Importer, ImportSource } from '../../ingest/contract.ts';
import { jsonLinesImporter } from '../../ingest/jsonl.ts';
import { type ImportProblem, importInto } from '../../ingest/run-import.ts';
import { boundGarbage } from '../bound-garbage.ts';
import type { ExitCode } from '../failure.ts';
import { bringIndexUpToDate, withLedger } from '../open.ts';
import { printable } from '../printable.ts';
import { startProgress } from '../progress.ts';
import type { Invocation, Shell } from '../shell.ts';
import { untilAborted } from '../streams.ts';
import type { Terminal } from '../terminal.ts';
import { count, counted, duration } from '../units.ts';

const FORMATS: ReadonlyMap<string, Importer> = new Map(
  [cloudTrailImporter, jsonLinesImporter].map((importer) => [importer.format, importer]),
);

export function addImport(program: Command, shell: Shell): void {
  shell
    .command(
      program,
      'import',
      'bring in files of another format; the same files twice add nothing',
      importFiles,
    )
    .addArgument(new Argument('<format>', 'what the files hold').choices([...FORMATS.keys()]))
    .addArgument(new Argument('<files...>', 'plain or gzipped; - for standard input'));
}

async function importFiles(
  invocation: Invocation,
  format: string,
  paths: readonly string[],
): Promise<ExitCode> {
  const { terminal, signal } = invocation;
  const importer = FORMATS.get(format)!;
  // Before anything goes in: a misspelt path is not a reason for half an import.
  const bytes_total = await sizeOf(paths);
  boundGarbage();
  return withLedger<ExitCode>(invocation, { mode: 'write', create: true, much: true }, async (ledger) => {
    const progress = startProgress(terminal, 'importing', bytes_total, 'bytes');
    const started = performance.now();
    const problems: ImportProblem[] = [];
    const remarks: string[] = [];
    try {
      const summary = await importInto((event) => ledger.record(event), importer, sources(paths, signal), {
        onProgress: ({ bytes, added, duplicates, failed }) => {
          progress.update(
            bytes,
            `${count(added)} added, ${count(duplicates)} duplicates, ${count(failed)} failed`,
          );
        },
        onError: (problem) => {
          // A bar would be torn apart by lines in between: there they wait for its end.
          if (terminal.attended) problems.push(problem);
          else showProblem(terminal, problem);
        },
        onRemark: ({ source, position, remark }) => remarks.push(`${source}, ${position}: ${remark}`),
      });
      progress.stop();
      await bringIndexUpToDate(ledger, terminal);
      for (const problem of problems.splice(0)) showProblem(terminal, problem);
      for (const remark of remarks) terminal.notice(printable(remark));
      await terminal.result(summary);
      const { read, added, duplicates, failed } = summary;
      const amounts = `read ${count(read)}, added ${count(added)}, duplicates ${count(duplicates)}, failed ${count(failed)}`;
      await terminal.line(
        `${amounts}  (${counted(summary.sources, 'file')}, ${duration(performance.now() - started)})`,
      );
      if (failed === 0) return 0;
      throw new IndelibleError(
        'IMPORT_INCOMPLETE',
        `${counted(failed, 'entry').replace('entrys', 'entries')} could not be imported`,
        {
          details: { failed, added, duplicates },
        },
      );
    } finally {
      progress.stop();
      for (const problem of problems) showProblem(terminal, problem);
    }
  });
}

function showProblem(terminal: Terminal, problem: ImportProblem): void {
  const { source, position, code, message } = problem;
  const text = terminal.json
    ? JSON.stringify(problem)
    : `failed ${printable(source)}, ${position}: ${code}: ${printable(message)}`;
  process.stderr.write(`${text}\n`);
}

/** The bytes of all files, for progress; raises IMPORT_SOURCE for what is no readable file. */
async function sizeOf(paths: readonly string[]): Promise<number> {
  let total = 0;
  for (const path of paths) {
    if (path === '-') continue;
    const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new IndelibleError('IMPORT_SOURCE', `${path} cannot be read (${error.code})`, { cause: error });
    });
    if (info.isDirectory())
      throw new IndelibleError('IMPORT_SOURCE', `${path} is a folder; name its files, e.g. ${path}/*.json`);
    total += info.size;
  }
  return total;
}

function* sources(paths: readonly string[], signal: AbortSignal): Generator<ImportSource> {
  for (const path of paths) {
    const stream = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1 << 18 });
    yield { name: path === '-' ? 'standard input' : path, bytes: read(stream, path, signal) };
  }
}

async function* read(stream: Readable, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* untilAborted(stream, signal);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (signal.aborted || code === undefined) throw error;
    throw new IndelibleError('IMPORT_SOURCE', `${path} cannot be read (${code})`, { cause: error });
  }
}
