/**
 * What a connector promises: how one kind of outside system is planned, changed, probed, verified and put back.
 *
 * A connector knows one system and nothing of ledgers, policies or approvals. The engine asks it in this order:
 * `plan`, `snapshot`, `execute` (commit: false, the dry run), approval, `execute` (commit: true), `verify`; after a
 * crash or a lost answer `probe`; for an undo `planRollback`, whose plan goes through the same steps.
 *
 * Everything that crosses this interface is JSON (core's `canonicalize` takes it): it is hashed, approved, recorded.
 * Secrets never cross it: they are named in a connector's configuration and read through `ctx.secret` when used.
 *
 * Errors every connector raises. NOTHING HAPPENED is certain for CONNECTOR_PARAMS, CONNECTOR_LIMIT, CONNECTOR_CONFIG,
 * TARGET_CHANGED (a version token, or the connector's version, is not the plan's), TARGET_NOT_FOUND, TARGET_REFUSED (the system said no),
 * EFFECT_FENCED, ROLLBACK_REFUSED and ROLLBACK_IMPOSSIBLE. Any other error of `execute`, time-outs and
 * CONNECTOR_UNAVAILABLE included, leaves open whether it happened: the caller must `probe` before anything else.
 */
import type { JsonObject, Resource } from '@indelible/core';

/** What became of an effect. Only `unknown` may be said without proof. */
export type EffectOutcome = 'applied' | 'not_applied' | 'partial' | 'unknown';

/**
 * How often an effect can happen when `execute` is repeated with one effect key.
 *
 * - `atomic-marker`: once. The key is stored in the same transaction as the effect.
 * - `idempotency-key`: once, if the system honours the key that it is sent.
 * - `cas`: once. The system compares versions and swaps in one step, so a second try finds another version.
 * - `none`: as often as it is tried. The engine never repeats it.
 */
export type Guarantee = 'atomic-marker' | 'idempotency-key' | 'cas' | 'none';

/**
 * How a dry run knows what would be: asked of the system itself, done in a transaction that is rolled back, computed
 * by the connector, or not at all (then a person must approve).
 */
export type DryRun = 'native' | 'transactional' | 'computed' | 'none';

/** Stated before the write, shown to approvers, and held to afterwards. */
export interface RollbackContract {
  readonly can_rollback: boolean;
  readonly method: 'inverse' | 'snapshot-restore' | 'partial-compensate' | 'none';
  /** For how long after the execution; null: for as long as the target stays as it was left. */
  readonly window_ms: number | null;
  /** Codes of what it cannot restore or promise; `Connector.limitations` says each in a sentence. */
  readonly limitations: readonly string[];
}

export interface ConnectorLimits {
  /** Of one plan. More raises CONNECTOR_LIMIT while planning. */
  readonly max_targets: number;
  /** Of before and after together, of one plan. More raises CONNECTOR_LIMIT while planning. */
  readonly max_bytes: number;
  /** The engine aborts `ctx.signal` after so long. */
  readonly timeout_ms: number;
}

export interface Capabilities {
  readonly guarantee: Guarantee;
  readonly dry_run: DryRun;
  readonly rollback: RollbackContract;
  /** False: `probe` always answers `unknown`. */
  readonly probe: boolean;
  readonly limits: ConnectorLimits;
}

/** One thing that can be asked of a connector. */
export interface ConnectorAction {
  /** One sentence for people. */
  readonly summary: string;
  /** JSON Schema of the parameters; an object that allows no additional members. */
  readonly params: JsonObject;
  /** What its operations have at best; `Connector.capabilities` says it for given parameters. */
  readonly capabilities: Capabilities;
}

/** The state of one target, as far as this connector promises to change, compare and restore it. */
export interface TargetState {
  /** SHA-256, in hex, of `canonicalize(facts)`. */
  readonly digest: string;
  readonly facts: JsonObject;
  /** Further facts that are evidence but not compared: times, inode numbers, transaction ids. */
  readonly observed?: JsonObject;
}

/** The difference between two states, for people. Never cut short: what is too large to show says so. */
export type StateDiff =
  | { readonly format: 'json-patch'; readonly patch: readonly JsonObject[] }
  | { readonly format: 'unified'; readonly text: string }
  | { readonly format: 'none'; readonly reason: string };

export interface PlannedTarget {
  /** Names the thing itself. The id begins with the connector's id and a colon. */
  readonly resource: Resource;
  /** Opaque; another one when the target has changed; where the system can tell, also when it changed back. null: it does not exist. */
  readonly version: string | null;
  /** null: it does not exist. */
  readonly before: TargetState | null;
  /** As predicted; null: it will not exist. */
  readonly after: TargetState | null;
  readonly diff: StateDiff;
}

/** What will be done: everything that `execute` acts upon, and everything that an approver binds a signature to. */
export interface ConnectorPlan {
  readonly connector: string;
  readonly connector_version: string;
  /** One of `Connector.actions`, or one that only `planRollback` gives. */
  readonly action: string;
  /** As they were checked. */
  readonly params: JsonObject;
  /** Sorted by resource id; at least one. */
  readonly targets: readonly PlannedTarget[];
  /** What is done, step by step, for people. */
  readonly steps: readonly string[];
  /** How it would be undone, step by step, for people; empty when it cannot be. */
  readonly rollback_steps: readonly string[];
  readonly capabilities: Capabilities;
}

/** The before-image of a plan's targets. */
export interface ConnectorSnapshot {
  readonly targets: readonly {
    readonly resource: Resource;
    readonly before: TargetState | null;
    /** The digest of bytes kept in `ctx.blobs`, for what is too large or too private for `facts`. */
    readonly blob?: string;
  }[];
}

