/**
 * The table that a database anchor keeps checkpoints in, whatever the database.
 *
 * To anchor in another database, implement `CheckpointTable` for it and hand it to `openDatabaseAnchor`.
 */
import type { AnchoredCheckpoint, CheckpointToAnchor } from '../contract.ts';

export interface CheckpointTable {
  /**
   * Adds a row and is durable when it resolves, if `allows` agrees to the newest one of that origin (null: there is
   * none). Comparing and adding are one transaction: of two writers with the same expectation one sees the other's row.
   * Answers with the row held for that origin and size, its own or the one that `allows` found to be there.
   */
  add(
    row: AnchoredCheckpoint,
    allows: (newest: AnchoredCheckpoint | null) => boolean,
  ): Promise<AnchoredCheckpoint>;

  /** The row for a size, null when there is none. */
  at(origin: string, size: number): Promise<AnchoredCheckpoint | null>;

  /** The row of the greatest size, null when there is none. */
  newest(origin: string): Promise<AnchoredCheckpoint | null>;

  /** Smallest first. */
  all(origin: string): AsyncIterable<AnchoredCheckpoint>;

  close(): Promise<void>;
}

/** A row without its time. */
export function checkpointOfRow(row: {
  origin: string;
  size: number;
  root: string;
  note: string;
}): CheckpointToAnchor {
  return { origin: row.origin, size: row.size, root: row.root, note: row.note };
}
