/**
 * `indelible recover`: goes on where a process stopped: probes what became of effects, verifies, compensates, and does
 * what deadlines and undo windows ask for.
 */
import type { Command } from 'commander';
import type { ExitCode } from '../failure.ts';
import { addEngineOptions, type EngineCommandOptions, withEngine } from '../operation-engine.ts';
import { headline } from '../operation-view.ts';
import type { Invocation, Shell } from '../shell.ts';

interface Options extends EngineCommandOptions {
  readonly all?: boolean;
}

export function addRecover(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(
      program,
      'recover',
      'go on with operations that a process left, and do what is due',
      recover,
    )
    .option('--all', 'look at every operation, and for them in the whole log');
  addEngineOptions(command);
}

async function recover(invocation: Invocation<Options>): Promise<ExitCode> {
  const { terminal, options } = invocation;
  return withEngine<ExitCode>(invocation, async ({ engine }) => {
    const changed = await engine.recover({ all: options.all === true });
    await terminal.result(changed);
    for (const operation of changed) await terminal.line(headline(operation, terminal.colors));
    if (changed.length === 0) await terminal.line('nothing was due');
    return changed.some(({ state }) => state === 'needs_operator') ? 3 : 0;
  });
}
