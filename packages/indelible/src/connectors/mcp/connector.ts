/**
 * Tools of any MCP server, by declared operations: a tool that reads the target, one that writes it, one that undoes.
 *
 * What is promised depends on what is declared to be passed to the tool: the version that was read (at most one
 * effect), the effect key (at most one, if the server honours it), or neither. A plan holds the digests of the
 * definitions of its tools: a server that changes a tool makes the plan stale.
 *
 * Errors:  as the contract says; CONNECTOR_CONFIG for the configuration, DRIVER_MISSING.
 */
import { canonicalize, IndelibleError, type Json, type JsonObject } from '@indelible/core';
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
  checkConnectorId,
  paramsCheck,
} from '../shared/checks.ts';
import { declaredCapabilities, declaredDiff } from '../shared/declared.ts';
import {
  assertUnchanged,
  dryExecutionOf,
  executionOf,
  type FoundState,
  judgeByState,
  probeByState,
} from '../shared/one-target.ts';
import { assertDeclaredSecrets, resolveSecrets } from '../shared/secrets.ts';
import { connectorVersion, digestOf, stateOf, verificationOf } from '../shared/state.ts';
import { fillBody, fillPath, mentions, mergePatch, valueAt } from '../shared/template.ts';
import { type DeclaredCall, type DeclaredMcpOperation, type McpPlace, readMcpConfig } from './config.ts';
import { McpSession } from './session.ts';

const CODE_VERSION = 1;
/** The action of plans that only `planRollback` makes. */
const UNDO = 'undo';

const LIMITATIONS = {
  server_honours: 'What is promised holds if the server’s tools do what was declared of them.',
  other_effects: 'What a tool does besides (mail, payments, other tools) is not put back.',
  judged_by_state:
    'After a lost answer, the target tells whether the tool took effect: if somebody else made the very same change, it is taken for this one.',
  not_foretold: 'What the target will be is not known beforehand.',
  blind_write: 'No version is passed to the tool: a change at the same moment is written over.',
  secrets: 'Secret parameters are neither read back nor put back.',
} as const;

interface Found extends FoundState {
  readonly value: Json;
  /** As the tool gave it, to be passed on as it is. */
  readonly given_version: Json | undefined;
}

export async function openMcpConnector(id: string, given: unknown): Promise<Connector> {
  checkConnectorId(id);
  return new McpConnector(id, readMcpConfig(given));
}

class McpConnector implements Connector {
  readonly id: string;
  readonly kind = 'mcp';
  readonly version: string;
  readonly actions: Connector['actions'];
  readonly limitations = LIMITATIONS;
  readonly #place: McpPlace;
  readonly #session: McpSession;
  readonly #check: ReturnType<typeof paramsCheck>;

  constructor(id: string, place: McpPlace) {
    this.id = id;
    this.version = connectorVersion(CODE_VERSION, place.config);
    this.#place = place;
    this.#session = new McpSession(place);
    this.actions = Object.fromEntries(
      Object.entries(place.config.operations).map(([name, operation]) => {
        const capabilities = this.#capabilities(operation, operation.write);
        return [name, { summary: operation.summary, params: operation.params, capabilities }];
      }),
    );
    this.#check = paramsCheck(this.actions);
  }

