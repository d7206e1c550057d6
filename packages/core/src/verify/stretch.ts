/**
 * Verification of one stretch of a log, as fast as it goes: it stops at the first line that does not fit.
 *
 * Several stretches can be verified at once and joined by comparing where one ends with where the next begins. What a
 * misfit means is for `ChainVerifier` to say, which needs to see what stands around it.
 *
 * Errors:  KEY_UNKNOWN when the ledger moves on to a key that was not given.
 * Pure:    no I/O.
 */
import { type ChainBeginning, type ChainEnd, ChainState } from './chain-state.ts';
import { type HashByKey, LineReader } from './line-reader.ts';
import type { LedgerNotice } from './notice.ts';

/** What a stretch amounts to; structured-cloneable, so that threads can report it. */
export interface StretchReport {
  readonly records: number;
  /** Null for a stretch without lines. */
  readonly beginning: ChainBeginning | null;
  readonly end: ChainEnd | null;
  readonly notices: readonly LedgerNotice[];
  /** False when a line did not fit; then `records` says how many before it did. */
  readonly clean: boolean;
}

/** Takes the leaf hash of every record, in order: a `MerkleRange`, say. */
export interface LeafSink {
  append(leaf: string): void;
}

export class StretchVerifier {
  /** Whether a record among the lines taken last refers to an attachment. */
  has_attachments = false;
  readonly #reader: LineReader;
  readonly #leaves: LeafSink | undefined;
  readonly #state = new ChainState();
  #clean = true;

  /** `leaves` gets the records that fit, and no others. */
  constructor(hashByKey: HashByKey, leaves?: LeafSink) {
    this.#reader = new LineReader(hashByKey);
    this.#leaves = leaves;
  }

  get records(): number {
    return this.#state.records;
  }

  /** Takes consecutive lines; false once one does not fit, and then there is no use in going on. */
  push(bytes: Uint8Array, ends: ArrayLike<number>, stored_seqs?: ArrayLike<number>): boolean {
    const reader = this.#reader;
    const state = this.#state;
    let start = 0;
    this.has_attachments = false;
    for (let i = 0; this.#clean && i < ends.length; i++) {
      const end = ends[i]!;
      reader.read(bytes, start, end);
      if (state.beginning === null && reader.problem === null) state.beginAt(reader);
      if (
        state.beginning !== null &&
        state.fits(reader) &&
        (stored_seqs === undefined || stored_seqs[i] === reader.seq)
      ) {
        this.#leaves?.append(reader.leaf());
        state.accept(reader);
        if (reader.has_attachment) this.has_attachments = true;
      } else {
        this.#clean = false;
      }
      start = end;
    }
    return this.#clean;
  }

  report(): StretchReport {
    const { records, beginning, notices } = this.#state;
    return { records, beginning, end: this.#state.end(), notices, clean: this.#clean };
  }
}

/** True when `after` begins exactly where `before` ends. */
export function stretchesJoin(before: StretchReport, after: StretchReport): boolean {
  const { end } = before;
  const { beginning } = after;
  if (end === null || beginning === null || before.beginning === null) return false;
  return (
    beginning.seq === end.seq + 1 &&
    beginning.prev_hash === end.hash &&
    beginning.recorded_at >= end.recorded_at &&
    beginning.ledger === before.beginning.ledger &&
    beginning.key_id === end.key_id
  );
}
