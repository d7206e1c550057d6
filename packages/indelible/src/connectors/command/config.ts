/**
 * What is declared of a program: the commands that run, check and undo.
 *
 * Errors:  CONNECTOR_CONFIG.
 * Pure:    no I/O.
 */
import type { JsonObject } from '@indelible/core';
import { schemaCheck } from '../shared/checks.ts';
import { closedObject, DECLARED, declaredActions, TARGET_NAME, TIMES, VARIABLES } from '../shared/schemas.ts';

export const KIB = 1024;

/** Each argument is text in which `{name}` stands for a parameter. */
export interface DeclaredCommand {
  readonly summary: string;
  /** JSON Schema of the parameters. Those of `"type": "string", "writeOnly": true` are secrets. */
  readonly params: JsonObject;
  /** Names what is changed, such as `service/{name}`. */
  readonly target: string;
  readonly run: readonly string[];
  /** Says how the target is: its exit code and output are the state. It must change nothing. */
  readonly check: readonly string[];
  /** Gets on its standard input what the check said before the command ran. */
  readonly inverse?: readonly string[];
  /** Variables of the environment whose values are parameters, by the parameters' names: the way for secret ones. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface CommandConfig {
  /** The working directory. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Variables of the environment whose values are secrets, by the secrets' names. */
  readonly secret_env?: Readonly<Record<string, string>>;
  readonly commands: Readonly<Record<string, DeclaredCommand>>;
  /** Of the parameters, and of what one run of a command says. Default 64 KiB. */
  readonly max_bytes?: number;
  readonly timeout_ms?: number;
  readonly rollback_window_ms?: number;
}

const ARGV: JsonObject = {
  type: 'array',
  minItems: 1,
  maxItems: 100,
  items: { type: 'string', maxLength: 4096 },
};

export const checkCommandConfig = schemaCheck<CommandConfig>(
  closedObject(['folder', 'commands'], {
    folder: { type: 'string', minLength: 1 },
    env: VARIABLES,
    secret_env: VARIABLES,
    commands: declaredActions(
      closedObject(['summary', 'params', 'target', 'run', 'check'], {
        ...DECLARED,
        target: TARGET_NAME,
        run: ARGV,
        check: ARGV,
        inverse: ARGV,
        env: VARIABLES,
      }),
    ),
    max_bytes: { type: 'integer', minimum: 1, maximum: 1024 * KIB },
    ...TIMES,
  }),
  'CONNECTOR_CONFIG',
  'command',
);
