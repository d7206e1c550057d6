/**
 * `indelible init`: makes a ledger, and never touches one that is there.
 */

import { IndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import { openStore } from '../../compose.ts';
import type { ExitCode } from '../failure.ts';
import { ledgerUrl, withLedger } from '../open.ts';
import type { Invocation, Shell } from '../shell.ts';

interface Options {
  readonly name?: string;
}

export function addInit(program: Command, shell: Shell): void {
  shell
    .command<Options>(program, 'init', 'make a new ledger; keyed when INDELIBLE_KEY is set', init)
    .option(
      '--name <name>',
      'its name, e.g. acme.example/prod; part of every record, never changes (default: local/ledger)',
    );
}

async function init(invocation: Invocation<Options>): Promise<ExitCode> {
  const { options, terminal } = invocation;
  await mustBeEmpty(ledgerUrl(invocation));
  const access = {
    mode: 'write',
    create: true,
    announce: false,
    ...(options.name === undefined ? {} : { name: options.name }),
  } as const;
  return withLedger<ExitCode>(invocation, access, async (ledger) => {
    const key_id = ledger.keyring.active?.key_id ?? null;
    const head = await ledger.head();
    await terminal.result({ ledger: ledger.name, url: ledger.url, keyed: key_id !== null, key_id, head });
    await terminal.line(`Made the ledger ${ledger.name} in ${ledger.url}`);
    if (key_id !== null)
      await terminal.line(
        `Keyed with key ${key_id}. Without its secret nobody can verify or continue this ledger: keep it safe.`,
      );
    await terminal.line('Next: indelible record user.login, or indelible import cloudtrail FILE…');
    return 0;
  });
}

async function mustBeEmpty(url: string): Promise<void> {
  const store = await openStore(url);
  try {
    if ((await store.head()) === null) return;
  } finally {
    await store.close();
  }
  throw new IndelibleError('LEDGER_EXISTS', `there is a ledger in ${url}`);
}
