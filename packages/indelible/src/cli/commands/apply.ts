/**
 * `indelible apply OPERATION`: executes an approved operation and verifies it, showing each step as it is recorded.
 */
import type { Command } from 'commander';
import type { ExitCode } from '../failure.ts';
import {
  type ActorOptions,
  actorOf,
  addActorOptions,
  addEngineOptions,
  type EngineCommandOptions,
  withEngine,
} from '../operation-engine.ts';
import { headline, historyLines } from '../operation-view.ts';
import type { Invocation, Shell } from '../shell.ts';

interface Options extends EngineCommandOptions, ActorOptions {
  readonly planHash?: string;
}

const ENDED_WELL = ['verified', 'closed'];

export function addApply(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(program, 'apply <operation>', 'execute an approved operation, and verify it', apply)
    .option('--plan-hash <hash>', 'refuse when the operation has another one');
  addActorOptions(addEngineOptions(command));
}

async function apply(invocation: Invocation<Options>, id: string): Promise<ExitCode> {
  const { options, terminal } = invocation;
  return withEngine<ExitCode>(invocation, async ({ engine }) => {
    const before = await engine.read(id);
    const hash = options.planHash === undefined ? {} : { plan_hash: options.planHash };
    const after = await engine.apply(id, { actor: actorOf(options), ...hash });
    await terminal.result(after);
    for (const line of historyLines(after).slice(before.history.length)) await terminal.line(line);
    await terminal.line(headline(after, terminal.colors));
    return ENDED_WELL.includes(after.state) ? 0 : 3;
  });
}
