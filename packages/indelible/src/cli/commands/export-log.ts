/**
 * `indelible export-log DIR`: the log as static files (c2sp.org/tlog-tiles), for a web server, a bucket or an auditor.
 *
 * The files hold the records in clear, so that the export is recorded, as a backup is.
 */
import { basename, resolve } from 'node:path';
import { IndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import type { ExportedLog } from '../../transparency/export-log.ts';
import type { ExitCode } from '../failure.ts';
import { withLedger } from '../open.ts';
import { printable } from '../printable.ts';
import { startProgress } from '../progress.ts';
import type { Invocation, Shell } from '../shell.ts';
import { count, counted } from '../units.ts';

interface Options {
  readonly entries: boolean;
  readonly unrecorded?: boolean;
}

const SHARES = 1000;

export function addExportLog(program: Command, shell: Shell): void {
  shell
    .command<Options>(
      program,
      'export-log <folder>',
      'the log as static files: tiles, entries, checkpoint',
      exportTiles,
    )
    .option('--no-entries', 'hashes and checkpoint alone: the entries are the records, in clear')
    .option('--unrecorded', 'do not record the export');
}

async function exportTiles(invocation: Invocation<Options>, folder: string): Promise<ExitCode> {
  const { options, terminal } = invocation;
  const exported = await write(invocation, folder);
  const { checkpoint, files_written, files_kept, bundles_truncated } = exported;
  // Hashes alone say nothing that a checkpoint does not.
  const wanted = options.entries && options.unrecorded !== true && files_written > 0;
  if (options.entries && options.unrecorded === true)
    terminal.notice('this export leaves no record in the ledger');
  const recorded = wanted && (await record(invocation, folder, exported));
  const { size, root } = checkpoint;
  await terminal.result({
    folder,
    size,
    root,
    files_written,
    files_kept,
    bundles_truncated,
    recorded,
  });
  await terminal.line(
    `Exported ${counted(size, 'record')} to ${printable(folder)}: ${counted(files_written, 'file')} written, ${count(files_kept)} kept`,
  );
  if (bundles_truncated > 0) {
    terminal.notice(
      `${counted(bundles_truncated, 'bundle')} of records that were truncated: only their hashes are left`,
    );
  }
  await terminal.line(`Its verifier keys are in ${printable(folder)}/log.vkey`);
  return 0;
}

async function write(invocation: Invocation<Options>, folder: string): Promise<ExportedLog> {
  const { options, terminal, signal } = invocation;
  const { exportLog } = await import('../../transparency/export-log.ts');
  return withLedger(invocation, { mode: 'read' }, async (ledger) => {
    const { transparency } = ledger;
    if (transparency === null)
      throw new IndelibleError('CHECKPOINT_MISSING', `the ledger ${ledger.name} has no checkpoints`);
    const progress = startProgress(terminal, 'exporting', SHARES, 'share');
    try {
      return await exportLog({
        transparency,
        folder: resolve(folder),
        without_entries: !options.entries,
        signal,
        onProgress: ({ files, files_total }) =>
          progress.update((SHARES * files) / Math.max(1, files_total), `${count(files)} files`),
      });
    } finally {
      progress.stop();
    }
  });
}

/** False when another process holds the ledger: the files are there all the same. */
async function record(
  invocation: Invocation,
  folder: string,
  { checkpoint: { size, root } }: ExportedLog,
): Promise<boolean> {
  try {
    await withLedger(invocation, { mode: 'write' }, (ledger) =>
      ledger.recordOwn({
        action: 'ledger.log_exported',
        resource: { type: 'ledger', id: ledger.name },
        data: { folder: basename(resolve(folder)), size, root },
      }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof IndelibleError)) throw error;
    invocation.terminal.notice(`the export is complete, but not recorded in the ledger: ${error.message}`);
    return false;
  }
}
