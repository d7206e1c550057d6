/**
 * Where an index stands in its log, and bringing one that is far behind up to it before a ledger opens.
 *
 * A ledger remembers the idempotency keys of what its index lacks. For the few records of a burst that is nothing; for
 * a log whose index lies on another machine, or is new, it would be all of them.
 */
import { lineHash } from '@indelible/core';
import type { LogStore } from '../stores/contract.ts';
import type { IndexTip, RecordIndex } from '../stores/index/contract.ts';
import { readGapless } from './gapless.ts';

/** What the ledger's own tail catches up with in passing. */
const BEHIND_MAX = 50_000;

export interface IndexingProgress {
  readonly records: number;
  readonly records_total: number;
}

/**
 * Everything below the returned number is indexed. An index of another or an older state of the log starts over.
 *
 * Whoever opens a ledger does this, also to read: another process may feed the same index all the while.
 */
export async function alignIndex(store: LogStore, index: RecordIndex): Promise<number> {
  for (;;) {
    // Before the log's ends: those only move on, so that an index of this log cannot be found ahead of it.
    const tip = await index.tip();
    const first_seq = await store.firstSeq();
    if (await isIndexOf(tip, first_seq, store)) return tip.position;
    // Not if it has moved meanwhile: then somebody else has seen to it, or feeds what a truncation left.
    await index.reset(first_seq, tip);
  }
}

/** Whether it has the log's first record, or nothing yet, and its last record is in the log, in the same place. */
async function isIndexOf(tip: IndexTip, first_seq: number, store: LogStore): Promise<boolean> {
  const { position, last_hash } = tip;
  if (last_hash === null) return position === first_seq;
  const head = await store.head();
  if (head === null || tip.first_seq > first_seq || position <= first_seq || position > head.seq + 1)
    return false;
  if (position === head.seq + 1) return last_hash === head.hash;
  const [last] = await store.get([position - 1]);
  return last !== undefined && lineHash(last.line, 0) === last_hash;
}

/**
 * Indexes what is missing, if that is much. Resolves with the number of records that were missing; raises
 * LEDGER_DAMAGED where the log has a gap.
 */
export async function catchUpIndex(
  store: LogStore,
  index: RecordIndex,
  onProgress: (progress: IndexingProgress) => void,
  behind_max: number = BEHIND_MAX,
): Promise<number> {
  const from = await alignIndex(store, index);
  const end = ((await store.head())?.seq ?? -1) + 1;
  const records_total = end - from;
  if (records_total <= behind_max) return 0;
  onProgress({ records: 0, records_total });
  for await (const batch of readGapless(store, from, end)) {
    await index.add(batch);
    onProgress({ records: batch.first_seq + batch.ends.length - from, records_total });
  }
  return records_total;
}
