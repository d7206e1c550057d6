/**
 * `indelible approver init|endorse|revoke|list`: whose public keys sign votes.
 *
 * The first key is enrolled at once. Every later one is asked for: the request goes from approver to approver, each of
 * whom signs it, and is recorded once enough of them have.
 */
import { formatVerifierKey } from '@indelible/core';
import type { Command } from 'commander';
import type { Ledger } from '../../ledger/ledger.ts';
import { changeApprovers, enrolmentProblemNow, listApprovers } from '../../operations/approvers.ts';
import { type EnrolmentStatement, endorse, enrolmentText } from '../../operations/enrolment.ts';
import {
  type ApproverKeyOptions,
  loadApproverKey,
  loadOrCreateApproverKey,
  personOf,
} from '../approver-key.ts';
import type { ExitCode } from '../failure.ts';
import { readInput } from '../input-file.ts';
import { localActor, withLedger } from '../open.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';

interface InitOptions extends ApproverKeyOptions {
  readonly vkey?: string;
}

const REQUEST_BYTES_MAX = 1 << 20;
const PERSON = ['--person <id>', 'whose key signs (default: your user name)'] as const;
const KEY = ['--key <file>', 'the private key that signs (default: in the user’s config folder)'] as const;

export function addApprover(program: Command, shell: Shell): void {
  const approver = program.command('approver').description('whose public keys sign votes');
  shell
    .command<InitOptions>(
      approver,
      'init',
      'enrol the first public key, or ask for a further one; makes a private key when there is none',
      init,
    )
    .option('--person <id>', 'whose key it is (default: your user name)')
    .option('--key <file>', 'the private key (default: in the user’s config folder)')
    .option('--vkey <vkey>', 'only the public key: its private key is elsewhere');
  shell
    .command<ApproverKeyOptions>(approver, 'endorse [file]', 'sign a request; - is standard input', sign)
    .option(...PERSON)
    .option(...KEY);
  shell
    .command<ApproverKeyOptions>(approver, 'revoke <vkey>', 'take no more votes by this key', revoke)
    .option(...PERSON)
    .option(...KEY);
  shell.command(approver, 'list', 'every key that was ever enrolled', list);
}

async function init(invocation: Invocation<InitOptions>): Promise<ExitCode> {
  return withLedger<ExitCode>(invocation, { mode: 'write' }, async (ledger) => {
    const key = invocation.options.vkey ?? ownKey(invocation);
    return settle(invocation, ledger, requestFor(ledger, 'enrol', personOf(invocation), key));
  });
}

function ownKey(invocation: Invocation<InitOptions>): string {
  const { signer, created, path } = loadOrCreateApproverKey(invocation);
  if (created) invocation.terminal.notice(`made the private key ${path}; keep it to yourself`);
  return formatVerifierKey(signer.key);
}

async function sign(invocation: Invocation<ApproverKeyOptions>, file = '-'): Promise<ExitCode> {
  const request = (await readInput(file, REQUEST_BYTES_MAX)).toString('utf8');
  return withLedger<ExitCode>(invocation, { mode: 'write' }, async (ledger) =>
    settle(invocation, ledger, await endorse(request, loadApproverKey(invocation))),
  );
}

async function revoke(invocation: Invocation<ApproverKeyOptions>, key: string): Promise<ExitCode> {
  return withLedger<ExitCode>(invocation, { mode: 'write' }, async (ledger) => {
    const known = (await listApprovers(ledger)).find((one) => one.key === key);
    const request = requestFor(ledger, 'revoke', known?.person_id ?? personOf(invocation), key);
    return settle(invocation, ledger, await endorse(request, loadApproverKey(invocation)));
  });
}

function requestFor(
  { name: ledger }: Ledger,
  change: EnrolmentStatement['change'],
  person_id: string,
  key: string,
): string {
  return enrolmentText({ change, ledger, person_id, key, requested_at: new Date().toISOString() });
}

/** Records the change when it has all signatures; otherwise prints the request, to be passed on. */
async function settle({ terminal }: Invocation, ledger: Ledger, request: string): Promise<ExitCode> {
  const problem = await enrolmentProblemNow(ledger, request);
  if (problem?.is_unsigned === true) {
    const { message } = problem;
    await terminal.result({ request, message });
    if (!terminal.json) await terminal.raw(request);
    terminal.notice(printable(`${message}: pass this on to \`indelible approver endorse\``));
    return 3;
  }
  const { person_id, key, revoked_at, ...times } = await changeApprovers(ledger, request, localActor());
  await terminal.result({ person_id, key, ...times, revoked_at });
  const said = revoked_at === null ? `enrolled ${key} for ${person_id}` : `revoked ${key} of ${person_id}`;
  await terminal.line(printable(said));
  return 0;
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
