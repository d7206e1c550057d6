/**
 * Declared commands: programs with arguments, run without a shell, each with one that checks and perhaps one that undoes.
 *
 * Nothing is known of what a program does, so nothing is promised: a command is never repeated by itself, and after a
 * crash nobody can say whether it took effect. What the check says before and after is the evidence.
 *
 * Errors:  as the contract says; CONNECTOR_CONFIG for the configuration. A command that fails or is not waited for
 *          raises CONNECTOR_UNAVAILABLE: it may have done part of its work.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { IndelibleError, type JsonObject } from '@indelible/core';
import type {
  Capabilities,
  Connector,
  ConnectorContext,
  ConnectorPlan,
  EffectContext,
  Execution,
  Probe,
  TargetState,
} from '../contract.ts';
import {
  assertInTime,
  assertLimits,
  assertPlanOf,
  assertSnapshotOf,
  assertUndoable,
  assertVersions,
  checkConnectorId,
  paramsCheck,
} from '../shared/checks.ts';
import { jsonDiff } from '../shared/diff.ts';
import { type ProgramResult, runProgram } from '../shared/program.ts';
import { assertDeclaredSecrets, resolveSecrets, withoutSecrets } from '../shared/secrets.ts';
import { connectorVersion, stateOf, verificationOf } from '../shared/state.ts';
import { type CommandConfig, checkCommandConfig, type DeclaredCommand, KIB } from './config.ts';

const CODE_VERSION = 1;
/** The action of plans that only `planRollback` makes. */
const UNDO = 'undo';

const LIMITATIONS = {
  not_foretold: 'What the command will do is not known beforehand.',
  not_probed: 'After a crash nobody can say whether the command took effect.',
  inverse_trusted: 'The undo restores what its command restores; the check afterwards tells whether it did.',
  partly_done: 'A command that fails may have done part of its work.',
} as const;

export async function openCommandConnector(id: string, given: unknown): Promise<Connector> {
  checkConnectorId(id);
  const config = checkCommandConfig(given);
  const folder = resolve(config.folder);
  if (!existsSync(folder)) throw new IndelibleError('CONNECTOR_CONFIG', `the folder of ${id} does not exist`);
  return new CommandConnector(id, { ...config, folder });
}

class CommandConnector implements Connector {
  readonly id: string;
  readonly kind = 'command';
  readonly version: string;
  readonly actions: Connector['actions'];
  readonly limitations = LIMITATIONS;
  readonly #config: CommandConfig;
  readonly #check: ReturnType<typeof paramsCheck>;

  constructor(id: string, config: CommandConfig) {
    this.id = id;
    this.version = connectorVersion(CODE_VERSION, config);
    this.#config = config;
    this.actions = Object.fromEntries(
      Object.entries(config.commands).map(([name, command]) => [
        name,
        { summary: command.summary, params: command.params, capabilities: this.#capabilities(command) },
      ]),
    );
    this.#check = paramsCheck(this.actions);
  }

  #capabilities({ inverse }: DeclaredCommand, undo = false): Capabilities {
    const { max_bytes = 64 * KIB, timeout_ms = 60_000, rollback_window_ms = null } = this.#config;
    const can_rollback = inverse !== undefined && !undo;
    return {
      guarantee: 'none',
      // An undo is foretold: what was there before.
      dry_run: undo ? 'computed' : 'none',
      probe: false,
      rollback: {
        can_rollback,
        method: can_rollback ? 'inverse' : 'none',
        window_ms: rollback_window_ms,
        limitations: Object.keys(LIMITATIONS),
      },
      limits: { max_targets: 1, max_bytes, timeout_ms },
    };
  }

  capabilities(action: string, params: JsonObject): Capabilities {
    this.#check(action, params);
    return this.actions[action]!.capabilities;
  }

