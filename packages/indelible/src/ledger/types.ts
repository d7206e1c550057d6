/**
 * The ledger's public shapes. The ledger is the only writer: it sequences, seals, and answers with receipts.
 */
import { type Actor, CHAIN_DAMAGE, type Event, type LedgerRecord, type Receipt } from '@indelible/core';
import type { Head, LogStore, StoreFinding } from '../stores/contract.ts';
import type { RecordIndex } from '../stores/index/contract.ts';

/** Where the ledger reports what it did not raise: losses of best-effort records, retries, faults of the index. */
export interface LedgerLog {
  info(facts: Record<string, unknown>, message: string): void;
  warn(facts: Record<string, unknown>, message: string): void;
  error(facts: Record<string, unknown>, message: string): void;
}

/** A secret of a keyed ledger. The id is public and stands in each record; the bytes never leave the process. */
export interface ChainKey {
  readonly key_id: string;
  readonly secret: Uint8Array;
}

export interface LedgerOptions {
  readonly store: LogStore;
  readonly index?: RecordIndex;
  /** The ledger's name (origin), e.g. `acme.example/prod`; needed to create, checked when opening. */
  readonly name?: string;
  /** Active key first, then retired ones. Absent: the ledger is not keyed. */
  readonly keys?: readonly ChainKey[];
  /** Create when the store is empty (default), or raise LEDGER_NOT_FOUND. */
  readonly create?: boolean;
  /** What `record` does when storage fails: raise (default), or count and log the loss. */
  readonly durability?: 'required' | 'best-effort';
  /** Who acts when neither event nor context says so; default `local` with the process id. */
  readonly default_actor?: Actor;
  readonly log?: LedgerLog;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
  /** Records that may wait before BACKLOG_FULL; default 100,000. */
  readonly backlog_records_max?: number;
  /** Bytes that may wait before BACKLOG_FULL; default 64 MiB. */
  readonly backlog_bytes_max?: number;
  /**
   * Called before a bounded store evicts everything below `keep_from`, to record again what must outlive it (tokens).
   * When it raises, nothing is evicted yet.
   */
  readonly before_truncation?: (ledger: LedgerWriter, keep_from: number) => Promise<void>;
}

/** What record 0 (and every truncation record) says about the ledger. */
export interface LedgerConfig {
  readonly format: 1;
  readonly ledger: string;
  readonly hash: 'sha-256' | 'hmac-sha-256';
  /** Public check values of the keys used so far; empty for plain ledgers. */
  readonly keys: readonly { readonly key_id: string; readonly check: string }[];
}

export interface LedgerStats {
  /** Records acknowledged by this process. */
  readonly recorded: number;
  /** Durable appends by this process; recorded / commits is the mean batch. */
  readonly commits: number;
  /** Best-effort records lost by this process. */
  readonly lost: number;
  readonly waiting_records: number;
  readonly waiting_bytes: number;
  readonly head_seq: number;
  readonly index_position: number | null;
  /** The last storage fault, until an append succeeds again. */
  readonly fault: { readonly code: string; readonly message: string } | null;
}

/** The reading side: what evidence and surfaces need. */
export interface LedgerReader {
  readonly name: string;
  readonly url: string;
  readonly store: LogStore;
  readonly index: RecordIndex | null;
  head(): Promise<Head | null>;
  /** Parsed records by sequence number, in the order asked for, each with its hash. */
  get(seqs: readonly number[]): Promise<StoredRecord[]>;
  /** Waits until the index holds every record that is durable now (read your writes). */
  caughtUp(): Promise<void>;
}

/** A record with its hash and the exact bytes that were hashed. */
export interface StoredRecord {
  readonly hash: string;
  readonly record: LedgerRecord;
  /** The canonical JSON text. */
  readonly body: string;
}

export interface RecordOptions {
  /** Never throws into the caller: a loss is logged and counted. Default: the ledger's `durability`. */
  readonly best_effort?: boolean;
}

export interface LedgerWriter extends LedgerReader {
  /** Resolves when the record is durable. A best-effort call resolves to null when it was lost. */
  record(event: Event, options?: { best_effort?: false }): Promise<Receipt>;
  record(event: Event, options: RecordOptions): Promise<Receipt | null>;
  /** For Indelible's own surfaces: may use the actions that applications cannot (`ledger.…`). */
  recordOwn(event: Event): Promise<Receipt>;
  readonly stats: LedgerStats;
  close(): Promise<void>;
}

/** Kinds of damage, as `verify --json` names them in `damage`: those of the chain, the store and the index. */
export const DAMAGE_KINDS = [...CHAIN_DAMAGE, 'index_mismatch', 'segment_missing', 'store_altered'] as const;
export type DamageKind = (typeof DAMAGE_KINDS)[number];

export interface Finding {
  readonly damage: DamageKind;
  /** The first record concerned. */
  readonly seq: number;
  readonly detail: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  /** `not_checked`: a missing key or unreadable store kept it from checking; never reported as ok. */
  readonly verdict: 'consistent' | 'damaged' | 'not_checked';
  readonly ledger: string;
  readonly records_checked: number;
  readonly first_seq: number;
  readonly head: Head | null;
  readonly first_bad_seq: number | null;
  readonly damage: DamageKind | null;
  readonly detail: string;
  /** At most 100, lowest seq first; `findings_total` counts all. */
  readonly findings: readonly Finding[];
  readonly findings_total: number;
  readonly store_notes: readonly StoreFinding[];
  /** What this verdict cannot show, in words. */
  readonly does_not_prove: readonly string[];
  readonly index: { readonly checked: number; readonly lag: number } | null;
  readonly duration_ms: number;
}

export interface VerifyProgress {
  readonly records: number;
  readonly bytes: number;
  readonly bytes_total: number;
}
