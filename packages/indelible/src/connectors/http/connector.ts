/**
 * Any HTTP interface, by declared operations: a request that reads the target, one that writes it, one that undoes.
 *
 * How often an effect can happen depends on what the server honours: with If-Match once, with Idempotency-Key once,
 * with neither as often as it is asked. Whether an earlier request took effect is judged by reading the target.
 *
 * Errors:  as the contract says; CONNECTOR_CONFIG for the configuration.
 */
import { canonicalize, IndelibleError, isIndelibleError, type Json, type JsonObject } from '@indelible/core';
import { outboundUrl } from '../../outbound.ts';
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
  judgeByState,
  probeByState,
} from '../shared/one-target.ts';
import { assertDeclaredSecrets } from '../shared/secrets.ts';
import { connectorVersion, stateOf, verificationOf } from '../shared/state.ts';
import { fillBody, fillPath, mergePatch } from '../shared/template.ts';
import { checkHttpConfig, type DeclaredOperation, type DeclaredRequest, hiddenMembers } from './config.ts';
import {
  type FilledRequest,
  type FoundTarget,
  type Place,
  readTarget,
  stateOfBody,
  writeTarget,
} from './exchange.ts';

const CODE_VERSION = 1;
const MIB = 1024 * 1024;

const LIMITATIONS = {
  server_honours: 'What is promised holds if the server does what was declared of it.',
  other_effects: 'What the server does besides (mail, payments, webhooks) is not put back.',
  judged_by_state:
    'After a lost answer, the target tells whether the request took effect: if somebody else made the very same change, it is taken for this one.',
  not_foretold: 'What the target will be is not known beforehand.',
  secrets: 'Secret parameters are neither read back nor put back.',
  blind_write: 'The server compares no version: a change at the same moment is written over.',
} as const;

/** The action of plans that only `planRollback` makes. */
const UNDO = 'undo';

/** What an undo acts upon: the operation, its parameters, and what was there before. */
interface UndoParams {
  readonly operation: string;
  readonly params: JsonObject;
  readonly before: TargetState['facts'] | null;
}

export async function openHttpConnector(id: string, given: unknown): Promise<Connector> {
  checkConnectorId(id);
  const config = checkHttpConfig(given);
  const { max_bytes = MIB, timeout_ms = 30_000 } = config;
  let base: URL;
  try {
    base = outboundUrl(config.base_url, { plain_http: false });
  } catch (error) {
    if (!isIndelibleError(error, 'REMOTE_URL')) throw error;
    throw new IndelibleError('CONNECTOR_CONFIG', error.message, { cause: error });
  }
  return new HttpConnector(id, { base, config, hidden: hiddenMembers(config), max_bytes, timeout_ms });
}

class HttpConnector implements Connector {
  readonly id: string;
  readonly kind = 'http';
  readonly version: string;
  readonly actions: Connector['actions'];
  readonly limitations = LIMITATIONS;
  readonly #place: Place;
  readonly #check: ReturnType<typeof paramsCheck>;

  constructor(id: string, place: Place) {
    this.id = id;
    this.#place = place;
    this.version = connectorVersion(CODE_VERSION, place.config);
    this.actions = Object.fromEntries(
      Object.entries(place.config.operations).map(([name, operation]) => [
        name,
        { summary: operation.summary, params: operation.params, capabilities: this.#capabilities(operation) },
      ]),
    );
    this.#check = paramsCheck(this.actions);
  }

  #capabilities(operation: DeclaredOperation, undo = false): Capabilities {
    const { params, if_match, idempotency_key, predict, inverse, inverse_created } = operation;
    return declaredCapabilities(
      {
        params,
        can_rollback: !undo && (inverse ?? inverse_created) !== undefined,
        foretold: undo || predict !== undefined,
        compares: if_match === true,
        keyed: idempotency_key === true,
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
    const { operation, inner } = this.#operationOf(action, params);
    assertDeclaredSecrets(operation.params, inner);
    const path = fillPath(operation.read, inner);
    const found = await this.#read(path, ctx);
    if (operation.if_match === true && found !== null && found.etag === null) {
      throw new IndelibleError(
        'TARGET_REFUSED',
        `${path} is declared if_match, but comes without a strong ETag`,
      );
    }
    const request = this.#request(action, params, found?.body);
    const after = this.#foretell(action, params, request.body, found);
    const capabilities = this.#capabilities(operation, action === UNDO);
    if (capabilities.rollback.can_rollback) this.#assertInverse(operation, found, after);
    const target = {
      resource: { type: 'http', id: `${this.id}:${path}` },
      version: found?.version ?? null,
      before: found?.state ?? null,
      after: after ?? null,
      diff: declaredDiff('body', found?.state ?? null, after),
    };
    const bytes =
      canonicalize(target.before?.facts ?? null).length + canonicalize(request.body ?? null).length;
    assertLimits(capabilities.limits, { targets: 1, bytes });
    return {
      connector: this.id,
      connector_version: this.version,
      action,
      params,
      targets: [target],
      steps: [`${request.method} ${request.path}`],
      rollback_steps: capabilities.rollback.can_rollback ? [this.#describeUndo(operation, inner, found)] : [],
      capabilities,
    };
  }

  #operationOf(action: string, params: JsonObject) {
    const undo = action === UNDO ? (params as unknown as UndoParams) : null;
    const name = undo?.operation ?? action;
    const operation = this.#place.config.operations[name];
    if (operation === undefined)
      throw new IndelibleError('CONNECTOR_PARAMS', `there is no action "${name}" here`);
    return { operation, inner: undo?.params ?? params, undo };
  }

  /** The request that writes; `before` is what the target is now. */
  #request(action: string, params: JsonObject, before: Json | undefined): FilledRequest {
    const { operation, inner, undo } = this.#operationOf(action, params);
    if (undo === null) return fill(operation.write, inner, before);
    const declared = undo.before === null ? operation.inverse_created : operation.inverse;
    if (declared === undefined)
      throw new IndelibleError('ROLLBACK_IMPOSSIBLE', 'no inverse is declared for this');
    return fill(declared, inner, undo.before?.body);
  }

  /** undefined: not foretold. */
  #foretell(
    action: string,
    params: JsonObject,
    body: Json | undefined,
    found: FoundTarget | null,
  ): TargetState | null | undefined {
    const { operation, undo } = this.#operationOf(action, params);
    if (undo !== null) return undo.before === null ? null : stateOf(undo.before);
    const { hidden } = this.#place;
    switch (operation.predict) {
      case 'body':
        return stateOfBody(hidden, body ?? null);
      case 'merge':
        return stateOfBody(hidden, mergePatch(found?.body, body ?? {}));
      case 'absent':
        return null;
      default:
        return undefined;
    }
  }

