/**
 * `indelible apply OPERATION`: executes an approved operation and verifies it. On a terminal it shows each step as soon
 * as it is recorded; elsewhere only how it ended, unless asked for more.
 */
import type { Command } from 'commander';
import type { HistoryEntry, Operation } from '../../operations/types.ts';
import type { ExitCode } from '../failure.ts';
import {
  type ActorOptions,
  actorOf,
  addActorOptions,
  addEngineOptions,
  type EngineCommandOptions,
  withEngine,
} from '../operation-engine.ts';
import { headline, historyLine } from '../operation-view.ts';
import type { Invocation, Shell } from '../shell.ts';

interface Options extends EngineCommandOptions, ActorOptions {
  readonly planHash?: string;
  readonly progress?: boolean;
}

const ENDED_WELL = ['verified', 'closed'];

export function addApply(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(program, 'apply <operation>', 'execute an approved operation, and verify it', apply)
    .option('--plan-hash <hash>', 'refuse when the operation has another one')
    .option(
      '--progress',
      'each step as it is recorded, also where nobody watches; with --json a line for each',
    );
  addActorOptions(addEngineOptions(command));
}

async function apply(invocation: Invocation<Options>, id: string): Promise<ExitCode> {
  const { options, terminal } = invocation;
  const steps = stepsTo(invocation);
  return withEngine<ExitCode>(
    invocation,
    async ({ engine }) => {
      const hash = options.planHash === undefined ? {} : { plan_hash: options.planHash };
      const after = await engine.apply(id, { actor: actorOf(options), ...hash });
      await steps.written();
      await terminal.result(after);
      await terminal.line(headline(after, terminal.colors));
      return ENDED_WELL.includes(after.state) ? 0 : 3;
    },
    steps.show,
  );
}

/** Shows steps in their order, of compensations too; nothing where they were not asked for. */
function stepsTo({ options, terminal }: Invocation<Options>) {
  let writing = Promise.resolve();
  const shown = options.progress ?? terminal.live;
  const show = ({ operation_id }: Operation, entries: readonly HistoryEntry[]): void => {
    if (!shown) return;
    for (const entry of entries) {
      const line = historyLine(entry);
      writing = writing
        .then(() => terminal.result({ step: { operation_id, ...entry } }))
        .then(() => terminal.line(line));
    }
  };
  return { show, written: () => writing };
}
