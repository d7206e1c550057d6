/**
 * Records by their action and by what they are about, with everything that is durable now. Nobody waits for the index:
 * what it has not got yet is read from the end of the log.
 *
 * Errors:  INDEX_DAMAGED for a ledger without an index; those of the ledger.
 */
import { IndelibleError, type LedgerRecord } from '@indelible/core';
import type { LedgerReader } from '../ledger/types.ts';

/** Where the end of the log is longer than this, waiting for the index takes less time than reading it. */
const TAIL_MAX = 500;
const PAGE = 1000;

export interface RecordFilter {
  /** Exact; with a trailing `*`, a prefix. */
  readonly action?: string;
  /** The id of the resource, or of a related one. */
  readonly resource?: string;
}

export interface RecordSearch extends RecordFilter {
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
  /** Only records behind this one. */
  readonly behind?: number;
}

/** The first matches in the order asked for. */
export async function findRecords(ledger: LedgerReader, search: RecordSearch): Promise<LedgerRecord[]> {
  const { order, limit, behind = -1, ...filter } = search;
  const index = indexOf(ledger);
  // With order newest `beyond` would count downwards.
  const ask = () => index.search({ filter, order, limit, ...(order === 'oldest' ? { beyond: behind } : {}) });
  let [found, head] = await Promise.all([ask(), ledger.head()]);
  if (head !== null && head.seq - found.position >= TAIL_MAX) {
    await ledger.caughtUp({ at_least: head.seq });
    found = await ask();
  }
  const indexed = await recordsAt(ledger, found.seqs);
  const tail = await recordsAt(ledger, range(Math.max(found.position, behind + 1), (head?.seq ?? -1) + 1));
  const all = order === 'oldest' ? [...indexed, ...tail] : [...tail.reverse(), ...indexed];
  return all.filter((record) => record.seq > behind && isMatch(record, filter)).slice(0, limit);
}

/** All matches from `from` up to, and without, `to`, which must be durable; oldest first. */
export async function* recordsBetween(
  ledger: LedgerReader,
  from: number,
  to: number,
  filter: RecordFilter,
): AsyncGenerator<LedgerRecord> {
  if (to - from <= TAIL_MAX) {
    for (const record of await recordsAt(ledger, range(from, to))) if (isMatch(record, filter)) yield record;
    return;
  }
  await ledger.caughtUp({ at_least: to - 1 });
  for (let beyond = from - 1; ; ) {
    const { seqs, more } = await indexOf(ledger).search({
      ...{ filter, beyond, below: to, limit: PAGE },
      order: 'oldest',
    });
    for (const record of await recordsAt(ledger, seqs)) if (isMatch(record, filter)) yield record;
    if (!more) return;
    beyond = seqs.at(-1)!;
  }
}

function indexOf({ index }: LedgerReader): NonNullable<LedgerReader['index']> {
  if (index !== null) return index;
  throw new IndelibleError('INDEX_DAMAGED', 'operations need a ledger with an index');
}

async function recordsAt(ledger: LedgerReader, seqs: readonly number[]): Promise<LedgerRecord[]> {
  const records: LedgerRecord[] = [];
  for (let i = 0; i < seqs.length; i += PAGE)
    for (const { record } of await ledger.get(seqs.slice(i, i + PAGE))) records.push(record);
  return records;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}

/** The index is derived: the record has the last word. */
function isMatch(record: LedgerRecord, { action, resource }: RecordFilter): boolean {
  return (
    (action === undefined || isAction(record.action, action)) &&
    (resource === undefined || concerns(record, resource))
  );
}

function isAction(action: string, wanted: string): boolean {
  return wanted.endsWith('*') ? action.startsWith(wanted.slice(0, -1)) : action === wanted;
}

function concerns({ resource, related_resources = [] }: LedgerRecord, id: string): boolean {
  return resource?.id === id || related_resources.some((one) => one.id === id);
}