  /** An undo that was promised must be one that is declared. */
  #assertInverse(
    operation: DeclaredOperation,
    found: FoundTarget | null,
    after: TargetState | null | undefined,
  ) {
    if (found === null && after === null)
      throw new IndelibleError('TARGET_NOT_FOUND', 'there is nothing there');
    const declared = found === null ? operation.inverse_created : operation.inverse;
    if (declared !== undefined) return;
    throw new IndelibleError(
      'TARGET_REFUSED',
      found === null
        ? 'there is nothing there, and no inverse_created is declared to undo making it'
        : 'there is something there, and no inverse is declared to undo changing it',
    );
  }

  #describeUndo(operation: DeclaredOperation, params: JsonObject, found: FoundTarget | null): string {
    const { method, path } = found === null ? operation.inverse_created! : operation.inverse!;
    return `${method} ${fillPath(path, params)}`;
  }

  #read(path: string, ctx: ConnectorContext): Promise<FoundTarget | null> {
    return readTarget(this.#place, path, ctx);
  }

  #pathOf(plan: ConnectorPlan): string {
    return plan.targets[0]!.resource.id.slice(this.id.length + 1);
  }

  async snapshot(plan: ConnectorPlan, ctx: ConnectorContext) {
    assertPlanOf(this, plan);
    const found = await this.#read(this.#pathOf(plan), ctx);
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
    const { guarantee } = plan.capabilities;
    const found = await this.#read(this.#pathOf(plan), ctx);
    if (commit && guarantee !== 'none' && judgeByState(plan, found) === 'applied') {
      return executionOf(plan, found, { judged_by: 'state' }, true);
    }
    assertUnchanged(plan, found);
    await ctx.reached('checked');
    const { operation } = this.#operationOf(plan.action, plan.params);
    const request = this.#request(plan.action, plan.params, found?.body);
    if (!commit) return dryExecutionOf(plan);
    const evidence = await writeTarget(
      this.#place,
      {
        ...request,
        condition: operation.if_match === true ? (found?.etag ?? null) : undefined,
        idempotency_key: operation.idempotency_key === true ? ctx.effect_key : null,
      },
      ctx,
    ).catch((error: unknown) => {
      if (!isIndelibleError(error, 'CONNECTOR_UNAVAILABLE')) throw error;
      throw new IndelibleError(
        'CONNECTOR_UNAVAILABLE',
        `${error.message}; what became of it is to be probed`,
        {
          cause: error,
        },
      );
    });
    await ctx.reached('written');
    return executionOf(plan, await this.#read(this.#pathOf(plan), ctx), evidence, evidence.replayed === true);
  }

  async probe(plan: ConnectorPlan, _snapshot: unknown, ctx: EffectContext): Promise<Probe> {
    assertPlanOf(this, plan);
    return probeByState(plan, await this.#read(this.#pathOf(plan), ctx));
  }

  async verify(plan: ConnectorPlan, execution: Execution, ctx: ConnectorContext) {
    return verificationOf(execution, [(await this.#read(this.#pathOf(plan), ctx))?.state ?? null]);
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
    const found = await this.#read(this.#pathOf(plan), ctx);
    assertUndoable(plan.capabilities, execution, [found?.state ?? null], override);
    const before = snapshot.targets[0]!.before?.facts ?? null;
    return this.#plan(UNDO, { operation: plan.action, params: plan.params, before }, ctx);
  }

  async close(): Promise<void> {}
}

function fill(declared: DeclaredRequest, params: JsonObject, before: Json | undefined): FilledRequest {
  const { method, path, body: template, headers = {} } = declared;
  const body = template === undefined ? undefined : fillBody(template, params, { before });
  const given = Object.entries(headers).filter(([, name]) => Object.hasOwn(params, name));
  return {
    method,
    path: fillPath(path, params),
    ...(body === undefined ? {} : { body }),
    headers: Object.fromEntries(given.map(([header, name]) => [header, params[name]!])),
  };
}
