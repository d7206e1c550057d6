/**
 * What the records say was anchored.
 *
 * Shapes:  times are RFC 3339 in UTC.
 * Errors:  INDEX_DAMAGED when there is no usable index.
 */
import type { Json, JsonObject } from '@indelible/core';
import type { LedgerReader, StoredRecord } from '../ledger/types.ts';
import { indexOf } from './query.ts';

const ANCHORED = 'ledger.anchored';
const PAGE = 200;

/** One `ledger.anchored`. */
export interface Anchoring {
  readonly seq: number;
  readonly recorded_at: string;
  /** The anchor's name. */
  readonly anchor: string;
  readonly kind: string;
  readonly size: number;
  readonly root: string;
  readonly receipt: Json;
}

/** Every anchoring on record, newest first. */
export async function* anchorings(ledger: LedgerReader): AsyncGenerator<Anchoring> {
  await ledger.caughtUp();
  const index = indexOf(ledger);
  let beyond: number | undefined;
  for (;;) {
    const from = beyond === undefined ? {} : { beyond };
    const found = await index.search({ filter: { action: ANCHORED }, order: 'newest', limit: PAGE, ...from });
    for (const stored of await ledger.get(found.seqs)) {
      const anchoring = anchoringOf(stored);
      if (anchoring !== null) yield anchoring;
    }
    beyond = found.seqs.at(-1);
    if (!found.more || beyond === undefined) return;
  }
}

/** Null for what is no such record: the record has the last word, not the index. */
function anchoringOf({ record }: StoredRecord): Anchoring | null {
  const { action, seq, recorded_at, data } = record;
  if (action !== ANCHORED || typeof data !== 'object' || data === null || Array.isArray(data)) return null;
  const { anchor, kind, size, root, receipt } = data as JsonObject;
  if (typeof anchor !== 'string' || typeof kind !== 'string' || receipt === undefined) return null;
  if (typeof size !== 'number' || typeof root !== 'string') return null;
  return { seq, recorded_at, anchor, kind, size, root, receipt };
}
