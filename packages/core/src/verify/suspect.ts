/**
 * A line held back for a closer look, with what can be said about it alone.
 *
 * Pure:    no I/O.
 */
import type { LineProblem, LineReader } from './line-reader.ts';

export interface Suspect {
  readonly line: Uint8Array;
  readonly problem: LineProblem;
  readonly seq: number;
  /** Recomputed over the record's bytes. */
  readonly hash: string;
  readonly stored_hash: string;
  readonly prev_hash: string;
  readonly ledger: string;
  readonly key_id: string | null;
  readonly stored_seq: number | undefined;
  /** Its bytes have the hash that stands beside them. */
  readonly intact: boolean;
}

/** Copies the line that `reader` has just read, with all that it found. */
export function suspectOf(reader: LineReader, stored_seq: number | undefined): Suspect {
  return {
    // Not `slice`: given a Node Buffer, that would share its memory.
    line: new Uint8Array(reader.bytes.subarray(reader.start, reader.end)),
    problem: reader.problem,
    seq: reader.seq,
    hash: reader.hash,
    stored_hash: reader.stored_hash(),
    prev_hash: reader.prev_hash(),
    ledger: reader.ledger(),
    key_id: reader.key_id,
    stored_seq,
    intact: reader.hasOwnHash(),
  };
}