  #capabilities(operation: DeclaredMcpOperation, call: DeclaredCall, undo = false): Capabilities {
    const { params, predict, inverse, inverse_created } = operation;
    return declaredCapabilities(
      {
        params,
        can_rollback: !undo && (inverse ?? inverse_created) !== undefined,
        foretold: undo || predict !== undefined,
        compares: mentions(call.arguments, '$version'),
        keyed: mentions(call.arguments, '$effect'),
      },
      this.#place,
    );
  }

  capabilities(action: string, params: JsonObject): Capabilities {
    this.#check(action, params);
    return this.actions[action]!.capabilities;
  }

  async plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    return this.#plan(action, this.#check(action, params), ctx);
  }

  async #plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    assertInTime(ctx.signal);
    const { operation, inner, call, restored } = this.#callOf(action, params);
    assertDeclaredSecrets(operation.params, inner);
    const capabilities = this.#capabilities(operation, call, action === UNDO);
    const bytes = (value: Json | undefined) => canonicalize(value ?? null).length;
    assertLimits(capabilities.limits, { targets: 1, bytes: bytes(inner) });
    const steps = await this.#steps(action, params, ctx);
    const found = await this.#read(operation, inner, ctx);
    const after = restored === undefined ? this.#foretell(operation, inner, found) : restored;
    const { can_rollback } = capabilities.rollback;
    const inverse = found === null ? operation.inverse_created : operation.inverse;
    if (can_rollback && inverse === undefined) {
      const what = found === null ? 'making it (inverse_created)' : 'changing it (inverse)';
      throw new IndelibleError('TARGET_REFUSED', `no tool is declared that undoes ${what}`);
    }
    if (found === null && after === null)
      throw new IndelibleError('TARGET_NOT_FOUND', 'there is nothing there');
    assertLimits(capabilities.limits, {
      targets: 1,
      bytes: bytes(found?.value) + bytes(after?.facts),
    });
    const before = found?.state ?? null;
    return {
      connector: this.id,
      connector_version: this.version,
      action,
      params,
      targets: [
        {
          resource: { type: 'mcp', id: `${this.id}:${fillPath(operation.target, inner)}` },
          version: found?.version ?? null,
          before,
          after: after ?? null,
          diff: declaredDiff('value', before, after),
        },
      ],
      steps,
      rollback_steps: can_rollback ? [`call ${inverse!.tool}`] : [],
      capabilities,
    };
  }

  /** What an action calls; for an undo the inverse of another action, and what that is to restore. */
  #callOf(action: string, params: JsonObject) {
    const undo = action === UNDO ? params : null;
    const name = (undo?.operation as string | undefined) ?? action;
    const operation = this.#place.config.operations[name];
    if (operation === undefined)
      throw new IndelibleError('CONNECTOR_PARAMS', `there is no action "${name}" here`);
    if (undo === null) return { operation, inner: params, call: operation.write, restored: undefined };
    const before = undo.before as JsonObject | null;
    const call = before === null ? operation.inverse_created : operation.inverse;
    if (call === undefined)
      throw new IndelibleError('ROLLBACK_IMPOSSIBLE', 'no inverse is declared for this');
    const restored = before === null ? null : stateOf(before);
    return { operation, inner: undo.params as JsonObject, call, restored };
  }

  /** The call, and as which the server defines the tools it involves: in the plan, so that both are approved. */
  async #steps(action: string, params: JsonObject, ctx: ConnectorContext): Promise<string[]> {
    const { operation, call } = this.#callOf(action, params);
    const { read, inverse, inverse_created } = operation;
    const involved = [call, read, inverse, inverse_created].flatMap((one) => (one ? [one.tool] : []));
    const definitions = await this.#session.definitions([...new Set(involved)], ctx);
    return [
      `call ${call.tool}`,
      ...[...definitions].sort().map(([tool, digest]) => `by the definition of ${tool}: sha256 ${digest}`),
    ];
  }

  async #read(
    operation: DeclaredMcpOperation,
    params: JsonObject,
    ctx: ConnectorContext,
  ): Promise<Found | null> {
    const { tool, at = '', version_at, arguments: template = {} } = operation.read;
    const args = fillBody(template, params, {}) as JsonObject;
    const { value: result, is_error } = await this.#session.call(tool, args, ctx);
    if (is_error) throw new IndelibleError('CONNECTOR_UNAVAILABLE', `${tool} cannot read the target`);
    const value = valueAt(result, at);
    if (value === undefined || value === null) return null;
    const given_version = version_at === undefined ? undefined : valueAt(result, version_at);
    if (version_at !== undefined && typeof given_version !== 'string' && typeof given_version !== 'number')
      throw new IndelibleError('TARGET_REFUSED', `${tool} gives no version at ${version_at}`);
    const state = this.#stateOf(value);
    return { value, state, version: String(given_version ?? state.digest), given_version };
  }

  #now(plan: ConnectorPlan, ctx: ConnectorContext): Promise<Found | null> {
    const { operation, inner } = this.#callOf(plan.action, plan.params);
    return this.#read(operation, inner, ctx);
  }

  /** Without what changes by itself. */
  #stateOf(value: Json): TargetState {
    const { ignore = [] } = this.#place.config;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return stateOf({ value });
    const kept = Object.entries(value).filter(([name]) => !ignore.includes(name));
    return stateOf({ value: Object.fromEntries(kept) });
  }

  /** undefined: not foretold. */
  #foretell(
    { predict }: DeclaredMcpOperation,
    params: JsonObject,
    found: Found | null,
  ): TargetState | null | undefined {
    if (predict === undefined) return undefined;
    if (predict === 'absent') return null;
    const facts = { before: found?.value };
    if ('value' in predict) return this.#stateOf(fillBody(predict.value, params, facts) ?? null);
    return this.#stateOf(mergePatch(found?.value, fillBody(predict.merge, params, facts) ?? {}));
  }

  async snapshot(plan: ConnectorPlan, ctx: ConnectorContext) {
    assertPlanOf(this, plan);
    const found = await this.#now(plan, ctx);
    assertUnchanged(plan, found);
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
    const found = await this.#now(plan, ctx);
    if (commit && plan.capabilities.guarantee !== 'none' && judgeByState(plan, found) === 'applied')
      return executionOf(plan, found, { judged_by: 'state' }, true);
    assertUnchanged(plan, found);
    const steps = await this.#steps(plan.action, plan.params, ctx);
    if (canonicalize(steps) !== canonicalize(plan.steps))
      throw new IndelibleError('TARGET_CHANGED', 'the server defines a tool of this plan otherwise by now');
    await ctx.reached('checked');
    if (!commit) return dryExecutionOf(plan);
    const { inner, call, restored } = this.#callOf(plan.action, plan.params);
    const args = fillBody(call.arguments ?? {}, inner, {
      before: restored === undefined ? found?.value : restored?.facts.value,
      version: found?.given_version ?? null,
      effect: ctx.effect_key,
    });
    const answer = await this.#session.call(call.tool, (await resolveSecrets(args!, ctx)) as JsonObject, ctx);
    // A tool that fails may have done it, or part of it.
    if (answer.is_error)
      throw new IndelibleError('CONNECTOR_UNAVAILABLE', `${call.tool} says that it failed`);
    await ctx.reached('called');
    const { repeated_at } = call as DeclaredMcpOperation['write'];
    const repeated = repeated_at !== undefined && valueAt(answer.value, repeated_at) === true;
    const evidence = { tool: call.tool, result_sha256: digestOf(answer.value) };
    return executionOf(plan, await this.#now(plan, ctx), evidence, repeated);
  }

  async probe(plan: ConnectorPlan, _snapshot: unknown, ctx: EffectContext): Promise<Probe> {
    assertPlanOf(this, plan);
    return probeByState(plan, await this.#now(plan, ctx));
  }

  async verify(plan: ConnectorPlan, execution: Execution, ctx: ConnectorContext) {
    return verificationOf(execution, [(await this.#now(plan, ctx))?.state ?? null]);
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
    const found = await this.#now(plan, ctx);
    assertUndoable(plan.capabilities, execution, [found?.state ?? null], override);
    const before = snapshot.targets[0]!.before?.facts ?? null;
    return this.#plan(UNDO, { operation: plan.action, params: plan.params, before }, ctx);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
