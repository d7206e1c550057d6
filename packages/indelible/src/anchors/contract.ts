/**
 * What an anchor promises: it keeps a checkpoint where whoever controls the ledger cannot change it, and says what it
 * keeps when asked.
 *
 * An anchor that fails never blocks recording: its error is recorded, shown in health, and tried again.
 *
 * Shapes:  roots are 64 lower-case hex digits; times are RFC 3339 in UTC.
 */
import type { Json } from '@indelible/core';

export interface CheckpointToAnchor {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  /** The signed note. */
  readonly note: string;
}

/** What an anchor answers with; stands as it is in the record `ledger.anchored`, so no secrets. At most 32 KiB. */
export interface AnchorReceipt {
  /** When the anchor says that it took it; null when it makes no statement about time. */
  readonly anchored_at: string | null;
  /** What a verifier needs to check it later: a token, a path, an identifier. */
  readonly evidence: Json;
}

/** What the anchor holds for a log. */
export interface AnchoredCheckpoint {
  readonly checkpoint: CheckpointToAnchor;
  readonly anchored_at: string | null;
}

/** What checking one receipt showed. */
export interface ReceiptVerdict {
  readonly ok: boolean;
  /** `attested`: somebody other than us says when. `asserted`: the time is our own claim, or there is none. */
  readonly time: 'attested' | 'asserted';
  readonly anchored_at: string | null;
  /** One sentence: what holds, or what does not. */
  readonly detail: string;
}

export interface Anchor {
  /** Stable within a ledger; from the configuration, e.g. `timestamp:tsa.example`. No credentials. */
  readonly name: string;
  readonly kind: 'file' | 'webhook' | 'database' | 'timestamp' | 's3';

  /** Keeps the checkpoint; resolves once it is kept durably. Repeating the same checkpoint is harmless. */
  publish(checkpoint: CheckpointToAnchor, signal: AbortSignal): Promise<AnchorReceipt>;

  /**
   * The newest checkpoint that it keeps for an origin, null when none: what a verifier compares a ledger with, also one
   * that has vanished. Absent where the anchor cannot be asked (webhook, timestamp).
   */
  newest?(origin: string): Promise<AnchoredCheckpoint | null>;

  /** All that it keeps for an origin, smallest first. Present where `newest` is. */
  all?(origin: string): AsyncIterable<AnchoredCheckpoint>;

  /** Checks a receipt from a record against the checkpoint that it is for. Offline where its kind allows. */
  check(receipt: AnchorReceipt, checkpoint: CheckpointToAnchor): Promise<ReceiptVerdict>;

  close(): Promise<void>;
}

/** How the anchoring of a ledger with one anchor is doing, for health and metrics. Times are milliseconds since 1970. */
export interface AnchorStatus {
  readonly anchor: string;
  readonly kind: Anchor['kind'];
  readonly last_anchored_size: number | null;
  readonly last_anchored_at: number | null;
  /** Null while it works. */
  readonly failing_since: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** When it is tried next; null before the start and after the end. */
  readonly next_at: number | null;
}
