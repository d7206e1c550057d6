/**
 * Reading a log for what counts on every record being there: an index numbers what it is given one after the other.
 *
 * Errors:  LEDGER_DAMAGED at the first record that is missing, once all before it have been given.
 */
import { IndelibleError } from '@indelible/core';
import type { LineBatch, LogStore } from '../stores/contract.ts';

/** The lines with `from` <= seq < `to` (default: all that are there now), those apart that were dropped by truncation. */
export async function* readGapless(
  store: Pick<LogStore, 'read' | 'firstSeq'>,
  from: number,
  to?: number,
): AsyncGenerator<LineBatch> {
  let next = from;
  for await (const batch of store.read(from, to)) {
    const { first_seq, ends } = batch;
    // A log may be truncated while it is read.
    if (first_seq !== next && (first_seq < next || first_seq > (await store.firstSeq()))) throw missing(next);
    const count = countConsecutive(batch);
    yield count === ends.length ? batch : { ...batch, ends: Array.from(ends).slice(0, count) };
    next = first_seq + count;
    if (count < ends.length) throw missing(next);
  }
  if (to !== undefined && next < to) throw missing(next);
}

/** How many lines from the first on are filed under consecutive numbers. */
function countConsecutive({ first_seq, ends, stored_seqs }: LineBatch): number {
  if (stored_seqs === undefined) return ends.length;
  let count = 0;
  while (count < ends.length && stored_seqs[count] === first_seq + count) count++;
  return count;
}

function missing(seq: number): IndelibleError {
  return new IndelibleError(
    'LEDGER_DAMAGED',
    `record ${seq} is missing from the log: what is behind it cannot be indexed`,
    {
      details: { seq },
    },
  );
}
