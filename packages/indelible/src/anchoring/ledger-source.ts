/**
 * What the schedule of anchors needs of a ledger: the newest checkpoint, and what its records say about anchoring.
 *
 * Errors:  those of reading and recording.
 */
import type { JsonObject, LedgerRecord } from '@indelible/core';
import type { AnchorHistory, SchedulerSource } from '../anchors/schedule.ts';
import type { Ledger } from '../ledger/ledger.ts';

const ANCHORED = 'ledger.anchored';
const FAILED = 'ledger.anchor_failed';
const PAGE = 200;

/** A ledger that is open for writing, with its index. */
export function ledgerSource(ledger: Ledger): SchedulerSource {
  return {
    async latest() {
      const newest = await ledger.transparency?.latest();
      if (newest === undefined || newest === null) return null;
      const { size, root, note } = newest;
      return { origin: ledger.name, size, root, note };
    },
    record: ({ action, outcome, data }) =>
      ledger.recordOwn({
        action,
        outcome,
        resource: { type: 'ledger', id: ledger.name },
        data: data as unknown as JsonObject,
      }),
    history: (anchor) => historyOf(ledger, anchor),
    async anchoringRecords(from, to) {
      return (await countOf(ledger, ANCHORED, from, to)) + (await countOf(ledger, FAILED, from, to));
    },
  };
}

async function historyOf(ledger: Ledger, anchor: string): Promise<AnchorHistory> {
  const anchored = await newestOf(ledger, ANCHORED, anchor);
  const failed = await newestOf(ledger, FAILED, anchor);
  const failed_later = failed !== null && (anchored === null || failed.seq > anchored.seq);
  return {
    anchored:
      anchored === null
        ? null
        : { size: Number(anchored.data.size), root: String(anchored.data.root), at: anchored.at },
    failed: failed_later
      ? { code: String(failed.data.code), message: String(failed.data.message), at: failed.at }
      : null,
  };
}

async function newestOf(
  ledger: Ledger,
  action: string,
  anchor: string,
): Promise<{ readonly seq: number; readonly at: number; readonly data: JsonObject } | null> {
  let beyond: number | undefined;
  for (;;) {
    const { seqs, more } = await search(ledger, action, 'newest', beyond === undefined ? {} : { beyond });
    for (const { record } of await ledger.get(seqs)) {
      const data = dataOf(record);
      // The record has the last word, not the index.
      if (record.action === action && data?.anchor === anchor)
        return { seq: record.seq, at: Date.parse(record.recorded_at), data };
    }
    beyond = seqs.at(-1);
    if (!more || beyond === undefined) return null;
  }
}

async function countOf(ledger: Ledger, action: string, from: number, to: number): Promise<number> {
  let count = 0;
  let beyond = from - 1;
  for (;;) {
    const { seqs, more } = await search(ledger, action, 'oldest', { beyond, below: to });
    count += seqs.length;
    if (!more) return count;
    beyond = seqs.at(-1)!;
  }
}

async function search(
  ledger: Ledger,
  action: string,
  order: 'newest' | 'oldest',
  range: { readonly beyond?: number; readonly below?: number },
): Promise<{ readonly seqs: number[]; readonly more: boolean }> {
  // Without an index nothing is known: anchors are then asked once more than needed, which is harmless.
  if (ledger.index === null) return { seqs: [], more: false };
  await ledger.caughtUp();
  return ledger.index.search({ filter: { action }, order, limit: PAGE, ...range });
}

function dataOf({ data }: LedgerRecord): JsonObject | null {
  return typeof data === 'object' && data !== null && !Array.isArray(data) ? (data as JsonObject) : null;
}
