/**
 * Objects of an S3 bucket that keeps versions: put and deleted.
 *
 * Each put carries its effect key in the object's metadata, so that a later look tells whether it was made. Nothing is
 * ever destroyed: an undo puts the earlier version's bytes again, or a delete marker where there was nothing.
 *
 * Errors:  as the contract says; CONNECTOR_CONFIG for the configuration, DRIVER_MISSING.
 */
import { IndelibleError, isIndelibleError, type JsonObject } from '@indelible/core';
import type {
  Capabilities,
  Connector,
  ConnectorContext,
  ConnectorPlan,
  EffectContext,
  Execution,
  Probe,
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
import { assertUnchanged, dryExecutionOf, executionOf } from '../shared/one-target.ts';
import { connectorVersion, verificationOf } from '../shared/state.ts';
import { readS3Config, type S3Place, s3Actions } from './config.ts';
import { objectDiff, objectOf } from './object.ts';
import { type FoundObject, type NewObject, Objects, objectState } from './objects.ts';

const CODE_VERSION = 1;
/** The action of plans that only `planRollback` makes. */
const RESTORE = 'restore';

const LIMITATIONS = {
  more: 'Tags, access rules, storage class and locks of an object are not put back.',
  copies: 'Every change and every undo adds a version; what was put stays readable as an earlier one.',
  expiry: 'Once the bucket’s rules have removed the earlier version, there is no undo.',
  etag: 'The server compares an object’s content, not its version: the same content put by somebody else is not seen.',
  blind_write:
    'The server compares nothing: a change at the same moment is put behind this one, as a version.',
  judged_by_state:
    'After a lost answer, the object tells whether it was deleted: if somebody else did it, it is taken for this one.',
} as const;

export async function openS3Connector(id: string, given: unknown): Promise<Connector> {
  checkConnectorId(id);
  return new S3Connector(id, readS3Config(id, given));
}

class S3Connector implements Connector {
  readonly id: string;
  readonly kind = 's3';
  readonly version: string;
  readonly actions: Connector['actions'];
  readonly limitations = LIMITATIONS;
  readonly #place: S3Place;
  readonly #objects: Objects;
  readonly #check: ReturnType<typeof paramsCheck>;

  constructor(id: string, place: S3Place) {
    this.id = id;
    this.version = connectorVersion(CODE_VERSION, place.config);
    this.#place = place;
    this.#objects = new Objects(place);
    this.actions = s3Actions((kind) => this.#capabilities(kind));
    this.#check = paramsCheck(this.actions);
  }

  #capabilities(kind: 'put' | 'delete'): Capabilities {
    const { max_bytes, timeout_ms, config, conditional } = this.#place;
    const limitations: (keyof typeof LIMITATIONS)[] = ['more', 'copies', 'expiry'];
    limitations.push(conditional[kind] ? 'etag' : 'blind_write');
    if (kind === 'delete') limitations.push('judged_by_state');
    return {
      guarantee: conditional[kind] ? 'cas' : 'none',
      dry_run: 'computed',
      probe: true,
      rollback: {
        can_rollback: true,
        method: 'snapshot-restore',
        window_ms: config.rollback_window_ms ?? null,
        limitations,
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
    assertInTime(ctx.signal);
    const key = params.key as string;
    if (!key.startsWith(this.#place.prefix))
      throw new IndelibleError('CONNECTOR_PARAMS', `the key does not begin with ${this.#place.prefix}`);
    const capabilities = this.#capabilities(kindOf(action, params));
    const given = action === 'put' ? objectOf(params) : null;
    assertLimits(capabilities.limits, { targets: 1, bytes: given?.bytes.length ?? 0 });
    await this.#objects.assertVersioned(ctx);
    const found = await this.#objects.read(key, ctx);
    if (action === 'delete' && found === null)
      throw new IndelibleError('TARGET_NOT_FOUND', 'there is no such object');
    const made = action === RESTORE ? await this.#earlier(params, ctx) : given;
    if (action === RESTORE && made === null && found === null)
      throw new IndelibleError('ROLLBACK_REFUSED', 'the object is gone already');
    const bytes = (found?.bytes.length ?? 0) + (made?.bytes.length ?? 0);
    assertLimits(capabilities.limits, { targets: 1, bytes });
    return {
      connector: this.id,
      connector_version: this.version,
      action,
      params,
      targets: [
        {
          resource: { type: 's3-object', id: `${this.id}:${key}` },
          version: found?.version ?? null,
          before: found?.state ?? null,
          after: made === null ? null : objectState(made.facts),
          diff: objectDiff(found, made),
        },
      ],
      steps: [describe(action, params, made)],
      rollback_steps: [
        found === null
          ? `put a delete marker over ${key}`
          : `put the bytes of version ${found.version_id} of ${key} again`,
      ],
      capabilities,
    };
  }

  /** What an undo puts: an earlier version; null when there was nothing. */
  async #earlier(params: JsonObject, ctx: ConnectorContext): Promise<NewObject | null> {
    const { key, version_id } = params as { readonly key: string; readonly version_id: string | null };
    if (version_id === null) return null;
    const found = await this.#objects.read(key, ctx, version_id);
    if (found !== null) return found;
    throw new IndelibleError(
      'ROLLBACK_IMPOSSIBLE',
      `the bucket no longer has version ${version_id} of ${key}`,
    );
  }

  async snapshot(plan: ConnectorPlan, ctx: ConnectorContext) {
    assertPlanOf(this, plan);
    const found = await this.#objects.read(keyOf(plan), ctx);
    assertUnchanged(plan, found);
    // The bucket itself keeps the bytes, as a version.
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
    const key = keyOf(plan);
    await this.#objects.assertVersioned(ctx);
    const found = await this.#objects.read(key, ctx);
    const planned = plan.targets[0]!.version;
    // Nothing there may also mean that what an earlier try put was deleted since.
    if (commit && (planned === null || found?.version !== planned)) {
      const earlier = await this.#find(plan, found, ctx);
      if (earlier !== null && earlier !== 'unknown') return { ...earlier, repeated: true };
    }
    assertUnchanged(plan, found);
    const made = await this.#madeBy(plan, ctx);
    await ctx.reached('checked');
    if (!commit) return dryExecutionOf(plan);
    const left = await this.#send(plan, made, found, ctx).catch(async (error: unknown) => {
      if (!isIndelibleError(error, 'TARGET_CHANGED')) throw error;
      // Of two tries of one effect, the other one was first.
      const other = await this.#find(plan, null, ctx);
      if (other === null || other === 'unknown') throw error;
      return { ...other, repeated: true };
    });
    await ctx.reached('changed');
    return left;
  }

  async #madeBy(plan: ConnectorPlan, ctx: ConnectorContext): Promise<NewObject | null> {
    if (plan.action === 'put') return objectOf(plan.params);
    return plan.action === RESTORE ? this.#earlier(plan.params, ctx) : null;
  }

  async #send(
    plan: ConnectorPlan,
    made: NewObject | null,
    found: FoundObject | null,
    ctx: EffectContext,
  ): Promise<Execution> {
    const key = keyOf(plan);
    const { conditional } = this.#place;
    if (made === null) {
      const marker = await this.#objects.delete(key, conditional.delete ? found!.etag : undefined, ctx);
      return executionOf(plan, null, { delete_marker: marker }, false);
    }
    const condition = conditional.put ? (found?.etag ?? null) : undefined;
    const version_id = await this.#objects.put(key, made, ctx, condition, ctx);
    return executionOf(plan, await this.#objects.read(key, ctx, version_id), { version_id }, false);
  }

  /** What this effect left, also when it was put over since; null: it was not made. */
  async #find(
    plan: ConnectorPlan,
    current: FoundObject | null,
    ctx: EffectContext,
  ): Promise<Execution | null | 'unknown'> {
    const key = keyOf(plan);
    const [target] = plan.targets as [ConnectorPlan['targets'][number]];
    if (current?.effect === ctx.effect_key)
      return executionOf(plan, current, { version_id: current.version_id }, false);
    const planned = (target.before?.observed?.version_id as string | undefined) ?? null;
    const { version_ids, marker_id, complete } = await this.#objects.history(key, ctx);
    const at = planned === null ? version_ids.length : version_ids.indexOf(planned);
    if (at === -1 || (planned === null && !complete)) return 'unknown';
    if (target.after === null) {
      if (at > 0) return 'unknown';
      return marker_id === null ? null : executionOf(plan, null, { delete_marker: marker_id }, false);
    }
    for (const version_id of version_ids.slice(0, at)) {
      const one = await this.#objects.read(key, ctx, version_id);
      if (one?.effect === ctx.effect_key) return executionOf(plan, one, { version_id }, false);
    }
    return null;
  }

  async probe(plan: ConnectorPlan, _snapshot: unknown, ctx: EffectContext): Promise<Probe> {
    assertPlanOf(this, plan);
    const found = await this.#objects.read(keyOf(plan), ctx);
    const version = found?.version ?? null;
    const unchanged = version !== null && version === plan.targets[0]!.version;
    const made = unchanged ? null : await this.#find(plan, found, ctx);
    const evidence = { version, judged_by: plan.targets[0]!.after === null ? 'state' : 'metadata' };
    if (made === 'unknown') return { outcome: 'unknown', execution: null, evidence };
    return { outcome: made === null ? 'not_applied' : 'applied', execution: made, evidence };
  }

  async verify(plan: ConnectorPlan, execution: Execution, ctx: ConnectorContext) {
    const found = await this.#objects.read(keyOf(plan), ctx);
    return verificationOf(execution, [found?.state ?? null]);
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
    const key = keyOf(plan);
    const found = await this.#objects.read(key, ctx);
    assertUndoable(plan.capabilities, execution, [found?.state ?? null], override);
    const version_id = snapshot.targets[0]!.before?.observed?.version_id ?? null;
    return this.#plan(RESTORE, { key, version_id }, ctx);
  }

  async close(): Promise<void> {
    await this.#objects.close();
  }
}

function kindOf(action: string, params: JsonObject): 'put' | 'delete' {
  return action === 'put' || (action === RESTORE && params.version_id !== null) ? 'put' : 'delete';
}

function keyOf(plan: ConnectorPlan): string {
  return plan.params.key as string;
}

function describe(action: string, params: JsonObject, made: NewObject | null): string {
  if (made === null) return `put a delete marker over ${params.key}`;
  return action === RESTORE
    ? `put the bytes of version ${params.version_id} of ${params.key} again`
    : `put ${params.key}: ${made.bytes.length} bytes`;
}
