/**
 * `indelible pg seal`: seals the outbox of a ledger in PostgreSQL, as `serve` does, without serving anything.
 */
import { IndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import { openOutboxSealer } from '../../compose.ts';
import type { ExitCode } from '../failure.ts';
import { environmentKeys, ledgerUrl, noticeLog } from '../open.ts';
import type { Invocation, Shell } from '../shell.ts';
import { counted } from '../units.ts';

interface Options {
  readonly once?: boolean;
}

/** Adds the command to `pg`. */
export function addPgSeal(pg: Command, shell: Shell): void {
  shell
    .command<Options>(pg, 'seal', 'seal what waits in the outbox, until it is stopped', seal)
    .option('--once', 'seal what waits now, and end');
}

async function seal(invocation: Invocation<Options>): Promise<ExitCode> {
  const { options, terminal, signal } = invocation;
  const sealer = await openOutboxSealer(ledgerUrl(invocation), {
    keys: environmentKeys(invocation),
    log: noticeLog(terminal),
  });
  if (sealer === null)
    throw new IndelibleError('USAGE', 'only ledgers in PostgreSQL have an outbox: --ledger postgres://…');
  try {
    if (options.once === true) await sealer.drain(signal);
    else {
      sealer.start();
      await stopped(signal);
    }
  } finally {
    await sealer.close();
  }
  const { sealed, duplicates, refused } = sealer.status;
  await terminal.result({ sealed, duplicates, refused });
  await terminal.line(
    `${counted(sealed, 'event')} sealed, ${duplicates} there already, ${refused} set aside`,
  );
  return options.once === true && refused > 0 ? 3 : 0;
}

async function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
