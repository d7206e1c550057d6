/**
 * `indelible archive FROM TO`: a second store that follows a ledger until Ctrl-C, whatever fails meanwhile.
 */
import type { Command } from 'commander';
import { openArchive } from '../../compose/moving.ts';
import { withoutCredentials } from '../../compose.ts';
import type { ArchiveStatus } from '../../moving/archive.ts';
import type { ExitCode } from '../failure.ts';
import { noteLedger } from '../known-ledgers.ts';
import { environmentKeys, noticeLog } from '../open.ts';
import { printable } from '../printable.ts';
import { recordCopying } from '../record-copying.ts';
import type { Invocation, Shell } from '../shell.ts';
import { signerInPassing } from '../signing.ts';
import { counted } from '../units.ts';
import { refuseLedgerOption } from './copy.ts';

interface Options {
  readonly once?: boolean;
  readonly record: boolean;
}

export function addArchive(program: Command, shell: Shell): void {
  shell
    .command<Options>(
      program,
      'archive <from> <to>',
      'follow a ledger with a copy in another store, until Ctrl-C',
      archive,
    )
    .option('--once', 'archive what is there now, and end')
    .option('--no-record', 'do not record in the ledger that it is archived');
}

async function archive(invocation: Invocation<Options>, from_url: string, to_url: string): Promise<ExitCode> {
  const { options, terminal, signal } = invocation;
  refuseLedgerOption(invocation);
  const [from, to] = [withoutCredentials(from_url), withoutCredentials(to_url)];
  const archive = await openArchive({
    from_url,
    to_url,
    keys: environmentKeys(invocation),
    log: noticeLog(terminal),
    signerFor: signerInPassing(invocation, from_url),
    onArchived: (store) => noteLedger(invocation, { store, transparency: null }, to_url),
    ...(options.record
      ? {
          onBegin: async () => {
            const data = { to: to_url, copy_head: null, continuous: options.once !== true };
            await recordCopying(invocation, from_url, data);
          },
        }
      : {}),
  });
  try {
    if (options.once === true) {
      await archive.once(signal);
    } else {
      archive.start();
      await terminal.line(`Archiving ${printable(from)} to ${printable(to)}; Ctrl-C stops.`);
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    }
  } finally {
    await archive.close();
  }
  const { status } = archive;
  await terminal.result({ from, to, ...shown(status) });
  await terminal.line(
    status.size === null
      ? 'Nothing was archived.'
      : `${counted(status.size, 'record')} in the archive, ${counted(status.checkpoint_size, 'record')} under its newest checkpoint`,
  );
  return status.error === null ? 0 : 3;
}

function shown({ size, checkpoint_size, last_archived_at, failing_since, error }: ArchiveStatus) {
  const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    size,
    checkpoint_size,
    last_archived_at: time(last_archived_at),
    failing_since: time(failing_since),
    error,
  };
}
