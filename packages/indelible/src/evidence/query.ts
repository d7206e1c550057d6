/**
 * Queries: pages of records in order, stable while the ledger grows.
 *
 * A listing is fixed at its first page: later records are left out, newest first or oldest first, so no page
 * repeats or skips a record. Whoever wants the newer ones starts a new listing.
 *
 * Errors:  QUERY_INVALID, CURSOR_INVALID, INDEX_DAMAGED when there is no usable index.
 */
import { IndelibleError } from '@indelible/core';
import type { LedgerReader, StoredRecord } from '../ledger/types.ts';
import type { Filter, RecordIndex } from '../stores/index/contract.ts';
import { decodeCursor, encodeCursor, filterDigest } from './cursor.ts';
import { parseFilter } from './filter.ts';
import { matchesFilter } from './matches.ts';

export const QUERY_LIMIT_DEFAULT = 50;
export const QUERY_LIMIT_MAX = 1000;

export interface Query {
  readonly filter: Filter;
  /** Default: newest. */
  readonly order?: 'newest' | 'oldest';
  /** 1 to 1,000; default 50. */
  readonly limit?: number;
  readonly cursor?: string;
  /**
   * What the first page waits for: that the index holds every durable record (default `head`), every one up to this
   * number, or nothing: then it shows what is `indexed`, and `lag` says what may be missing.
   */
  readonly at_least?: 'head' | 'indexed' | number;
  /** What ages in the filter were counted from, in ms since 1970; kept in the cursor. */
  readonly now?: number;
}

export interface Page {
  readonly records: StoredRecord[];
  /** Pass it with the same filter for the next page; null at the end. */
  readonly next_cursor: string | null;
  /** The listing covers records with seq < this. */
  readonly position: number;
  /** Durable records that were not indexed yet when the page was made; 0 for a first page that waited for them. */
  readonly lag: number;
}

/**
 * A query from raw members: those of a filter plus `order`, `limit` and `cursor`. Numbers may be text, as in a URL.
 * `now` is the clock; with a cursor, ages count from the time of its first page.
 */
export function parseQuery(input: Readonly<Record<string, unknown>>, now: number): Query {
  const { order = 'newest', limit = QUERY_LIMIT_DEFAULT, cursor, consistent, at_least, ...members } = input;
  if (order !== 'newest' && order !== 'oldest') throw invalid('order', 'must be newest or oldest');
  const count = typeof limit === 'string' && /^\d{1,6}$/.test(limit) ? Number(limit) : limit;
  const waits = { at_least: parseWaits(consistent, at_least) };
  if (cursor === undefined)
    return { filter: parseFilter(members, now), order, limit: checkLimit(count), now, ...waits };
  if (typeof cursor !== 'string') throw invalid('cursor', 'must be a text');
  const started = decodeCursor(cursor).now;
  const filter = parseFilter(members, started);
  return { filter, order, limit: checkLimit(count), cursor, now: started, ...waits };
}

function parseWaits(consistent: unknown, at_least: unknown): 'head' | 'indexed' | number {
  if (consistent !== undefined && consistent !== 'true' && consistent !== 'false')
    throw invalid('consistent', 'must be true or false');
  if (at_least === undefined) return consistent === 'false' ? 'indexed' : 'head';
  if (consistent !== undefined) throw invalid('at_least', 'and consistent exclude each other');
  if (typeof at_least !== 'string' || !/^\d{1,15}$/.test(at_least))
    throw invalid('at_least', 'must be a sequence number');
  return Number(at_least);
}

/** One page. It holds everything that was durable when the listing began, unless the query says otherwise. */
export async function queryRecords(reader: LedgerReader, query: Query): Promise<Page> {
  const { filter, order = 'newest', at_least = 'head' } = query;
  const limit = checkLimit(query.limit ?? QUERY_LIMIT_DEFAULT);
  const index = indexOf(reader);
  const digest = filterDigest(filter);
  const cursor = query.cursor === undefined ? null : decodeCursor(query.cursor);
  if (cursor !== null && (cursor.filter_digest !== digest || cursor.order !== order))
    throw new IndelibleError('CURSOR_INVALID', 'The cursor belongs to a query with another filter or order.');
  if (cursor === null && at_least !== 'indexed')
    await reader.caughtUp(at_least === 'head' ? {} : { at_least });

  const bounds = cursor === null ? {} : { beyond: cursor.beyond, below: cursor.below };
  const found = await index.search({ filter, order, limit, ...bounds });
  const records = await reader.get(found.seqs);
  const position = cursor?.below ?? found.position;
  const last = found.seqs.at(-1);
  const next_cursor =
    found.more && last !== undefined
      ? encodeCursor({
          order,
          filter_digest: digest,
          beyond: last,
          below: position,
          now: cursor?.now ?? query.now ?? 0,
        })
      : null;
  const waited = cursor === null && at_least === 'head';
  const lag = waited ? 0 : Math.max(0, ((await reader.head())?.seq ?? -1) + 1 - found.position);
  // The record has the last word: an index that was tampered with cannot pass one off as another's.
  const matching = records.filter(({ record }) => matchesFilter(record, filter));
  return { records: matching, next_cursor, position, lag };
}

/** The reader's index, or INDEX_DAMAGED. */
export function indexOf(reader: LedgerReader): RecordIndex {
  if (reader.index === null)
    throw new IndelibleError('INDEX_DAMAGED', 'This ledger was opened without an index.');
  return reader.index;
}

function checkLimit(limit: unknown): number {
  if (!Number.isInteger(limit) || Number(limit) < 1 || Number(limit) > QUERY_LIMIT_MAX)
    throw invalid('limit', `must be a whole number from 1 to ${QUERY_LIMIT_MAX}`);
  return Number(limit);
}

function invalid(member: string, problem: string): IndelibleError {
  return new IndelibleError('QUERY_INVALID', `${member} ${problem}.`, { details: { member } });
}
