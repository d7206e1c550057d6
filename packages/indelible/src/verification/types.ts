/**
 * What a verification of proofs is given: places to look, and whom to believe.
 */
import type { Policy, RangeState } from '@indelible/core';
import type { Anchor, AnchorReceipt, CheckpointToAnchor, ReceiptVerdict } from '../anchors/contract.ts';
import type { ChainPosition } from '../ledger/verify-chain.ts';
import type { TreeStorage } from '../transparency/contract.ts';

/** What lies beside a log: derived hashes, and the checkpoints that were signed. Read only. */
export interface StoredProofs {
  /** Null where nothing is stored that somebody could have changed. */
  readonly tree: Pick<TreeStorage, 'width' | 'read'> | null;
  /** Every signed checkpoint that is kept, smallest first. */
  checkpoints(): AsyncIterable<StoredCheckpoint>;
  close(): Promise<void>;
}

export interface StoredCheckpoint {
  readonly size: number;
  readonly root: string;
  readonly note: string;
}

/** A checkpoint that the verifier kept from earlier: its own memory. */
export interface KeptCheckpoint {
  /** How it is named in the report, e.g. its file. */
  readonly name: string;
  readonly note: string;
}

/** Whom to believe. */
export interface VerifyTrust {
  /** Verifier keys of the log. None: those that the log itself announces, and the verdict says so. */
  readonly keys?: readonly string[];
  /** Which witnesses must have cosigned. */
  readonly policy?: Policy;
  /** Checkpoints that the verifier kept. */
  readonly kept?: readonly KeptCheckpoint[];
  /** Anchors that can be asked what they keep. */
  readonly anchors?: readonly Anchor[];
  /** Checks receipts of timestamp authorities, offline. */
  readonly timestamps?: ReceiptChecker;
}

export interface ReceiptChecker {
  check(receipt: AnchorReceipt, checkpoint: CheckpointToAnchor): Promise<ReceiptVerdict>;
}

/** How far a log was verified, to go on from there. */
export interface VerifiedPosition {
  readonly ledger: string;
  readonly size: number;
  readonly root: string;
  /** RFC 3339. */
  readonly verified_at: string;
  /** When all of it was last read; RFC 3339. */
  readonly full_at: string;
  /** Keys that the log announces for its checkpoints, the active one first. */
  readonly keys: readonly string[];
  readonly chain: ChainPosition;
  readonly tree: RangeState;
}

/** Where the position is kept between two verifications. */
export interface PositionStore {
  /** Null when there is none, or it cannot be used. */
  read(): Promise<VerifiedPosition | null>;
  write(position: VerifiedPosition): Promise<void>;
}