  async plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    return this.#plan(action, this.#check(action, params), ctx);
  }

  async #plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    const { command, argv, inner, restored } = this.#commandOf(action, params);
    assertDeclaredSecrets(command.params, inner);
    const capabilities = this.#capabilities(command, action === UNDO);
    assertLimits(capabilities.limits, { targets: 1, bytes: Buffer.byteLength(JSON.stringify(inner)) });
    const run = fill(argv, inner);
    const before = await this.#look(command, inner, ctx);
    const target = {
      resource: { type: 'command', id: `${this.id}:${fill([command.target], inner)[0]}` },
      version: before.digest,
      before,
      after: restored,
      diff:
        restored === null
          ? ({ format: 'none', reason: 'what the command will do is not known beforehand' } as const)
          : jsonDiff(before.facts, restored.facts),
    };
    return {
      connector: this.id,
      connector_version: this.version,
      action,
      params,
      targets: [target],
      steps: [`run ${JSON.stringify(run)}`],
      rollback_steps: capabilities.rollback.can_rollback
        ? [`run ${JSON.stringify(fill(command.inverse!, inner))}`]
        : [],
      capabilities,
    };
  }

  /** What an action runs; for an undo, the inverse of another action, and what that is to restore. */
  #commandOf(action: string, params: JsonObject) {
    const {
      command: name,
      params: given,
      before,
    } = params as { command: string; params: JsonObject; before: JsonObject };
    const command = this.#config.commands[action === UNDO ? name : action];
    if (command === undefined)
      throw new IndelibleError('CONNECTOR_PARAMS', `there is no action "${action}" here`);
    return action === UNDO
      ? { command, argv: command.inverse ?? [], inner: given, restored: stateOf(before) }
      : { command, argv: command.run, inner: params, restored: null };
  }

  async #look(command: DeclaredCommand, params: JsonObject, ctx: ConnectorContext): Promise<TargetState> {
    const { exit_code, stdout } = await this.#run(command, command.check, params, ctx);
    if (exit_code === null)
      throw new IndelibleError('CONNECTOR_UNAVAILABLE', 'the check was ended by a signal');
    return stateOf({ exit_code, stdout: Buffer.from(stdout).toString() });
  }

  async #run(
    command: DeclaredCommand,
    argv: readonly string[],
    params: JsonObject,
    ctx: ConnectorContext,
    input = '',
  ): Promise<ProgramResult> {
    const { folder, env = {}, secret_env = {}, max_bytes = 64 * KIB } = this.#config;
    const used = new Set<string>();
    const variables: Record<string, string> = {};
    for (const [name, secret] of Object.entries(secret_env))
      variables[name] = String(await resolveSecrets({ $secret: secret }, ctx, used));
    for (const [name, param] of Object.entries(command.env ?? {}))
      if (Object.hasOwn(params, param))
        variables[name] = String(await resolveSecrets(params[param]!, ctx, used));
    if (Object.values(variables).some((value) => value.includes('\0')))
      throw new IndelibleError('CONNECTOR_PARAMS', 'no variable of the environment can hold a zero byte');
    const result = await runProgram(fill(argv, params), {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', ...env, ...variables },
      input,
      output_bytes_max: max_bytes,
      signal: ctx.signal,
    });
    const shown = (bytes: Uint8Array) => Buffer.from(withoutSecrets(Buffer.from(bytes).toString(), used));
    return { ...result, stdout: shown(result.stdout), stderr: shown(result.stderr) };
  }

  async #now(plan: ConnectorPlan, ctx: ConnectorContext): Promise<TargetState> {
    const { command, inner } = this.#commandOf(plan.action, plan.params);
    return this.#look(command, inner, ctx);
  }

  async snapshot(plan: ConnectorPlan, ctx: ConnectorContext) {
    assertPlanOf(this, plan);
    assertVersions(plan.targets, [(await this.#now(plan, ctx)).digest]);
    return { targets: plan.targets.map(({ resource, before }) => ({ resource, before })) };
  }

  async execute(
    plan: ConnectorPlan,
    snapshot: Parameters<Connector['execute']>[1],
    ctx: EffectContext,
    { commit }: { readonly commit: boolean },
  ): Promise<Execution> {
    assertPlanOf(this, plan);
    assertSnapshotOf(plan, snapshot);
    assertInTime(ctx.signal);
    assertVersions(plan.targets, [(await this.#now(plan, ctx)).digest]);
    await ctx.reached('checked');
    const [{ resource, before, after, version }] = plan.targets as [ConnectorPlan['targets'][number]];
    const outcome = {
      committed: commit,
      outcome: commit ? 'applied' : 'not_applied',
      repeated: false,
    } as const;
    if (!commit)
      return { ...outcome, targets: [{ resource, before, after, version: after && version }], evidence: {} };
    const { command, argv, inner, restored } = this.#commandOf(plan.action, plan.params);
    const input = (restored?.facts.stdout as string | undefined) ?? '';
    const { exit_code, stdout, stderr } = await this.#run(command, argv, inner, ctx, input);
    await ctx.reached('run');
    if (exit_code !== 0) {
      throw new IndelibleError('CONNECTOR_UNAVAILABLE', `the command ended with ${exit_code ?? 'a signal'}`, {
        details: { exit_code },
      });
    }
    const left = await this.#now(plan, ctx);
    return {
      ...outcome,
      targets: [{ resource, before, after: left, version: left.digest }],
      evidence: { exit_code, stdout: Buffer.from(stdout).toString(), stderr: Buffer.from(stderr).toString() },
    };
  }

  async probe(plan: ConnectorPlan): Promise<Probe> {
    assertPlanOf(this, plan);
    return { outcome: 'unknown', execution: null, evidence: { reason: 'a command leaves no marker' } };
  }

  async verify(plan: ConnectorPlan, execution: Execution, ctx: ConnectorContext) {
    return verificationOf(execution, [await this.#now(plan, ctx)]);
  }

  async planRollback(
    plan: ConnectorPlan,
    execution: Execution,
    snapshot: Parameters<Connector['planRollback']>[2],
    ctx: ConnectorContext,
    { override = false } = {},
  ): Promise<ConnectorPlan> {
    assertPlanOf(this, plan);
    assertSnapshotOf(plan, snapshot);
    assertUndoable(plan.capabilities, execution, [await this.#now(plan, ctx)], override);
    const before = snapshot.targets[0]!.before!.facts;
    return this.#plan(UNDO, { command: plan.action, params: plan.params, before }, ctx);
  }

  async close(): Promise<void> {}
}

/** Raises CONNECTOR_PARAMS for a value that the program could take for an option, or that no argument can hold. */
function fill(argv: readonly string[], params: JsonObject): string[] {
  return argv.map((argument) => {
    const filled = argument.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const value = params[name];
      if (typeof value !== 'string' && typeof value !== 'number') {
        throw new IndelibleError(
          'CONNECTOR_PARAMS',
          `${name} stands in an argument: it must be a text or a number`,
        );
      }
      return String(value);
    });
    if (filled.includes('\0') || (filled.startsWith('-') && !argument.startsWith('-'))) {
      throw new IndelibleError('CONNECTOR_PARAMS', 'a parameter must not begin with - or hold a zero byte');
    }
    return filled;
  });
}