export interface ExecutedTarget {
  readonly resource: Resource;
  readonly before: TargetState | null;
  readonly after: TargetState | null;
  /** The version token that it has now; null: it does not exist. */
  readonly version: string | null;
}

/** What `execute` did, or in a dry run would have done. */
export interface Execution {
  /** False for a dry run. */
  readonly committed: boolean;
  /** `not_applied` for a dry run; `partial` when some targets were changed and others not. */
  readonly outcome: 'applied' | 'not_applied' | 'partial';
  /** True when this effect key had taken effect before: nothing was done now. */
  readonly repeated: boolean;
  /** In the order of the plan. */
  readonly targets: readonly ExecutedTarget[];
  /** What the system gave as proof: a transaction id, a commit id, a status, an exit code. */
  readonly evidence: JsonObject;
}

export interface Probe {
  readonly outcome: EffectOutcome;
  /** What was done, as `execute` would have returned it; null unless `applied` or `partial`. */
  readonly execution: Execution | null;
  /** What was looked at and found. */
  readonly evidence: JsonObject;
}

export interface Verification {
  /** True when every target is what the execution left. */
  readonly matches: boolean;
  readonly targets: readonly {
    readonly resource: Resource;
    readonly expected: string | null;
    readonly found: TargetState | null;
  }[];
  /** One sentence for each target that differs. */
  readonly differences: readonly string[];
}

/** Bytes by their digest, kept by the engine outside the target. A store of attachments is one. */
export interface Blobs {
  /** Resolves to `sha-256:<hex>`, once the bytes are durable. */
  put(bytes: Uint8Array): Promise<string>;
  /** Raises ATTACHMENT_MISSING, or ATTACHMENT_ALTERED when they are no longer what they were. */
  get(digest: string): Promise<Uint8Array>;
}

export interface ConnectorContext {
  /** Aborted at the deadline. A connector stops as soon as it can and raises. */
  readonly signal: AbortSignal;
  readonly blobs: Blobs;
  /** The value of a secret that the connector's configuration names. It must not go into anything returned. */
  secret(name: string): Promise<string>;
}

export interface EffectContext extends ConnectorContext {
  readonly operation_id: string;
  /** 64 hex digits: names this effect, over all tries. */
  readonly effect_key: string;
  /** Grows with every executor that takes the operation over. */
  readonly fencing_epoch: number;
  /**
   * Called at the points between which a crash makes a difference: at least before the effect and after it. The engine
   * does nothing there; tests kill the process.
   */
  reached(point: string): Promise<void>;
}

export interface Connector {
  /** Its name in the configuration: `[a-z][a-z0-9-]{0,63}`. Two connectors may be of one kind. */
  readonly id: string;
  /** `filesystem`, `sqlite`, … */
  readonly kind: string;
  /** Of the code and of the configuration together: another one makes approved plans stale. */
  readonly version: string;
  readonly actions: Readonly<Record<string, ConnectorAction>>;
  /** Every limitation code that it uses, said in a sentence. */
  readonly limitations: Readonly<Record<string, string>>;

  /** Raises CONNECTOR_PARAMS for an action or parameters that it does not take. */
  capabilities(action: string, params: JsonObject): Capabilities;

  /**
   * Reads, and changes nothing in the target. The same parameters and the same targets give the same plan, byte for
   * byte: it has no clock and no randomness, so planning again shows whether anything changed.
   */
  plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan>;

  /** Reads the before-image, and keeps it durably. Raises TARGET_CHANGED when it is not the plan's. */
  snapshot(plan: ConnectorPlan, ctx: ConnectorContext): Promise<ConnectorSnapshot>;

  /**
   * Does it; with commit: false everything but the last step, by the same path, leaving the target as it was.
   *
   * Compares the targets' versions with the plan's, as closely to the effect as the system allows, and raises
   * TARGET_CHANGED. When it resolves with commit: true, the effect is as durable as the system makes it. Repeated with
   * an effect key that took effect, it does nothing and resolves with `repeated` (unless the guarantee is `none`).
   */
  execute(
    plan: ConnectorPlan,
    snapshot: ConnectorSnapshot,
    ctx: EffectContext,
    options: { readonly commit: boolean },
  ): Promise<Execution>;

  /**
   * Read-only. What became of this effect key; `not_applied` only when no earlier try can take effect any longer,
   * given that its process or session has ended.
   */
  probe(plan: ConnectorPlan, snapshot: ConnectorSnapshot, ctx: EffectContext): Promise<Probe>;

  /**
   * Keeps every `execute` of this effect key with a lower fencing epoch from taking effect, also one under way. Absent
   * where the system has no way to do so: then whoever takes over waits until the old process has ended.
   */
  fence?(plan: ConnectorPlan, ctx: EffectContext): Promise<void>;

  /** Reads the targets back, over another path than `execute` where there is one. */
  verify(plan: ConnectorPlan, execution: Execution, ctx: ConnectorContext): Promise<Verification>;

  /**
   * A plan that restores the before-image. Raises ROLLBACK_IMPOSSIBLE when there is no undo, and ROLLBACK_REFUSED when
   * a target is no longer what the execution left; with `override` it plans over the foreign change instead, which
   * `before` and `diff` then show.
   */
  planRollback(
    plan: ConnectorPlan,
    execution: Execution,
    snapshot: ConnectorSnapshot,
    ctx: ConnectorContext,
    options?: { readonly override?: boolean },
  ): Promise<ConnectorPlan>;

  /** Releases connections and handles. Idempotent. */
  close(): Promise<void>;
}
