/**
 * What an outbox promises: events that applications left in their own transactions, until a sealer takes them.
 *
 * One sealer at a time leads. Whoever led before is fenced off by its epoch: what it still tries raises OUTBOX_FENCED
 * and changes nothing. An event leaves the outbox in the very transaction that makes its record durable.
 *
 * Errors every outbox raises: STORE_FULL, STORE_READ_ONLY, STORE_UNAVAILABLE, LEDGER_CLOSED after `close`.
 */
import type { Head, LineBatch, LogStore } from '../stores/contract.ts';

/** Who may seal now. */
export interface Lease {
  readonly is_leader: boolean;
  /** Grows whenever another leads. */
  readonly epoch: number;
}

/** An event in the outbox. */
export interface WaitingEvent {
  /** Its place: the order of the outbox, which keeps the order of commits for each correlation id. */
  readonly position: number;
  /** JSON text, as it was left there. */
  readonly event: string;
}

/** What there was when a sweep over the outbox began. */
export interface Sweep {
  /** The last position. */
  readonly up_to: number;
  /** What was committed by then, as the outbox itself tells it. */
  readonly seen: string;
}

/** A part of what waits. */
export interface WaitingPart {
  readonly events: readonly WaitingEvent[];
  readonly sweep: Sweep;
}

/** An event that can never be sealed as it is. */
export interface RefusedEvent {
  readonly position: number;
  readonly code: string;
  readonly message: string;
}

/** The record that an idempotency key belongs to. */
export interface SealedKey {
  readonly seq: number;
  readonly digest: string;
}

export interface OutboxLag {
  readonly waiting: number;
  /** Since when the oldest of them waits; 0 when none does. */
  readonly oldest_s: number;
  /** Set aside, to be looked at by somebody. */
  readonly refused: number;
}

export interface Outbox {
  readonly url: string;
  /** The ledger that its events belong to. */
  readonly ledger_name: string;
  /** The log that they go into. */
  readonly log: Pick<LogStore, 'url' | 'head' | 'get' | 'read' | 'reserve'>;

  /** Takes or keeps the lead for `seconds`; 0 gives it up. What `idle` said holds as long as the lead is kept. */
  lead(holder: string, seconds: number): Promise<Lease>;

  /**
   * The events that wait now, first to last, as far as the bounds reach; at least one if there is any. `behind` goes on
   * with a sweep. It never passes what was committed at its beginning: of two events of one run, committed one after the
   * other meanwhile, the second may have a place that is still to come, and the first one that is behind.
   */
  waiting(
    at_most: number,
    bytes_max: number,
    behind?: { readonly after: number; readonly sweep: Sweep },
  ): Promise<WaitingPart>;

  /** Those of the keys that records in the log have. */
  sealedKeys(keys: readonly string[]): Promise<Map<string, SealedKey>>;

  /**
   * Appends `batch` as a store does, and takes the events at `positions` out of the outbox: both or neither. Raises
   * HEAD_MOVED like `append`, and OUTBOX_FENCED when the lead is another's or an event is gone. May be called again
   * before it settles, like `append`. An empty batch only takes the events out.
   */
  seal(epoch: number, batch: LineBatch, expected: Head | null, positions: readonly number[]): Promise<void>;

  /** Takes events that cannot be sealed out of the others' way, and keeps them with the reason. */
  setAside(epoch: number, events: readonly RefusedEvent[]): Promise<void>;

  /** Says that nothing waits: whoever leaves an event within `seconds` is asked to wake us. */
  idle(epoch: number, seconds: number): Promise<void>;

  /** Resolves when events may wait, after `ms`, or when the signal aborts. */
  waitForEvents(ms: number, signal: AbortSignal): Promise<void>;

  lag(): Promise<OutboxLag>;

  close(): Promise<void>;
}
