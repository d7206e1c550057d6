/**
 * `indelible operations list|show|cancel|close|resolve`: governed writes, and what only a person decides about them.
 */
import type { Command } from 'commander';
import { newestOperations } from '../../operations/open-operations.ts';
import type { Operation } from '../../operations/types.ts';
import type { ExitCode } from '../failure.ts';
import {
  type ActorOptions,
  actorOf,
  addActorOptions,
  addEngineOptions,
  type EngineCommandOptions,
  withEngine,
} from '../operation-engine.ts';
import { headline, historyLines, planLines } from '../operation-view.ts';
import { wholeNumber } from '../parse-options.ts';
import type { Invocation, Shell } from '../shell.ts';

interface ChangeOptions extends EngineCommandOptions, ActorOptions {
  readonly reason: string;
  readonly happened?: boolean;
}

interface ListOptions extends EngineCommandOptions {
  readonly limit: number;
}

export function addOperations(program: Command, shell: Shell): void {
  const operations = program.command('operations').description('governed writes, and their state');
  addEngineOptions(
    shell
      .command<ListOptions>(operations, 'list', 'the newest operations', list)
      .option('--limit <n>', 'how many', wholeNumber('--limit', 1, 1000), 20),
  );
  addEngineOptions(
    shell.command<EngineCommandOptions>(operations, 'show <operation>', 'one operation', show),
  );
  change(
    'cancel <operation>',
    'withdraw an operation before it is executed',
    (engine, id, { reason, ...options }) => engine.cancel(id, actorOf(options), reason),
  );
  change(
    'close <operation>',
    'give up the undo of a verified operation',
    (engine, id, { reason, ...options }) => engine.close(id, actorOf(options), reason),
  );
  change('resolve <operation>', 'say what happened to one that needs an operator', (engine, id, options) =>
    engine.decideOutcome(id, {
      actor: actorOf(options),
      happened: options.happened === true,
      reason: options.reason,
    }),
  ).option('--happened', 'it did; without this it did not');

  function change(
    usage: string,
    summary: string,
    work: (
      engine: Parameters<Parameters<typeof withEngine>[1]>[0]['engine'],
      id: string,
      options: ChangeOptions,
    ) => Promise<Operation>,
  ): Command {
    const command = shell.command<ChangeOptions>(
      operations,
      usage,
      summary,
      (invocation: Invocation<ChangeOptions>, id: string) =>
        withEngine<ExitCode>(invocation, async ({ engine }) => {
          const operation = await work(engine, id, invocation.options);
          await invocation.terminal.result(operation);
          await invocation.terminal.line(headline(operation, invocation.terminal.colors));
          return 0;
        }),
    );
    return addActorOptions(addEngineOptions(command.requiredOption('--reason <text>', 'recorded')));
  }
}

async function list(invocation: Invocation<ListOptions>): Promise<ExitCode> {
  const { options, terminal } = invocation;
  return withEngine<ExitCode>(invocation, async ({ engine }, ledger) => {
    const found: Operation[] = [];
    for (const id of await newestOperations(ledger, options.limit)) found.push(await engine.read(id));
    await terminal.result(found);
    for (const operation of found) await terminal.line(headline(operation, terminal.colors));
    return 0;
  });
}

async function show(invocation: Invocation<EngineCommandOptions>, id: string): Promise<ExitCode> {
  const { terminal } = invocation;
  return withEngine<ExitCode>(invocation, async ({ engine }) => {
    const operation = await engine.read(id);
    await terminal.result(operation);
    for (const line of planLines(operation, terminal.colors)) await terminal.line(line);
    await terminal.line();
    for (const line of historyLines(operation)) await terminal.line(line);
    return 0;
  });
}
