/**
 * What every command has in common: `--ledger`, `--json`, an exit code, and Ctrl-C that lets work in hand finish.
 */
import { IndelibleError } from '@indelible/core';
import { type Command, Option } from 'commander';
import { type ExitCode, reportFailure } from './failure.ts';
import { openTerminal, type Terminal } from './terminal.ts';

export interface CommonOptions {
  readonly ledger?: string;
  readonly json?: boolean;
}

/** They end by themselves: `serve` within a time of its own, the others once an outside system has answered. */
const UNBOUNDED: ReadonlySet<string> = new Set(['serve', 'apply', 'rollback', 'recover']);

/** How a command leaves that a signal has not ended in time. */
export interface Leaving {
  readonly ms_max: number;
  readonly exit: (code: ExitCode) => void;
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
  readonly #leaving: Leaving | null;

  /** Without `leaving` a signal is all that a command is told: for processes that are more than this command. */
  constructor(env: NodeJS.ProcessEnv, leaving: Leaving | null = null) {
    this.#env = env;
    this.#leaving = leaving;
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
    let ended = false;
    let leaving: NodeJS.Timeout | undefined;
    const leave = ({ ms_max, exit }: Leaving): void => {
      if (!ended) this.exit_code = reportFailure(hangs(ms_max), json, this.#env);
      exit(this.exit_code);
    };
    const onSignal = (): void => {
      if (stop.signal.aborted) process.exit(130);
      stop.abort();
      if (this.#leaving !== null && !UNBOUNDED.has(command.name()))
        leaving = setTimeout(leave, this.#leaving.ms_max, this.#leaving);
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    try {
      const invocation = { options, terminal, env: this.#env, signal: stop.signal };
      this.exit_code = await handler(invocation, ...(args as never[]));
    } catch (error) {
      this.exit_code = reportFailure(error, json, this.#env);
    } finally {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      ended = true;
      // What is left of a connection that hangs must not keep the process either; without any it leaves at once.
      leaving?.unref();
    }
  }
}

function hangs(ms: number): IndelibleError {
  return new IndelibleError(
    'STORE_UNAVAILABLE',
    `interrupted, and not ended ${ms / 1000} s later, as where a store does not answer; what was acknowledged is in it`,
  );
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
