/**
 * That a ledger is copied is recorded in the ledger itself, before the first record is copied (compose/moving.ts).
 */
import { IndelibleError } from '@indelible/core';
import { copyBegunEvent } from '../compose/moving.ts';
import type { Head } from '../stores/contract.ts';
import { withLedger } from './open.ts';
import type { Invocation } from './shell.ts';

/** Records it where that is possible; says so where it is not, and never keeps the copying from going on. */
export async function recordCopying(
  invocation: Invocation,
  from: string,
  { to, copy_head, continuous }: { to: string; copy_head: Head | null; continuous: boolean },
): Promise<boolean> {
  const { options, terminal } = invocation;
  try {
    await withLedger({ ...invocation, options: { ...options, ledger: from } }, { mode: 'write' }, (ledger) =>
      ledger.recordOwn(copyBegunEvent(ledger.name, to, copy_head, continuous)),
    );
    return true;
  } catch (error) {
    if (!(error instanceof IndelibleError)) throw error;
    terminal.notice(`the copying is not recorded in the ledger: ${error.message}`);
    return false;
  }
}
