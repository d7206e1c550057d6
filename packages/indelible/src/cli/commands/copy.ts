/**
 * `indelible copy FROM TO`: a ledger in another store, byte for byte, verified, and continued where it stopped.
 */
import { IndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import { type CopiedLedger, copyLedger } from '../../compose/copy-ledger.ts';
import { openArchive } from '../../compose/moving.ts';
import { withoutCredentials } from '../../compose.ts';
import type { VerifyReport } from '../../ledger/types.ts';
import type { ExitCode } from '../failure.ts';
import { levelsHeld } from '../graded-view.ts';
import { noteLedger, notePlace } from '../known-ledgers.ts';
import { environmentKeys, noticeLog } from '../open.ts';
import { printable } from '../printable.ts';
import { type Progress, startProgress } from '../progress.ts';
import { recordCopying } from '../record-copying.ts';
import type { Invocation, Shell } from '../shell.ts';
import { signerInPassing } from '../signing.ts';
import { count, counted } from '../units.ts';

interface Options {
  readonly follow?: boolean;
  readonly verify: boolean;
  readonly record: boolean;
}

export function addCopy(program: Command, shell: Shell): void {
  shell
    .command<Options>(
      program,
      'copy <from> <to>',
      'copy a ledger to another store, byte for byte; goes on where it stopped',
      copy,
    )
    .option('--follow', 'then copy every new record as it comes; Ctrl-C ends it')
    .option('--no-verify', 'believe what was copied before, and do not read the copy again afterwards')
    .option('--no-record', 'do not record in the ledger that it is copied');
}

async function copy(invocation: Invocation<Options>, from_url: string, to_url: string): Promise<ExitCode> {
  const { terminal } = invocation;
  refuseLedgerOption(invocation);
  const { copied, recorded } = await copyAll(invocation, from_url, to_url);
  await notePlace(invocation, to_url);
  const [from, to] = [withoutCredentials(from_url), withoutCredentials(to_url)];
  const { report, ...summary } = copied;
  await terminal.result({
    from,
    to,
    recorded,
    ...summary,
    verdict: report?.verdict ?? null,
    grade: report?.graded.grade ?? null,
  });
  await terminal.line(
    `Copied ${counted(summary.copied, 'record')} of ${printable(summary.ledger)} to ${printable(to)}`,
  );
  await terminal.line(`${counted(summary.records, 'record')}, head ${summary.head.seq}:${summary.head.hash}`);
  await terminal.line(verdictOf(report));
  if (invocation.options.follow === true) await follow(invocation, from_url, to_url);
  return 0;
}

/** The ledger is named by its place here, and an option that is not heeded would mislead. */
export function refuseLedgerOption({ options }: Invocation): void {
  if (options.ledger !== undefined)
    throw new IndelibleError('USAGE', 'FROM and TO say which ledger is meant; leave out --ledger');
}

function verdictOf(report: VerifyReport | null): string {
  if (report === null) return 'The copy was not read again: indelible verify --ledger TO';
  if (report.verdict === 'consistent') return `The copy was read again: ${levelsHeld(report.graded)}`;
  return `The copy has the same bytes; what could not be checked: ${report.detail}`;
}

async function copyAll(
  invocation: Invocation<Options>,
  from_url: string,
  to_url: string,
): Promise<{ copied: CopiedLedger; recorded: boolean }> {
  const { terminal, signal, options } = invocation;
  let recorded = false;
  let verifying: Progress | null = null;
  const copying = startProgress(terminal, 'copying', 0, 'records');
  try {
    const copied = await copyLedger(from_url, to_url, {
      keys: environmentKeys(invocation),
      verify: options.verify,
      signerFor: signerInPassing(invocation, from_url),
      signal,
      onProgress: ({ records, records_total, copied: written }) =>
        copying.update(records, `${count(written)} new`, records_total),
      onVerifying: ({ bytes, bytes_total }) => {
        copying.stop();
        verifying ??= startProgress(terminal, 'verifying', 1000, 'share');
        verifying.update((1000 * bytes) / Math.max(1, bytes_total));
      },
      ...(options.record
        ? {
            onBegin: async (copy_head) => {
              const data = { to: to_url, copy_head, continuous: false };
              recorded = await recordCopying(invocation, from_url, data);
            },
          }
        : {}),
    });
    return { copied, recorded };
  } finally {
    copying.stop();
    (verifying as Progress | null)?.stop();
  }
}

/** Until Ctrl-C. */
async function follow(invocation: Invocation, from_url: string, to_url: string): Promise<void> {
  const { terminal, signal } = invocation;
  const archive = await openArchive({
    from_url,
    to_url,
    keys: environmentKeys(invocation),
    log: noticeLog(terminal),
    signerFor: signerInPassing(invocation, from_url),
    onArchived: (store) => noteLedger(invocation, { store, transparency: null }, to_url),
  });
  try {
    archive.start();
    await terminal.line('Copying every new record as it comes; Ctrl-C ends it.');
    if (!signal.aborted)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  } finally {
    await archive.close();
  }
}
