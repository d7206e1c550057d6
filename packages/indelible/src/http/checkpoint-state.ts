/**
 * How checkpoints and anchors are doing, for health and metrics.
 */
import { parseNote, parseVerifierKey } from '@indelible/core';
import type { Ledger } from '../ledger/ledger.ts';
import type { PublishedCheckpoint, Transparency } from '../transparency/contract.ts';
import type { AnchorsStatus } from './options.ts';

/** What is open to everybody: sizes, times and codes; the messages of faults are in the log. */
export interface CheckpointState {
  /** Size of the newest published checkpoint; 0 before the first. */
  readonly size: number;
  readonly signed_size: number;
  /** Seconds since it was signed; null before the first. */
  readonly age_s: number | null;
  readonly fault: string | null;
}

export interface AnchorState {
  readonly anchor: string;
  readonly kind: string;
  readonly ok: boolean;
  readonly last_anchored_size: number | null;
  readonly last_anchored_at: string | null;
  readonly failing_since: string | null;
  readonly fault: string | null;
}

/** Null for a ledger without checkpoints. Never rejects: health must answer. */
export async function checkpointState(ledger: Ledger, now: number): Promise<CheckpointState | null> {
  const { transparency } = ledger;
  if (transparency === null) return null;
  const newest = await newestOf(transparency);
  return {
    size: newest?.size ?? 0,
    signed_size: transparency.signed_size,
    age_s: ageOf(newest, now),
    fault: transparency.fault?.code ?? null,
  };
}

/** The anchors of one ledger. */
export function anchorStates(anchors: AnchorsStatus | undefined): AnchorState[] {
  return (anchors?.status ?? []).map(
    ({ anchor, kind, last_anchored_size, last_anchored_at, failing_since, error }) => ({
      anchor,
      kind,
      ok: failing_since === null,
      last_anchored_size,
      last_anchored_at: timeOf(last_anchored_at),
      failing_since: timeOf(failing_since),
      fault: error?.code ?? null,
    }),
  );
}

/** The newest published checkpoint; null also where it cannot be read. */
export function newestOf(transparency: Transparency): Promise<PublishedCheckpoint | null> {
  return transparency.latest().catch(() => null);
}

/** Whole seconds; null before the first. */
export function ageOf(checkpoint: PublishedCheckpoint | null, now: number): number | null {
  return checkpoint === null ? null : Math.max(0, Math.round((now - checkpoint.signed_at) / 1000));
}

/** Signatures on the newest checkpoint that are not the log's own. */
export function cosignaturesOf(checkpoint: PublishedCheckpoint, verifier_keys: readonly string[]): number {
  const own = verifier_keys.map((key) => parseVerifierKey(key));
  return parseNote(checkpoint.note).signatures.filter(
    ({ name, key_id }) => !own.some((key) => key.name === name && key.key_id === key_id),
  ).length;
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
