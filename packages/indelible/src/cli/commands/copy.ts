/**
 * `indelible copy FROM TO`: a ledger in another store, byte for byte, verified, and continued where it stopped.
 */
import { IndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import {
  openArchive,
  openCopySource,
  openCopyTarget,
  refuseSamePlace,
  verifyCopy,
} from '../../compose/moving.ts';
import { withoutCredentials } from '../../compose.ts';
import { Keyring } from '../../ledger/keyring.ts';
import type { VerifyReport } from '../../ledger/types.ts';
import type { ArchiveTarget } from '../../moving/archive.ts';
import { copyLog, mustFit } from '../../moving/copy.ts';
import type { CopySource, CopySummary } from '../../moving/types.ts';
import type { ExitCode } from '../failure.ts';
import { levelsHeld } from '../graded-view.ts';
import { noteLedger } from '../known-ledgers.ts';
import { environmentKeys, noticeLog } from '../open.ts';
import { printable } from '../printable.ts';
import { startProgress } from '../progress.ts';
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
  const { options, terminal } = invocation;
  refuseLedgerOption(invocation);
  refuseSamePlace(from_url, to_url);
  const from = await openCopySource(from_url);
  try {
    // Before the place for the copy is made.
    await mustFit(from, new Keyring(environmentKeys(invocation)));
    const signerFor = signerInPassing(invocation, from_url);
    const to = await openCopyTarget(to_url, { records: from.store, signerFor });
    try {
      const { summary, recorded } = await copyAll(invocation, from, to, { from_url, to_url });
      const { ledger, checkpoint_size } = summary;
      await to.publish?.({ ledger, checkpoint_size, size: summary.head.seq + 1 }, true);
      const report = options.verify ? await verifyAll(invocation, to, to_url, summary) : null;
      await noteLedger(invocation, { store: to.store, transparency: null }, to_url);
      const [source, place] = [withoutCredentials(from_url), withoutCredentials(to_url)];
      await terminal.result({
        from: source,
        to: place,
        recorded,
        ...summary,
        verdict: report?.verdict ?? null,
        grade: report?.graded.grade ?? null,
      });
      await terminal.line(
        `Copied ${counted(summary.copied, 'record')} of ${printable(summary.ledger)} to ${printable(place)}`,
      );
      await terminal.line(
        `${counted(summary.records, 'record')}, head ${summary.head.seq}:${summary.head.hash}`,
      );
      await terminal.line(verdictOf(report));
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
  if (options.follow === true) await follow(invocation, from_url, to_url);
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
  from: CopySource,
  to: ArchiveTarget,
  { from_url, to_url }: { readonly from_url: string; readonly to_url: string },
): Promise<{ summary: CopySummary; recorded: boolean }> {
  const { terminal, signal, options } = invocation;
  let recorded = false;
  const progress = startProgress(terminal, 'copying', 0, 'records');
  try {
    const summary = await copyLog({
      from,
      to,
      keys: environmentKeys(invocation),
      whole: options.verify,
      signal,
      onProgress: ({ records, records_total, copied }) =>
        progress.update(records, `of ${count(records_total)}, ${count(copied)} new`),
      ...(options.record
        ? {
            onBegin: async (copy_head) => {
              recorded = await recordCopying(invocation, from_url, {
                to: to_url,
                copy_head,
                continuous: false,
              });
            },
          }
        : {}),
    });
    return { summary, recorded };
  } finally {
    progress.stop();
  }
}

async function verifyAll(
  invocation: Invocation,
  to: ArchiveTarget,
  to_url: string,
  copied: CopySummary,
): Promise<VerifyReport> {
  const progress = startProgress(invocation.terminal, 'verifying', 1000, 'share');
  try {
    return await verifyCopy({
      to_url,
      to,
      copied,
      keys: environmentKeys(invocation),
      signal: invocation.signal,
      onProgress: ({ bytes, bytes_total }) => progress.update((1000 * bytes) / Math.max(1, bytes_total)),
    });
  } finally {
    progress.stop();
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
