/**
 * `indelible monitor URL`: follows somebody's log from outside, and says so when it contradicts what it signed.
 *
 * The monitor is loaded only here, so that every other command starts without it.
 */
import { IndelibleError } from '@indelible/core';
import { type Command, Option } from 'commander';
import type { MonitorFinding, MonitorReport } from '../../monitor/findings.ts';
import type { Monitor, MonitorOptions } from '../../monitor/monitor.ts';
import type { ExitCode } from '../failure.ts';
import { readPolicy, readVerifierKeys } from '../input-file.ts';
import { durationMs } from '../parse-options.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { count, counted } from '../units.ts';

interface Options {
  readonly key: readonly string[];
  readonly origin?: string;
  readonly policy?: string;
  readonly state: string;
  readonly entries?: boolean;
  readonly others?: readonly string[];
  readonly webhook?: string;
  readonly once?: boolean;
  readonly every: number;
  readonly silence: number;
  readonly stalled?: number;
}

export function addMonitor(program: Command, shell: Shell): void {
  shell
    .command<Options>(
      program,
      'monitor <url>',
      'follow a log from outside; https://…, or file:FOLDER',
      monitor,
    )
    .requiredOption('--key <vkey...>', 'verifier keys of the log, or files of them')
    .option('--origin <origin>', 'the name of the log, where that is not the name of its key')
    .option('--policy <file>', 'which witnesses must have cosigned (c2sp.org/tlog-policy)')
    .option('--state <file>', 'where the newest trusted state is kept', 'indelible-monitor.json')
    .option('--entries', 'check the records too, not the tree alone')
    .option('--others <url...>', 'checkpoints of this log that others hold, to compare with')
    .option('--webhook <url>', 'where findings are sent; signed when INDELIBLE_WEBHOOK_SECRET is set')
    .option('--once', 'look once; the exit code tells what was found')
    .addOption(
      new Option('--every <duration>', 'how often to look')
        .argParser(durationMs('--every'))
        .default(60_000, '60s'),
    )
    .addOption(
      new Option('--silence <duration>', 'how long nothing may be heard')
        .argParser(durationMs('--silence'))
        .default(3_600_000, '1h'),
    )
    .option(
      '--stalled <duration>',
      'how long the log may stay as it is (default: for ever)',
      durationMs('--stalled'),
    );
}

async function monitor(invocation: Invocation<Options>, url: string): Promise<ExitCode> {
  const { options, terminal, signal } = invocation;
  const watching = await openMonitor(invocation, url);
  if (options.once === true) {
    const report = await watching.once(signal);
    signal.throwIfAborted();
    await terminal.result(report);
    await show(terminal, report);
    await terminal.line();
    await terminal.line('This does not prove:');
    for (const limit of report.does_not_prove) await terminal.line(`  - ${limit}`);
    return report.exit_code;
  }
  let last = '';
  await watching.follow(signal, (report) => {
    void terminal.result(report);
    const told = summary(report);
    // A line for each look would bury the one that matters.
    if (told !== last) void show(terminal, report);
    last = told;
  });
  return 0;
}

async function openMonitor({ options, env }: Invocation<Options>, prefix: string): Promise<Monitor> {
  const { origin, state, entries = false, others, webhook, every, silence, stalled } = options;
  const keys = await readVerifierKeys(options.key);
  if (keys.length === 0) throw new IndelibleError('USAGE', '--key names no verifier key');
  const policy = await readPolicy(options.policy);
  const secret = env.INDELIBLE_WEBHOOK_SECRET ?? '';
  const token = env.INDELIBLE_LOG_TOKEN ?? '';
  const { Monitor: Watching } = await import('../../monitor/monitor.ts');
  const alert =
    webhook === undefined
      ? null
      : (await import('../webhook-alert.ts')).webhookAlert(webhook, secret === '' ? null : secret);
  const settings: MonitorOptions = {
    prefix,
    keys,
    state_file: state,
    entries,
    interval_ms: every,
    silence_ms: silence,
    ...(origin === undefined ? {} : { origin }),
    ...(policy === null ? {} : { policy }),
    ...(others === undefined ? {} : { others }),
    ...(alert === null ? {} : { alert }),
    ...(stalled === undefined ? {} : { stalled_ms: stalled }),
    ...(token === '' ? {} : { token }),
  };
  return new Watching(settings);
}

function summary({ verdict, trusted, findings, faults }: MonitorReport): string {
  return JSON.stringify([verdict, trusted, findings.map(({ kind, detail }) => [kind, detail]), faults]);
}

async function show(terminal: Terminal, report: MonitorReport): Promise<void> {
  const { colors } = terminal;
  const { verdict, origin, trusted, grown_by, findings, faults, looked_at, entries_checked } = report;
  const head =
    trusted === null ? 'nothing trusted yet' : `${count(trusted.size)} records, root ${trusted.root}`;
  await terminal.line(`${colors.dim(looked_at)}  ${printable(origin)}  ${head}`);
  if (grown_by > 0) await terminal.line(`  grown by ${counted(grown_by, 'record')}`);
  if (entries_checked > 0) await terminal.line(`  ${counted(entries_checked, 'record')} checked themselves`);
  for (const finding of findings) await terminal.line(`  ${colors.red(findingText(finding))}`);
  for (const fault of faults) await terminal.line(`  ${colors.yellow(printable(fault))}`);
  const words = { consistent: 'consistent', damaged: 'CONTRADICTION', not_checked: 'not checked' }[verdict];
  await terminal.line(`  verdict ${words}`);
}

function findingText({ kind, detail, evidence }: MonitorFinding): string {
  return printable(`${kind}: ${detail}${evidence === null ? '' : ` (evidence: ${evidence})`}`);
}
