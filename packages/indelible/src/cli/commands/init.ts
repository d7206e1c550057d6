/**
 * `indelible init`: makes a ledger, and never touches one that is there.
 */
import { formatVerifierKey, IndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import { type CheckpointSigner, openStore, withoutCredentials } from '../../compose.ts';
import type { ExitCode } from '../failure.ts';
import { ledgerUrl, withLedger } from '../open.ts';
import type { Invocation, Shell } from '../shell.ts';
import { addNewSigningOptions, type SigningOptions, signerOrNew } from '../signing.ts';

interface Options extends SigningOptions {
  readonly name?: string;
}

export function addInit(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(
      program,
      'init',
      'make a new ledger and its signing key; keyed when INDELIBLE_KEY is set',
      init,
    )
    .option(
      '--name <name>',
      'its name, e.g. acme.example/prod; part of every record, never changes (default: that in its URL, else local/ledger)',
    );
  addNewSigningOptions(command);
}

async function init(invocation: Invocation<Options>): Promise<ExitCode> {
  const { options, terminal } = invocation;
  await mustBeEmpty(ledgerUrl(invocation));
  let signer: CheckpointSigner | null = null;
  const access = {
    mode: 'write',
    create: true,
    announce: false,
    signerFor: async (name: string) =>
      (signer = await signerOrNew(invocation, name, ledgerUrl(invocation), { announce: false })),
    ...(options.name === undefined ? {} : { name: options.name }),
  } as const;
  return withLedger<ExitCode>(invocation, access, async (ledger) => {
    const key_id = ledger.keyring.active?.key_id ?? null;
    const head = await ledger.head();
    const signing = signingOf(signer);
    // With its options: without them it would not be opened as it was made.
    const url = withoutCredentials(ledgerUrl(invocation));
    await terminal.result({
      ledger: ledger.name,
      url,
      keyed: key_id !== null,
      key_id,
      head,
      signing,
    });
    await terminal.line(`Made the ledger ${ledger.name} in ${url}`);
    if (signing !== null) {
      if (signing.file !== null)
        await terminal.line(`Signing key: ${signing.file} (keep a copy: no other key can take its place)`);
      await terminal.line(`Verifier key, for those who check: ${signing.vkey}`);
    }
    if (key_id !== null)
      await terminal.line(
        `Keyed with key ${key_id}. Without its secret nobody can verify or continue this ledger: keep it safe.`,
      );
    await terminal.line('Next: indelible record user.login, or indelible import cloudtrail FILE…');
    return 0;
  });
}

function signingOf(
  signer: CheckpointSigner | null,
): { readonly vkey: string; readonly file: string | null } | null {
  return signer === null ? null : { vkey: formatVerifierKey(signer.key), file: signer.file ?? null };
}

async function mustBeEmpty(url: string): Promise<void> {
  const store = await openStore(url);
  try {
    if ((await store.head()) === null) return;
  } finally {
    await store.close();
  }
  throw new IndelibleError('LEDGER_EXISTS', `there is a ledger in ${withoutCredentials(url)}`);
}
