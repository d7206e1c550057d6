/**
 * `indelible export`: records as CSV, JSON or JSON Lines, to standard output or a file. The export itself is recorded.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IndelibleError, type JsonObject, type Outcome } from '@indelible/core';
import { type Command, Option } from 'commander';
import { EXPORT_ABORTED, EXPORT_COMPLETED, EXPORT_STARTED } from '../../access/journal.ts';
import { EXPORT_FORMATS, type Export, type ExportFormat, exportRecords } from '../../evidence/export.ts';
import { withContext } from '../../ledger/context.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { boundGarbage } from '../bound-garbage.ts';
import type { ExitCode } from '../failure.ts';
import { fileFailure } from '../file-failure.ts';
import { addFilterOptions, type FilterOptions, filterOf } from '../filter-options.ts';
import { withLedger } from '../open.ts';
import { wholeNumber } from '../parse-options.ts';
import { printable } from '../printable.ts';
import { startProgress } from '../progress.ts';
import type { Invocation, Shell } from '../shell.ts';
import { byteSize, counted } from '../units.ts';

interface Options extends FilterOptions {
  readonly format: ExportFormat;
  readonly out?: string;
  readonly limit?: number;
  readonly unrecorded?: boolean;
}

export function addExport(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(program, 'export', 'records as CSV, JSON or JSON Lines, oldest first', exportLedger)
    .addOption(
      new Option('--format <format>', 'how to write them').choices(EXPORT_FORMATS).makeOptionMandatory(),
    )
    .option('--out <file>', 'where to; replaced only once complete (default: standard output)')
    .option(
      '--limit <n>',
      'how many at most; a cut export says so',
      wholeNumber('--limit', 1, Number.MAX_SAFE_INTEGER),
    )
    .option('--unrecorded', 'do not record the export; also for a ledger that another process holds');
  addFilterOptions(command);
}

async function exportLedger(invocation: Invocation<Options>): Promise<ExitCode> {
  boundGarbage();
  const { options, terminal } = invocation;
  const { format, limit, out, unrecorded = false } = options;
  const now = Date.now();
  const filter = filterOf(options, now);
  if (unrecorded) terminal.notice('this export leaves no record in the ledger');
  return withLedger<ExitCode>(invocation, { mode: unrecorded ? 'read' : 'write' }, async (ledger) => {
    const bounded = limit === undefined ? {} : { limit };
    const output = exportRecords(ledger, {
      format,
      filter,
      exported_at: new Date(now).toISOString(),
      ...bounded,
    });
    const destination = out === undefined ? 'standard output' : 'file';
    const asked = { format, destination, filter: { ...filter }, ...bounded };
    await (unrecorded
      ? deliver(invocation, output, output)
      : deliverRecorded(invocation, ledger, output, asked));
    if (out !== undefined) await report(invocation, output, out);
    if (output.summary?.complete === false)
      terminal.notice(`cut after ${counted(output.summary.count, 'record')} by --limit; more match`);
    return 0;
  });
}

/** Records that the export began before its first byte is out, and how it ended; the export holds neither. */
async function deliverRecorded(
  invocation: Invocation<Options>,
  ledger: Ledger,
  output: Export,
  asked: JsonObject,
): Promise<void> {
  const step = (action: string, outcome: Outcome, data: JsonObject) =>
    ledger.recordOwn({
      action,
      outcome,
      resource: { type: 'ledger', id: ledger.name },
      data: { ...asked, ...data },
    });
  await withContext({}, async () => {
    // The first part fixes where the export ends.
    const parts = output[Symbol.asyncIterator]();
    const first = await parts.next();
    await step(EXPORT_STARTED, 'pending', {});
    try {
      await deliver(invocation, output, resumed(first, parts));
    } catch (error) {
      const reason = error instanceof IndelibleError ? error.code : 'INTERRUPTED';
      await step(EXPORT_ABORTED, 'error', { reason });
      throw error;
    }
    const { summary } = output;
    if (summary === null) await step(EXPORT_ABORTED, 'error', { reason: 'the reader went away' });
    else await step(EXPORT_COMPLETED, 'ok', { count: summary.count, complete: summary.complete });
  });
}

async function deliver(
  invocation: Invocation<Options>,
  output: Export,
  parts: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { out } = invocation.options;
  if (out === undefined) await toStandardOutput(invocation, parts);
  else await toFile(invocation, parts, out);
  if (out !== undefined && output.summary === null)
    throw new IndelibleError('INTERNAL', 'the export ended early');
}

async function* resumed(
  first: IteratorResult<Uint8Array>,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for (let part = first; part.done !== true; part = await rest.next()) yield part.value;
}

async function toStandardOutput(
  { terminal, signal }: Invocation,
  parts: AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const part of parts) {
    signal.throwIfAborted();
    if (terminal.unread) return;
    await terminal.raw(part);
  }
}

/** Writes beside the file and renames: whoever finds the name finds a complete export, or the one from before. */
async function toFile(
  { terminal, signal }: Invocation,
  parts: AsyncIterable<Uint8Array>,
  path: string,
): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  const progress = startProgress(terminal, 'exporting', 0, 'bytes');
  let file: FileHandle | null = null;
  let bytes = 0;
  try {
    // An export holds what the ledger holds: nobody else's business.
    file = await open(partial, 'wx', 0o600);
    for await (const part of parts) {
      signal.throwIfAborted();
      await file.writeFile(part);
      bytes += part.length;
      progress.update(bytes);
    }
    await file.sync();
    await file.close();
    await rename(partial, path);
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    await file?.close().catch(() => {});
    throw error instanceof IndelibleError ? error : fileFailure(error, path);
  } finally {
    progress.stop();
    await rm(partial, { force: true });
  }
}

async function report(
  { terminal, options }: Invocation<Options>,
  { summary }: Export,
  file: string,
): Promise<void> {
  await terminal.result({ file, recorded: options.unrecorded !== true, ...summary });
  await terminal.line(
    `Exported ${counted(summary?.count ?? 0, 'record')} (${byteSize(summary?.bytes ?? 0)}) to ${printable(file)}`,
  );
}
