/**
 * What an index promises: a derived, rebuildable view of a log that answers queries.
 *
 * It tails the log off the acknowledgement path, so it may lag; `position` says by how much, and `caughtUp` waits.
 * It holds nothing that is not in the log: losing it costs a `reindex`, and `check` compares it with the log.
 *
 * Errors: INDEX_DAMAGED when its file cannot be used, QUERY_INVALID for a filter it cannot run.
 */
import type { LineBatch } from '../contract.ts';

/** All given members must match. Times are RFC 3339 UTC with milliseconds and compare to `recorded_at`. */
export interface Filter {
  readonly actor?: string;
  readonly actor_type?: string;
  /** Exact; with a trailing `*`, a prefix. */
  readonly action?: string;
  readonly resource?: string;
  readonly resource_type?: string;
  readonly outcome?: string;
  readonly correlation_id?: string;
  readonly session?: string;
  /** Inclusive. */
  readonly since?: string;
  /** Exclusive. */
  readonly until?: string;
  /** Words that must all appear somewhere in the record, in any case. */
  readonly text?: string;
}

export interface Search {
  readonly filter: Filter;
  readonly order: 'newest' | 'oldest';
  /** 1 to 10,000. */
  readonly limit: number;
  /** Exclusive: only records beyond this one, in the direction of `order`. */
  readonly beyond?: number;
  /** Only records with seq < this: keeps a listing stable while the log grows. */
  readonly below?: number;
}

export interface SearchResult {
  /** Sequence numbers in the order asked for. */
  readonly seqs: number[];
  /** True when the limit cut the list. */
  readonly more: boolean;
  /** Records with seq < this are in the index. */
  readonly position: number;
}

export interface KeyedRecords {
  readonly seqs: Map<string, number>;
  /** Of records from here on the answer says nothing. */
  readonly position: number;
}

/** An index row that disagrees with its record, or is missing or surplus. */
export interface IndexFinding {
  readonly seq: number;
  readonly detail: string;
}

/** What an index holds: the records from `first_seq` up to, not including, `position`. */
export interface IndexTip {
  readonly first_seq: number;
  readonly position: number;
  /** The stored hash of the last of them, which tells this log from another; null when the index holds none. */
  readonly last_hash: string | null;
}

export interface RecordIndex {
  /** The next sequence number to be indexed: everything below is searchable. */
  position(): Promise<number>;
  tip(): Promise<IndexTip>;
  /**
   * Adds consecutive lines; `batch.first_seq` must be the position, otherwise it is ignored. Atomic. Resolves with the
   * position behind it.
   */
  add(batch: LineBatch): Promise<number>;
  search(search: Search): Promise<SearchResult>;
  /** How many records match, at most `cap` (then the answer is `cap`). */
  count(filter: Filter, cap: number): Promise<number>;
  /** Sequence number by record id, or null. */
  byId(id: string): Promise<number | null>;
  /** Sequence numbers by idempotency key, as far as the index reaches. Only keys that are known appear. */
  byIdempotencyKeys(keys: readonly string[]): Promise<KeyedRecords>;
  /**
   * Compares rows with the lines: feed all lines from the first stored on, then `finish`. Each finding names the
   * first column that differs. Lines past the index position are passed over (they are lag, not damage).
   */
  check(): Promise<{ feed(batch: LineBatch): Promise<IndexFinding[]>; finish(): Promise<IndexFinding[]> }>;
  /**
   * Forgets everything; the tail then rebuilds it. `from` is the first sequence number that the log still has. With
   * `only_at`, nothing happens unless that is the tip: what was decided on must still be so.
   */
  reset(from: number, only_at?: IndexTip): Promise<void>;
  /** Forgets rows below a sequence number, after a sanctioned truncation. */
  truncate(keep_from: number): Promise<void>;
  close(): Promise<void>;
}
