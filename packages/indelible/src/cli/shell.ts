/**
 * What every command has in common: `--ledger`, `--json`, an exit code, and Ctrl-C that lets work in hand finish.
 */
import { type Command, Option } from 'commander';
import { type ExitCode, reportFailure } from './failure.ts';
import { openTerminal, type Terminal } from './terminal.ts';

export interface CommonOptions {
  readonly ledger?: string;
  readonly json?: boolean;
}

/** One call of a command. */
export interface Invocation<Options = object> {
  readonly options: Options & CommonOptions;
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  /** Aborts on Ctrl-C; a second one ends the process at once. */
  readonly signal: AbortSignal;
}

export type Handler<Options> = (invocation: Invocation<Options>, ...args: never[]) => Promise<ExitCode>;

export class Shell {
  exit_code: ExitCode = 0;
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  /** Adds a command. Its arguments come behind the invocation, as commander parses them. */
  command<Options>(parent: Command, usage: string, summary: string, handler: Handler<Options>): Command {
    const command = parent.command(usage).description(summary);
    return addCommonOptions(command).action((...parsed: unknown[]) =>
      // Behind the arguments, commander passes the options and the command.
      this.#run(command, handler as unknown as Handler<object>, parsed.slice(0, -2)),
    );
  }

  async #run(command: Command, handler: Handler<object>, args: unknown[]): Promise<void> {
    const options = command.optsWithGlobals<CommonOptions>();
    const json = options.json === true;
    const terminal = openTerminal(json, this.#env);
    const stop = new AbortController();
    const onSignal = (): void => {
      if (stop.signal.aborted) process.exit(130);
      stop.abort();
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    try {
      const invocation = { options, terminal, env: this.#env, signal: stop.signal };
      this.exit_code = await handler(invocation, ...(args as never[]));
    } catch (error) {
      this.exit_code = reportFailure(error, json, this.#env);
    } finally {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    }
  }
}

/** The options of every command; also accepted before the command's name. */
export function addCommonOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--ledger <url>',
        'sqlite:FILE, file:DIR, postgres://…, s3://…, nats://… or memory: (default: $INDELIBLE_LEDGER, then sqlite:./indelible-data/ledger.db)',
      ),
    )
    .addOption(new Option('--json', 'machine-readable output: one JSON document, or JSON Lines for streams'));
}
