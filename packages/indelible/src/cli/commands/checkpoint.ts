/**
 * `indelible checkpoint`: the newest signed checkpoint, or with `--now` a new one over all that is recorded.
 */
import { IndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import type { Ledger } from '../../ledger/ledger.ts';
import type { PublishedCheckpoint } from '../../transparency/contract.ts';
import type { ExitCode } from '../failure.ts';
import { withLedger } from '../open.ts';
import type { Invocation, Shell } from '../shell.ts';
import { addSigningOptions, existingSigner, type SigningOptions } from '../signing.ts';

interface Options extends SigningOptions {
  readonly now?: boolean;
}

export function addCheckpoint(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(program, 'checkpoint', 'the newest signed checkpoint', checkpoint)
    .option('--now', 'sign one over everything recorded, unless the newest covers that');
  addSigningOptions(command);
}

async function checkpoint(invocation: Invocation<Options>): Promise<ExitCode> {
  const { options } = invocation;
  if (options.now === true) {
    const signerFor = (name: string) => existingSigner(invocation, name);
    return withLedger<ExitCode>(invocation, { mode: 'write', signerFor }, async (ledger) => {
      if (ledger.transparency === null) throw noSigner(ledger);
      return show(invocation, ledger, await ledger.transparency.checkpointNow());
    });
  }
  return withLedger<ExitCode>(invocation, { mode: 'read' }, async (ledger) => {
    const newest = (await ledger.transparency?.latest()) ?? null;
    if (newest === null)
      throw new IndelibleError('CHECKPOINT_MISSING', `the ledger ${ledger.name} has no checkpoints`);
    return show(invocation, ledger, newest);
  });
}

/** The note alone and byte for byte: so it can be kept, sent and verified by other tools. */
async function show(
  { terminal }: Invocation,
  ledger: Ledger,
  { size, root, note, signed_at }: PublishedCheckpoint,
): Promise<ExitCode> {
  await terminal.result({
    origin: ledger.name,
    size,
    root,
    signed_at: new Date(signed_at).toISOString(),
    verifier_keys: ledger.transparency?.verifier_keys ?? [],
    note,
  });
  if (!terminal.json) await terminal.raw(note);
  return 0;
}

function noSigner({ name }: Ledger): IndelibleError {
  return new IndelibleError(
    'SIGNER_MISSING',
    `the ledger ${name} has no signing key; make one with: indelible signing-key new`,
  );
}
