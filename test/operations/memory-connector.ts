/** A connector to a map in memory, with faults on demand. The map outlives the connector, as an outside system would. */
import { canonicalize, IndelibleError, type JsonObject, sha256Hex } from '@indelible/core';
import type {
  Capabilities,
  Connector,
  ConnectorContext,
  ConnectorPlan,
  ConnectorSnapshot,
  EffectContext,
  Execution,
  Guarantee,
  Probe,
  TargetState,
  Verification,
} from '../../packages/indelible/src/connectors/contract.ts';

/** What there is outside. */
export class MemorySystem {
  readonly values = new Map<string, { value: number; version: number }>();
  readonly effects = new Map<string, Execution>();
  readonly fences = new Map<string, number>();
  /** How many times anything took effect. */
  writes = 0;
  #versions = 0;

  set(key: string, value: number | null): void {
    this.writes++;
    if (value === null) this.values.delete(key);
    else this.values.set(key, { value, version: ++this.#versions });
  }

  state(key: string): TargetState | null {
    const found = this.values.get(key);
    return found === undefined ? null : stateOf(found.value);
  }

  get content(): string {
    return canonicalize([...this.values].sort().map(([key, { value }]) => [key, value]));
  }
}

export type Fault = 'before' | 'after' | 'refused' | 'hang';

export interface MemoryOptions {
  readonly id?: string;
  readonly guarantee?: Guarantee;
  readonly window_ms?: number | null;
  readonly can_rollback?: boolean;
  readonly dry_run?: Capabilities['dry_run'];
  /** Default: unless the guarantee is `none`. */
  readonly probe?: boolean;
}

function stateOf(value: number): TargetState {
  const facts = { value };
  return { digest: sha256Hex(new TextEncoder().encode(canonicalize(facts))), facts };
}

export class MemoryConnector implements Connector {
  readonly id: string;
  readonly kind = 'memory';
  version = '1';
  readonly limitations = {};
  readonly actions;
  readonly system: MemorySystem;
  readonly #capabilities: Capabilities;
  /** What goes wrong with the next real execution. */
  fault: Fault | null = null;
  unreachable = false;
  /** Whether before-images have something that goes beside the records. */
  keeps_bytes = false;
  rollback_note = 'put the old value back';
  release: (() => void) | null = null;

  constructor(system: MemorySystem, options: MemoryOptions = {}) {
    this.id = options.id ?? 'memory';
    this.system = system;
    const can_rollback = options.can_rollback ?? true;
    this.#capabilities = {
      guarantee: options.guarantee ?? 'atomic-marker',
      dry_run: options.dry_run ?? 'computed',
      rollback: {
        can_rollback,
        method: can_rollback ? 'inverse' : 'none',
        window_ms: options.window_ms ?? null,
        limitations: [],
      },
      probe: options.probe ?? options.guarantee !== 'none',
      limits: { max_targets: 10, max_bytes: 10_000, timeout_ms: 2000 },
    };
    const params = { type: 'object', additionalProperties: false };
    this.actions = { set: { summary: 'Sets a key.', params, capabilities: this.#capabilities } };
  }

  capabilities(): Capabilities {
    return this.#capabilities;
  }

  async plan(action: string, params: JsonObject, _ctx?: ConnectorContext): Promise<ConnectorPlan> {
    this.#reach();
    const { key, value } = params as { key: string; value: number | null };
    if (typeof key !== 'string') throw new IndelibleError('CONNECTOR_PARAMS', 'key must be a text');
    const found = this.system.values.get(key);
    const after = value === null ? null : stateOf(value);
    return {
      connector: this.id,
      connector_version: this.version,
      action,
      params,
      targets: [
        {
          resource: { type: 'key', id: `${this.id}:${key}` },
          version: found === undefined ? null : String(found.version),
          before: this.system.state(key),
          after,
          diff: { format: 'json-patch', patch: [{ op: 'replace', path: `/${key}`, value }] },
        },
      ],
      steps: [`set ${key} to ${value}`],
      rollback_steps: this.#capabilities.rollback.can_rollback ? [this.rollback_note] : [],
      capabilities: this.#capabilities,
    };
  }

  async snapshot(plan: ConnectorPlan, ctx: ConnectorContext): Promise<ConnectorSnapshot> {
    this.#reach();
    if (this.keeps_bytes) await ctx.blobs.put(Uint8Array.of(1, 2, 3));
    return { targets: plan.targets.map(({ resource, before }) => ({ resource, before })) };
  }

  async execute(
    plan: ConnectorPlan,
    _snapshot: ConnectorSnapshot,
    ctx: EffectContext,
    { commit }: { readonly commit: boolean },
  ): Promise<Execution> {
    this.#reach();
    const [target] = plan.targets;
    const { key, value } = plan.params as { key: string; value: number | null };
    const done = this.system.effects.get(ctx.effect_key);
    if (done !== undefined && commit) return { ...done, repeated: true };
    const fault = commit ? this.fault : null;
    if (commit) this.fault = null;
    if (fault === 'before') throw new Error('the connection was lost on the way there');
    if (fault === 'refused') throw new IndelibleError('TARGET_REFUSED', 'the system said no');
    if (fault === 'hang') {
      await new Promise<void>((resolve) => {
        this.release = resolve;
      });
    }
    await ctx.reached('before');
    const found = this.system.values.get(key);
    if ((found === undefined ? null : String(found.version)) !== target!.version)
      throw new IndelibleError('TARGET_CHANGED', `${key} has changed`);
    if ((this.system.fences.get(ctx.operation_id) ?? 0) > ctx.fencing_epoch)
      throw new IndelibleError('EFFECT_FENCED', 'another one took over');
    const before = this.system.state(key);
    const after = value === null ? null : stateOf(value);
    if (commit) this.system.set(key, value);
    const version = commit ? (this.system.values.get(key)?.version ?? null) : null;
    const execution: Execution = {
      committed: commit,
      outcome: commit ? 'applied' : 'not_applied',
      repeated: false,
      targets: [
        { resource: target!.resource, before, after, version: version === null ? null : String(version) },
      ],
      evidence: { transaction: this.system.writes },
    };
    if (commit && this.#capabilities.guarantee !== 'none') this.system.effects.set(ctx.effect_key, execution);
    await ctx.reached('after');
    if (fault === 'after') throw new Error('the connection was lost on the way back');
    return execution;
  }

  async probe(_plan: ConnectorPlan, _snapshot: ConnectorSnapshot, ctx: EffectContext): Promise<Probe> {
    this.#reach();
    if (!this.#capabilities.probe) return { outcome: 'unknown', execution: null, evidence: {} };
    const execution = this.system.effects.get(ctx.effect_key) ?? null;
    return {
      outcome: execution === null ? 'not_applied' : 'applied',
      execution,
      evidence: { marker: execution !== null },
    };
  }

  async fence(_plan: ConnectorPlan, ctx: EffectContext): Promise<void> {
    this.system.fences.set(ctx.operation_id, ctx.fencing_epoch);
  }

  async verify(_plan: ConnectorPlan, execution: Execution): Promise<Verification> {
    this.#reach();
    const targets = execution.targets.map(({ resource, after }) => ({
      resource,
      expected: after?.digest ?? null,
      found: this.system.state(keyOf(resource.id)),
    }));
    const wrong = targets.filter(({ expected, found }) => expected !== (found?.digest ?? null));
    return {
      matches: wrong.length === 0,
      targets,
      differences: wrong.map(({ resource }) => `${resource.id} is not what was left`),
    };
  }

  async planRollback(
    plan: ConnectorPlan,
    execution: Execution,
    snapshot: ConnectorSnapshot,
    ctx: ConnectorContext,
    { override = false }: { readonly override?: boolean } = {},
  ): Promise<ConnectorPlan> {
    if (!this.#capabilities.rollback.can_rollback)
      throw new IndelibleError('ROLLBACK_IMPOSSIBLE', 'there is no way back');
    const [done] = execution.targets;
    const key = keyOf(done!.resource.id);
    const now = this.system.state(key);
    if (!override && (now?.digest ?? null) !== (done!.after?.digest ?? null))
      throw new IndelibleError('ROLLBACK_REFUSED', `${key} is no longer what was left`);
    const facts = snapshot.targets[0]!.before?.facts as { value: number } | undefined;
    return {
      ...(await this.plan('restore', { key, value: facts?.value ?? null }, ctx)),
      connector: plan.connector,
    };
  }

  async close(): Promise<void> {}

  #reach(): void {
    if (this.unreachable) throw new IndelibleError('CONNECTOR_UNAVAILABLE', 'the system does not answer');
  }
}

function keyOf(resource_id: string): string {
  return resource_id.slice(resource_id.indexOf(':') + 1);
}
