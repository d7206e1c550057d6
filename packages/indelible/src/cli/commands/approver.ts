/**
 * `indelible approver init|list|revoke`: whose public keys sign votes.
 */
import { formatVerifierKey } from '@indelible/core';
import type { Command } from 'commander';
import { enrolApprover, listApprovers, revokeApprover } from '../../operations/approvers.ts';
import { type ApproverKeyOptions, loadOrCreateApproverKey, personOf } from '../approver-key.ts';
import type { ExitCode } from '../failure.ts';
import { localActor, withLedger } from '../open.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';

interface InitOptions extends ApproverKeyOptions {
  readonly vkey?: string;
}

export function addApprover(program: Command, shell: Shell): void {
  const approver = program.command('approver').description('whose public keys sign votes');
  shell
    .command<InitOptions>(
      approver,
      'init',
      'enrol a public key; makes a private key when there is none',
      init,
    )
    .option('--person <id>', 'whose key it is (default: your user name)')
    .option('--key <file>', 'the private key (default: in the user’s config folder)')
    .option('--vkey <vkey>', 'only the public key: its private key is elsewhere');
  shell.command(approver, 'list', 'every key that was ever enrolled', list);
  shell.command(approver, 'revoke <vkey>', 'take no more votes by this key', revoke);
}

async function init(invocation: Invocation<InitOptions>): Promise<ExitCode> {
  const { options, terminal } = invocation;
  return withLedger<ExitCode>(invocation, { mode: 'write' }, async (ledger) => {
    const key = options.vkey ?? ownKey(invocation);
    const approver = await enrolApprover(ledger, personOf(invocation), key, localActor());
    await terminal.result(approver);
    await terminal.line(printable(`enrolled ${approver.key} for ${approver.person_id}`));
    return 0;
  });
}

function ownKey(invocation: Invocation<InitOptions>): string {
  const { signer, created, path } = loadOrCreateApproverKey(invocation);
  if (created) invocation.terminal.notice(`made the private key ${path}; keep it to yourself`);
  return formatVerifierKey(signer.key);
}

async function list(invocation: Invocation): Promise<ExitCode> {
  return withLedger<ExitCode>(invocation, { mode: 'read' }, async (ledger) => {
    const approvers = await listApprovers(ledger);
    await invocation.terminal.result(approvers);
    for (const { person_id, key, revoked_at } of approvers)
      await invocation.terminal.line(
        printable(`${person_id}  ${key}${revoked_at === null ? '' : `  revoked ${revoked_at}`}`),
      );
    return 0;
  });
}

async function revoke(invocation: Invocation, key: string): Promise<ExitCode> {
  return withLedger<ExitCode>(invocation, { mode: 'write' }, async (ledger) => {
    await revokeApprover(ledger, key, localActor());
    await invocation.terminal.line('revoked');
    return 0;
  });
}
