/**
 * `indelible ledgers`: which ledgers there ought to be, and whether they still are. Exit code 1 when one is not what it was.
 */
import { IndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import { openLedger } from '../../compose.ts';
import type { LedgerFinding, RegisteredLedger } from '../../registry/facts.ts';
import { registryPath } from '../../registry/location.ts';
import { LedgerRegistry } from '../../registry/registry.ts';
import type { ExitCode } from '../failure.ts';
import { findingText, openedLedger } from '../known-ledgers.ts';
import { environmentKeys, localActor, noticeLog } from '../open.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';
import { counted } from '../units.ts';

interface Options {
  readonly retire?: string;
  readonly reason?: string;
}

const REASON_MAX = 1000;

export function addLedgers(program: Command, shell: Shell): void {
  shell
    .command<Options>(
      program,
      'ledgers',
      'which ledgers there ought to be, and whether they still are',
      ledgers,
    )
    .option('--retire <name>', 'expect a ledger no more, by its name or URL; is recorded in the ledger')
    .option('--reason <text>', 'why it is retired');
}

async function ledgers(invocation: Invocation<Options>): Promise<ExitCode> {
  const { env, options } = invocation;
  if ((options.retire === undefined) !== (options.reason === undefined))
    throw new IndelibleError('USAGE', '--retire and --reason go together');
  const path = registryPath(env);
  if (path === null)
    throw new IndelibleError('USAGE', 'the registry is turned off: INDELIBLE_REGISTRY is none');
  const registry = LedgerRegistry.open(path);
  try {
    const { retire, reason } = options;
    return await (retire === undefined || reason === undefined
      ? show(invocation, registry)
      : retireLedger(invocation, registry, retire, reason));
  } finally {
    registry.close();
  }
}

interface Unchecked {
  readonly url: string;
  readonly detail: string;
}

async function show({ terminal }: Invocation, registry: LedgerRegistry): Promise<ExitCode> {
  const { colors } = terminal;
  const unchecked: Unchecked[] = [];
  const found = await registry.check(async ({ url, open_url }) => {
    try {
      return await openedLedger(open_url ?? url);
    } catch (error) {
      // Locked away or unreadable is not gone: the others are checked all the same.
      if (!(error instanceof IndelibleError)) throw error;
      unchecked.push({ url, detail: `${error.code}: ${error.message}` });
      return 'unknown';
    }
  });
  const list = registry.list();
  const kept = registry.findings();
  await terminal.result({ ledgers: list, findings: found, not_checked: unchecked, kept });
  for (const ledger of list) await terminal.line(line(ledger, found, unchecked, colors));
  if (list.length === 0) await terminal.line('No ledger has been written to by this user.');
  for (const finding of found) await terminal.line(colors.red(findingText(finding)));
  for (const { url, detail } of unchecked)
    await terminal.line(colors.yellow(printable(`not checked: ${url}: ${detail}`)));
  const earlier = kept.length - found.length;
  if (earlier > 0) await terminal.line(colors.dim(`${counted(earlier, 'earlier finding')}: see --json`));
  return found.length > 0 ? 1 : unchecked.length > 0 ? 3 : 0;
}

function line(
  { url, name, size, last_seen_at, retired }: RegisteredLedger,
  found: readonly LedgerFinding[],
  unchecked: readonly Unchecked[],
  colors: Invocation['terminal']['colors'],
): string {
  const status =
    retired !== null
      ? colors.dim(`retired ${retired.at}: ${retired.reason}`)
      : found.some((finding) => finding.url === url)
        ? colors.red('not as it was')
        : unchecked.some((one) => one.url === url)
          ? colors.yellow('not checked')
          : colors.green('there');
  return `${printable(name)}  ${printable(url)}  ${counted(size, 'record')} on ${last_seen_at}  ${status}`;
}

async function retireLedger(
  invocation: Invocation,
  registry: LedgerRegistry,
  name: string,
  reason: string,
): Promise<ExitCode> {
  if (reason.trim() === '' || reason.length > REASON_MAX)
    throw new IndelibleError('USAGE', `--reason takes 1 to ${REASON_MAX} characters`);
  const { terminal } = invocation;
  const known = registry.named(name);
  const recorded = await record(invocation, known, reason);
  const retired = registry.retire(known.url, reason);
  await terminal.result({ ledger: retired, recorded });
  await terminal.line(`Retired ${printable(retired.name)} in ${printable(retired.url)}`);
  return 0;
}

/** In the ledger itself, where there still is one: who looks there later must find it. */
async function record(invocation: Invocation, known: RegisteredLedger, reason: string): Promise<boolean> {
  const { terminal } = invocation;
  try {
    const ledger = await openLedger(known.open_url ?? known.url, {
      create: false,
      name: known.name,
      keys: environmentKeys(invocation),
      default_actor: localActor(),
      log: noticeLog(terminal),
    });
    try {
      await ledger.recordOwn({
        action: 'ledger.retired',
        resource: { type: 'ledger', id: ledger.name },
        data: { reason, size: known.size, head_hash: known.head_hash },
      });
    } finally {
      await ledger.close();
    }
    return true;
  } catch (error) {
    if (!(error instanceof IndelibleError)) throw error;
    terminal.notice(`retired in the registry, but not recorded in the ledger: ${error.message}`);
    return false;
  }
}
