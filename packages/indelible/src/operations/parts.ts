/**
 * What the parts of the engine share.
 */
import { type Actor, IndelibleError, type JsonObject } from '@indelible/core';
import type {
  Blobs,
  Connector,
  ConnectorContext,
  ConnectorPlan,
  EffectContext,
} from '../connectors/contract.ts';
import type { LedgerLog, LedgerWriter } from '../ledger/types.ts';
import { ApproverBook } from './approvers.ts';
import type { PolicyGate, PolicyView } from './gate.ts';
import { Journal, type JournalListeners } from './journal.ts';
import { OpenSet } from './open-set.ts';
import { effectKey } from './plan-hash.ts';
import type { Operation } from './types.ts';

/** Told at once when an operation skips its approval. */
export interface BreakGlassNotice {
  readonly operation_id: string;
  readonly ledger: string;
  readonly requester: Actor;
  readonly reason: string;
  readonly plan_hash: string;
}

export interface EngineOptions {
  /** The ledger that holds the operations. The engine does not close it. */
  readonly ledger: LedgerWriter;
  readonly connectors: ReadonlyMap<string, Connector>;
  readonly policy: PolicyGate;
  /** Where before-images go that are too large for a record. */
  readonly blobs: Blobs;
  /** The value of a secret by its name; raises SECRET_MISSING. Default: there are none. */
  readonly secret?: (name: string) => Promise<string>;
  /** Where break-glass is announced. Absent: it is not possible. */
  readonly notify?: (notice: BreakGlassNotice) => Promise<void>;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
  readonly log?: LedgerLog;
  /** Told of each step of an operation that this engine has recorded. */
  readonly onRecord?: JournalListeners['onAppend'];
  /** When policy says nothing else; default 24 hours. */
  readonly approval_expires_ms?: number;
  /** When policy says nothing else; default 24 hours after the approval. */
  readonly execute_within_ms?: number;
  /** For connectors whose undo has no end of its own; default 30 days. */
  readonly rollback_window_ms?: number;
  /** How long a lease outlasts the connector's own time-out; default 10 s. */
  readonly lease_grace_ms?: number;
  /** For tests: awaited at named points of the protocol. */
  readonly reached?: (point: string, operation_id: string) => Promise<void>;
  /** Names this process in leases, and tells whether another one may still be there. For tests. */
  readonly holder?: string;
  readonly mayBeAlive?: (holder: string) => boolean;
}

const DAY_MS = 86_400_000;
const SILENT: LedgerLog = { info() {}, warn() {}, error() {} };

export class Parts {
  readonly options: EngineOptions;
  readonly journal: Journal;
  readonly open: OpenSet;
  readonly approvers: ApproverBook;
  readonly clock: () => number;
  readonly log: LedgerLog;
  readonly #recorded_policies = new Set<string>();

  constructor(options: EngineOptions) {
    this.options = options;
    this.clock = options.clock ?? Date.now;
    this.log = options.log ?? SILENT;
    this.open = new OpenSet(options.ledger, this.log);
    this.approvers = new ApproverBook(options.ledger);
    this.journal = new Journal(options.ledger, this.clock, {
      onAppend: options.onRecord,
      onFolded: (operation) => this.open.note(operation),
      onWritten: (seq) => {
        this.open.wrote(seq);
        this.approvers.wrote(seq);
      },
    });
  }

  get now(): string {
    return new Date(this.clock()).toISOString();
  }

  after(ms: number): string {
    return new Date(this.clock() + ms).toISOString();
  }

  get approval_expires_ms(): number {
    return this.options.approval_expires_ms ?? DAY_MS;
  }

  get execute_within_ms(): number {
    return this.options.execute_within_ms ?? DAY_MS;
  }

  get rollback_window_ms(): number {
    return this.options.rollback_window_ms ?? 30 * DAY_MS;
  }

  get lease_grace_ms(): number {
    return this.options.lease_grace_ms ?? 10_000;
  }

  /** The policies of now, with their texts on record. */
  async policy(): Promise<PolicyView> {
    const view = await this.options.policy.current();
    const key = `policy:${view.policy_set_hash}:${view.entities_hash}`;
    if (this.#recorded_policies.has(key)) return view;
    const event = view.loadedEvent();
    if (event !== null)
      await this.options.ledger.recordOwn({ ...event, idempotency_key: `indelible:${key}` });
    this.#recorded_policies.add(key);
    return view;
  }

  connector(id: string): Connector {
    const connector = this.options.connectors.get(id);
    if (connector !== undefined) return connector;
    throw new IndelibleError(
      'OPERATION_INVALID',
      `there is no connector ${JSON.stringify(id.slice(0, 64))}`,
      {
        details: { member: 'connector' },
      },
    );
  }

  async secret(name: string): Promise<string> {
    if (this.options.secret !== undefined) return this.options.secret(name);
    throw new IndelibleError('SECRET_MISSING', `the secret ${name.slice(0, 64)} is not available`);
  }

  reached(point: string, operation_id: string): Promise<void> {
    return this.options.reached?.(point, operation_id) ?? Promise.resolve();
  }

  /** The context of one call, and its end. `ms` is real time: a connector may wait for a network. */
  async within<T>(
    ms: number,
    work: (context: ConnectorContext) => Promise<T>,
    blobs = this.options.blobs,
  ): Promise<T> {
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), ms);
    try {
      return await work({
        ...{ signal: timeout.signal, blobs },
        secret: (name) => this.secret(name),
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** The context of a call that may have an effect. */
  effect(context: ConnectorContext, effect: EffectFacts): EffectContext {
    const { operation_id, plan_hash, member, epoch } = effect;
    return {
      ...context,
      operation_id,
      effect_key: effectKey(operation_id, plan_hash, member),
      fencing_epoch: epoch,
      reached: (point) => this.reached(`connector:${point}`, operation_id),
    };
  }
}

export interface EffectFacts {
  readonly operation_id: string;
  readonly plan_hash: string;
  readonly member: number;
  readonly epoch: number;
}

/** How long one call of a connector may take. */
export function timeoutOf(plan: ConnectorPlan): number {
  return plan.capabilities.limits.timeout_ms;
}

/** What a caller learns from an error: its code, its message, and no more. */
export function failureOf(error: unknown): JsonObject & { code: string; message: string } {
  if (error instanceof IndelibleError) return { code: error.code, message: error.message };
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

/** The actor of what the engine does by itself, for whoever asked for the operation. */
export function engineActor(operation: Pick<Operation, 'envelope'>): Actor {
  return { type: 'service', id: 'indelible', on_behalf_of: operation.envelope.requester };
}
