/**
 * `indelible connectors`: what each action of each configured connector promises.
 */
import type { Command } from 'commander';
import type { ExitCode } from '../failure.ts';
import { addEngineOptions, type EngineCommandOptions, openConfigured } from '../operation-engine.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';
import { duration } from '../units.ts';

export function addConnectors(program: Command, shell: Shell): void {
  addEngineOptions(
    shell.command<EngineCommandOptions>(
      program,
      'connectors',
      'what each action of each connector promises',
      connectors,
    ),
  );
}

async function connectors(invocation: Invocation<EngineCommandOptions>): Promise<ExitCode> {
  const { terminal } = invocation;
  const rows = await openConfigured(invocation);
  await terminal.result(rows);
  for (const one of rows) {
    await terminal.line(terminal.colors.bold(printable(`${one.connector} ${one.action}`)));
    await terminal.line(printable(`  ${one.summary}`));
    const window = one.rollback_window_ms === null ? '' : ` within ${duration(one.rollback_window_ms)}`;
    const undo = one.can_rollback ? `${one.rollback_method}${window}` : 'none';
    await terminal.line(`  guarantee ${one.guarantee}, dry run ${one.dry_run}, undo ${undo}`);
    for (const { meaning } of one.limitations) await terminal.line(printable(`  - ${meaning}`));
  }
  return 0;
}
