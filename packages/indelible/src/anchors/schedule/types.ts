/**
 * What the scheduler needs from others, and what it tells.
 *
 * Shapes:  times are milliseconds since 1970.
 */
import type { Anchor, AnchorReceipt, CheckpointToAnchor } from '../contract.ts';

export type { AnchorStatus } from '../contract.ts';

/** An event for the ledger's own record of it. */
export type AnchoringEvent =
  | {
      readonly action: 'ledger.anchored';
      readonly outcome: 'ok';
      readonly data: {
        readonly anchor: string;
        readonly kind: Anchor['kind'];
        readonly size: number;
        readonly root: string;
        readonly receipt: AnchorReceipt;
      };
    }
  | {
      readonly action: 'ledger.anchor_failed';
      readonly outcome: 'error';
      readonly data: {
        readonly anchor: string;
        /** Null when it failed before there was a checkpoint to speak of. */
        readonly size: number | null;
        readonly code: string;
        readonly message: string;
      };
    };

/** What the records say about an anchor. */
export interface AnchorHistory {
  /** From its newest `ledger.anchored`; null when there is none. */
  readonly anchored: { readonly size: number; readonly root: string; readonly at: number } | null;
  /** From its newest `ledger.anchor_failed`, if that is newer; else null. */
  readonly failed: { readonly code: string; readonly message: string; readonly at: number } | null;
}

export interface SchedulerSource {
  /** The newest published checkpoint; null before the first. */
  latest(): Promise<CheckpointToAnchor | null>;
  /** Resolves when the record is durable. */
  record(event: AnchoringEvent): Promise<unknown>;
  history(anchor: string): Promise<AnchorHistory>;
  /** Records of anchoring (`ledger.anchored`, `ledger.anchor_failed`) with `from` ≤ seq < `to`. */
  anchoringRecords(from: number, to: number): Promise<number>;
}

/** setTimeout and clearTimeout, for tests. A timer must not keep the process alive. */
export interface Timers {
  set(ms: number, run: () => void): unknown;
  clear(timer: unknown): void;
}

export interface SchedulerOptions {
  readonly source: SchedulerSource;
  readonly anchors: readonly Anchor[];
  /** Default a day. */
  readonly interval_ms?: number;
  /** Before the first retry, doubling up to an hour or the interval. Default a minute. */
  readonly retry_ms?: number;
  /** How long an anchor may take. Default ten minutes. */
  readonly publish_ms_max?: number;
  readonly clock?: () => number;
  readonly timers?: Timers;
}

/** What one attempt came to. */
export type AnchorOutcome =
  | {
      readonly result: 'anchored';
      readonly anchor: string;
      readonly kind: Anchor['kind'];
      readonly size: number;
      readonly root: string;
      readonly receipt: AnchorReceipt;
    }
  /** `size`: what is anchored already; null while the log has no checkpoint. */
  | { readonly result: 'nothing_new'; readonly anchor: string; readonly size: number | null }
  | { readonly result: 'failed'; readonly anchor: string; readonly code: string; readonly message: string };
