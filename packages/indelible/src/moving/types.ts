/**
 * What copying is given: the two places, and what lies beside their logs.
 */
import type { AttachmentReader, AttachmentStore } from '../attachments/contract.ts';
import type { Head, LogStore } from '../stores/contract.ts';
import type { CheckpointHistory, TreeStorage } from '../transparency/contract.ts';

/** What lies beside a log that was signed. */
export interface KeptProofs {
  readonly tree: TreeStorage;
  readonly history: CheckpointHistory;
}

/** What is read of it to be copied. */
export interface SourceProofs {
  readonly tree: Pick<TreeStorage, 'width' | 'read'>;
  readonly history: Pick<
    CheckpointHistory,
    'newest' | 'newestSigned' | 'atLeast' | 'keyRecords' | 'withheld'
  >;
}

/** The log that is copied. Nothing of it is changed. */
export interface CopySource {
  readonly store: LogStore;
  /** Null: a record that refers to an attachment cannot be copied. */
  readonly attachments: AttachmentReader | null;
  /**
   * Opens what was signed of it, the first time that there is something; null as long as there is not, and where it
   * cannot be reached. Closed by its caller.
   */
  readonly openProofs: () => Promise<SourceProofs | null>;
}

/** Where the copy goes. */
export interface CopyTarget {
  readonly store: LogStore;
  readonly attachments: AttachmentStore;
  /** Opens what lies beside the copy, once there is something to put there; null where nothing can. Closed by its caller. */
  readonly openProofs: () => Promise<KeptProofs | null>;
}

export interface CopyProgress {
  /** Records that were read and verified. */
  readonly records: number;
  readonly records_total: number;
  /** Records that were written. */
  readonly copied: number;
  readonly bytes: number;
}

/** What one run has done. */
export interface CopySummary {
  readonly ledger: string;
  /** Where it went on; the number of the first record that it wrote. */
  readonly resumed_at: number;
  /** Records, attachments and checkpoints that the copy did not have. */
  readonly copied: number;
  readonly attachments: number;
  readonly checkpoints: number;
  /** Records that the copy has now. */
  readonly records: number;
  readonly first_seq: number;
  readonly head: Head;
  /** Records under the newest checkpoint that both have; 0 without. */
  readonly checkpoint_size: number;
  /** The root of the Merkle tree over the source's records as they were read; null when they were not all read. */
  readonly root: string | null;
}
