/**
 * The ledger's public shapes. The ledger is the only writer: it sequences, seals, and answers with receipts.
 */
import {
  type Actor,
  CHAIN_DAMAGE,
  type Event,
  type GradedVerdict,
  type Json,
  type LedgerRecord,
  type Receipt,
} from '@indelible/core';
import type { AttachmentReader, AttachmentStore } from '../attachments/contract.ts';
import type { Head, LogStore, StoreFinding } from '../stores/contract.ts';
import type { RecordIndex } from '../stores/index/contract.ts';
import type { LogFollower, Transparency } from '../transparency/contract.ts';
import type { Leaves } from './leaf-tiles.ts';
import type { ChainPosition, ChainVerdict } from './verify-chain.ts';

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
  /** Where data goes that is too large for a record. Absent: RECORD_TOO_LARGE. */
  readonly attachments?: AttachmentStore;
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
  /** How long `caughtUp`, and idempotency keys while the index is rebuilt, wait before INDEX_BEHIND; default: as long as it takes. */
  readonly index_wait_ms?: number;
  /**
   * Called before a bounded store evicts everything below `keep_from`, to record again what must outlive it (tokens).
   * When it raises, nothing is evicted yet.
   */
  readonly before_truncation?: (ledger: LedgerWriter, keep_from: number) => Promise<void>;
  /** Opens what shows the log to outsiders (transparency/). The ledger closes it. */
  readonly follow?: OpenFollower;
}

/** Opens what follows the log; null for a ledger that nothing follows. */
export type OpenFollower = (ledger: LedgerWriter) => Promise<LogFollower | null>;

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
  /** How far checkpoints reach, and what keeps them from being signed; null for a ledger without. */
  readonly checkpoints: Pick<Transparency, 'tree_size' | 'signed_size' | 'published_size' | 'fault'> | null;
}

/** The reading side: what evidence and surfaces need. */
export interface LedgerReader {
  readonly name: string;
  readonly url: string;
  readonly store: LogStore;
  readonly index: RecordIndex | null;
  readonly attachments: AttachmentReader | null;
  head(): Promise<Head | null>;
  /** Parsed records by sequence number, in the order asked for, each with its hash. */
  get(seqs: readonly number[]): Promise<StoredRecord[]>;
  /** The data of a record, also when it lies in an attachment; undefined when the record has none. */
  dataOf(record: LedgerRecord): Promise<Json | undefined>;
  /**
   * Waits until the index holds every record that is durable now (read your writes), or with `at_least` every record up
   * to that one. Raises INDEX_BEHIND after the ledger's `index_wait_ms`, QUERY_INVALID for a record that is not there.
   */
  caughtUp(options?: { readonly at_least?: number }): Promise<void>;
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

export interface OwnRecordOptions {
  /** What spares asking the index: no record up to this one has the event's idempotency key. */
  readonly key_behind?: number;
}

export interface LedgerWriter extends LedgerReader {
  /** Checkpoints and proofs; null for a ledger without. */
  readonly transparency: Transparency | null;
  /** Resolves when the record is durable. A best-effort call resolves to null when it was lost. */
  record(event: Event, options?: { best_effort?: false }): Promise<Receipt>;
  record(event: Event, options: RecordOptions): Promise<Receipt | null>;
  /** For Indelible's own surfaces: may use the actions that applications cannot (`ledger.…`). */
  recordOwn(event: Event, options?: OwnRecordOptions): Promise<Receipt>;
  readonly stats: LedgerStats;
  close(): Promise<void>;
}

/** Kinds of damage, as `verify --json` names them in `damage`: of the chain, the store, what is derived, the proofs. */
export const DAMAGE_KINDS = [
  ...CHAIN_DAMAGE,
  'index_mismatch',
  'tree_mismatch',
  'segment_missing',
  'store_altered',
  'attachment_missing',
  'attachment_altered',
  'root_mismatch',
  'records_missing',
  'fork',
  'signature_wrong',
  'anchor_mismatch',
  'anchor_ahead',
] as const;
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
  /** Null when they were not checked. */
  readonly attachments: { readonly checked: number; readonly unreferenced: number } | null;
  /** What was proved, graded: docs/reference/verdict.md. */
  readonly graded: GradedVerdict;
  /** What the records were compared with; null when that was nothing. */
  readonly proofs: ProofsCompared | null;
  readonly duration_ms: number;
}

/** What else than its chain the log was compared with. */
export interface ProofsCompared {
  /** Where the verification began: 0, or behind what had been verified before. */
  readonly verified_from: number;
  /** Hashes of the stored tree; null when there is none, or its records were not read now. */
  readonly tree: { readonly checked: number; readonly lag: number } | null;
  readonly checkpoints: number;
  /** Verifier keys that were believed: as they were given, or because the log itself announces them. */
  readonly keys: readonly string[];
  readonly keys_from: 'given' | 'log' | null;
}

/** What the comparison with proofs found. */
export interface ProofFindings {
  /** Whose signatures count, whatever they stand under. */
  readonly verifier_keys: readonly string[];
  readonly graded: GradedVerdict;
  readonly compared: ProofsCompared;
  readonly findings: readonly Finding[];
  readonly findings_total: number;
}

/** Compares a log with its proofs, while and after it is read. */
export interface ProofChecker {
  readonly tree: 'roots' | 'leaves';
  /** Goes on behind records that were verified before. */
  readonly from: ChainPosition | null;
  takeLeaves(leaves: Leaves): void;
  conclude(chain: ChainVerdict): Promise<ProofFindings>;
}

export interface VerifyProgress {
  readonly records: number;
  readonly bytes: number;
  readonly bytes_total: number;
}
