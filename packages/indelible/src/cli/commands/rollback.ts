/**
 * `indelible rollback OPERATION`: asks for the undo of an operation, which is an operation of its own; with --dry-run
 * only shows it.
 */
import { isIndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import type { Touch } from '../../operations/targets.ts';
import type { ExitCode } from '../failure.ts';
import {
  type ActorOptions,
  actorOf,
  addActorOptions,
  addEngineOptions,
  type EngineCommandOptions,
  withEngine,
} from '../operation-engine.ts';
import { planLines } from '../operation-view.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';

interface Options extends EngineCommandOptions, ActorOptions {
  readonly reason?: string;
  readonly override?: boolean;
  readonly dryRun?: boolean;
}

export function addRollback(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(
      program,
      'rollback <operation>',
      'undo an operation, as an operation of its own',
      rollback,
    )
    .option('--reason <text>', 'why, for approvers and auditors')
    .option('--override', 'over what others changed since; needs the approval of a person')
    .option('--dry-run', 'show what it would do, and record nothing');
  addActorOptions(addEngineOptions(command));
}

async function rollback(invocation: Invocation<Options>, id: string): Promise<ExitCode> {
  const { options, terminal } = invocation;
  const requester = actorOf(options);
  const override = options.override === true;
  return withEngine<ExitCode>(invocation, async ({ engine }) => {
    try {
      if (options.dryRun === true) {
        const report = await engine.dryRunRollback(id, { actor: requester, override });
        await terminal.result(report);
        for (const step of report.plans.flatMap(({ steps }) => steps)) await terminal.line(printable(step));
        return report.dry_run.failure === undefined ? 0 : 3;
      }
      const child = await engine.rollback(id, { requester, reason: options.reason ?? '', override });
      await terminal.result(child);
      for (const line of planLines(child, terminal.colors)) await terminal.line(line);
      return child.state === 'denied' || child.state === 'rejected' ? 3 : 0;
    } catch (error) {
      if (isIndelibleError(error, 'ROLLBACK_REFUSED'))
        for (const touch of (error.details.touched ?? []) as readonly Touch[])
          terminal.notice(printable(`${touch.at} ${touch.actor} ${touch.action} ${touch.target}`));
      throw error;
    }
  });
}
