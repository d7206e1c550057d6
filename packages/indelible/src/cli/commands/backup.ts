/**
 * `indelible backup FILE` and `indelible restore FILE`.
 */
import { basename } from 'node:path';
import { IndelibleError, LIMITS } from '@indelible/core';
import type { Command } from 'commander';
import { openAttachments, openStore, withoutCredentials } from '../../compose.ts';
import { type BackupSummary, backupLog } from '../../ledger/backup.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { type RestoreSummary, restoreLog } from '../../ledger/restore.ts';
import { buildIndex } from '../build-index.ts';
import type { ExitCode } from '../failure.ts';
import { bringIndexUpToDate, environmentKeys, ledgerUrl, withLedger } from '../open.ts';
import { printable } from '../printable.ts';
import { startProgress } from '../progress.ts';
import type { Invocation, Shell } from '../shell.ts';
import { byteSize, counted } from '../units.ts';

interface RestoreOptions {
  readonly to?: string;
}

export function addBackup(program: Command, shell: Shell): void {
  shell.command(
    program,
    'backup <file>',
    'copy the whole log into one file, also while a server writes',
    backup,
  );
  shell
    .command<RestoreOptions>(
      program,
      'restore <file>',
      'turn a backup into a ledger again, in an empty place',
      restore,
    )
    .option('--to <url>', 'where to; the same as --ledger');
}

async function backup(invocation: Invocation, path: string): Promise<ExitCode> {
  const { terminal } = invocation;
  // Reading takes no lock: a long backup must not keep a server of the same ledger from starting.
  const summary = await withLedger(invocation, { mode: 'read' }, (ledger) => copy(invocation, ledger, path));
  const recorded = await recordBackup(invocation, path, summary);
  await terminal.result({ file: path, recorded, ...summary });
  const amount = `${counted(summary.records, 'record')} (${byteSize(summary.bytes)})`;
  await terminal.line(`Backed up ${amount} to ${printable(path)}`);
  await terminal.line(`head ${summary.head.seq}:${summary.head.hash}`);
  return 0;
}

/** Records the backup where that is possible. It is too important to be refused where it is not. */
async function recordBackup(invocation: Invocation, path: string, summary: BackupSummary): Promise<boolean> {
  try {
    await withLedger(invocation, { mode: 'write' }, (ledger) =>
      ledger.recordOwn(backedUpEvent(ledger, path, summary)),
    );
    return true;
  } catch (error) {
    if (!(error instanceof IndelibleError)) throw error;
    invocation.terminal.notice(`the backup is complete, but not recorded in the ledger: ${error.message}`);
    return false;
  }
}

async function copy({ terminal, signal }: Invocation, ledger: Ledger, path: string): Promise<BackupSummary> {
  const head = await ledger.head();
  const progress = startProgress(terminal, 'backing up', (head?.seq ?? 0) + 1, 'records');
  try {
    return await backupLog({
      store: ledger.store,
      attachments: ledger.attachments,
      path,
      signal,
      onProgress: ({ records }) => progress.update(records),
    });
  } finally {
    progress.stop();
  }
}

function backedUpEvent(ledger: Ledger, path: string, { records, first_seq, head, sha256 }: BackupSummary) {
  return {
    action: 'ledger.backed_up',
    resource: { type: 'ledger', id: ledger.name },
    data: { file: basename(path), records, first_seq, head: { ...head }, sha256 },
  };
}

async function restore(invocation: Invocation<RestoreOptions>, path: string): Promise<ExitCode> {
  const { options, terminal, signal } = invocation;
  if (options.to !== undefined && options.ledger !== undefined && options.to !== options.ledger) {
    throw new IndelibleError('USAGE', '--to and --ledger name different places');
  }
  const url = options.to ?? ledgerUrl(invocation);
  const target = { ...invocation, options: { ...options, ledger: url } };
  const progress = startProgress(terminal, 'restoring', 0, 'records');
  const attachments = openAttachments(url, { bytes_max: LIMITS.attachment_bytes });
  let summary: RestoreSummary;
  try {
    summary = await restoreLog({
      path,
      openTarget: () => openStore(url),
      attachments,
      keys: environmentKeys(invocation),
      signal,
      onProgress: ({ records, records_total }) => progress.update(records, '', records_total),
    });
  } finally {
    progress.stop();
    await attachments.close();
  }
  const { header, trailer } = summary;
  // Before the ledger is opened: it keeps in memory what the index does not know yet.
  await buildIndex(target, url);
  await withLedger(target, { mode: 'write', much: true }, async (ledger) => {
    await ledger.recordOwn({
      action: 'ledger.restored',
      resource: { type: 'ledger', id: ledger.name },
      data: {
        file: basename(path),
        backed_up_at: header.created_at,
        records: trailer.count,
        head: { ...trailer.head },
        sha256: trailer.sha256,
      },
    });
    await bringIndexUpToDate(ledger, terminal);
  });
  const { report } = summary;
  const shown = withoutCredentials(url);
  await terminal.result({
    file: path,
    url: shown,
    ledger: header.ledger,
    records: trailer.count,
    head: trailer.head,
    verdict: report.verdict,
  });
  await terminal.line(
    `Restored ${counted(trailer.count, 'record')} of ${printable(header.ledger)} to ${shown}`,
  );
  await terminal.line(`verdict ${report.verdict}; the restoration is recorded`);
  return 0;
}
