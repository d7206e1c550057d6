/**
 * The reading side of the index. Each answer is computed on one snapshot of the file.
 *
 * A filter becomes clauses, all of which must hold; a clause is a list of terms, any of which will do. Each
 * segment answers with bitmaps that are and-ed, so no combination of filters is slow, and counting is as
 * cheap as listing. Times become bounds on seq, because `recorded_at` never decreases with it; where damage
 * breaks that rule `verify` says so.
 *
 * Errors:  QUERY_INVALID for a limit out of range.
 */
import type { DatabaseSync } from 'node:sqlite';
import { IndelibleError } from '@indelible/core';
import type { Filter, IndexTip, KeyedRecords, Search, SearchResult } from './contract.ts';
import { readState, type State, snapshot } from './database.ts';
import { BLOCKS_MAX, Block, blockOf } from './segment.ts';
import { createHasher, KIND, type Kind } from './terms.ts';
import type { SegmentRow } from './writer.ts';

const LIMIT_MAX = 10_000;
type Clause = readonly number[];
type Order = 'newest' | 'oldest';

export interface IndexReader {
  tip(): IndexTip;
  search(search: Search): SearchResult;
  count(filter: Filter, cap: number): number;
  byId(id: string): number | null;
  byIdempotencyKeys(keys: readonly string[]): KeyedRecords;
}

export function createReader(database: DatabaseSync): IndexReader {
  const selectBlock = database.prepare('SELECT bytes FROM blocks WHERE id = ?');
  const selectId = database.prepare('SELECT id FROM records WHERE seq = ?');
  const selectKey = database.prepare('SELECT min(seq) AS seq FROM records WHERE idempotency_key = ?');
  const selectPosition = database.prepare('SELECT position FROM state');
  const selectActions = database.prepare('SELECT action FROM actions WHERE action >= ? ORDER BY action');
  const selectTime = database.prepare(
    'SELECT recorded_at FROM records WHERE seq <= ? AND recorded_at IS NOT NULL ORDER BY seq DESC LIMIT 1',
  );
  const segments = (order: Order) =>
    database.prepare(
      `SELECT * FROM segments WHERE first < ? AND first + count > ? ORDER BY first ${order === 'newest' ? 'DESC' : 'ASC'}`,
    );
  const selectSegments = { newest: segments('newest'), oldest: segments('oldest') };

  /** Calls `visit` with each match in [low, high) in order, until it returns false. */
  function scan(
    clauses: readonly Clause[],
    low: number,
    high: number,
    order: Order,
    visit: (seq: number) => boolean,
  ): void {
    if (low >= high) return;
    // All rows at once: the list is short, and an open cursor would outlive an early return.
    for (const segment of selectSegments[order].all(high, low) as unknown as SegmentRow[]) {
      const bits = matches(segment, clauses);
      if (bits === null) continue;
      const from = Math.max(low - segment.first, 0);
      const to = Math.min(high - segment.first, segment.count);
      const step = order === 'newest' ? -1 : 1;
      for (let i = order === 'newest' ? to - 1 : from; i >= from && i < to; i += step) {
        const word = bits[i >> 5]!;
        if (word === 0) {
          // Skips to the last bit of this word in the direction of travel.
          i = order === 'newest' ? i & ~31 : i | 31;
          continue;
        }
        if ((word >>> (i & 31)) & 1 && !visit(segment.first + i)) return;
      }
    }
  }

  /** One bit per record of the segment, or null when no record matches. */
  function matches(segment: SegmentRow, clauses: readonly Clause[]): Uint32Array | null {
    let all: Uint32Array | null = null;
    for (const clause of clauses) {
      const any = new Uint32Array((segment.count + 31) >> 5);
      let found = false;
      for (const term of clause) {
        const row = selectBlock.get(segment.first * BLOCKS_MAX + blockOf(term, segment.bits));
        const block = new Block(row?.bytes, segment.count);
        const at = block.find(term);
        if (at < 0) continue;
        found = true;
        block.each(at, (offset) => {
          any[offset >> 5]! |= 1 << (offset & 31);
        });
      }
      if (!found) return null;
      if (all === null) all = any;
      else for (let i = 0; i < all.length; i++) all[i]! &= any[i]!;
    }
    return all ?? new Uint32Array((segment.count + 31) >> 5).fill(0xffff_ffff);
  }

  function clausesOf(filter: Filter, state: State): Clause[] {
    const hasher = createHasher(state.seed);
    const clauses: Clause[] = [];
    const exact = (kind: Kind, value: string | undefined): void => {
      if (value !== undefined) clauses.push([hasher.term(kind, value)]);
    };
    exact(KIND.correlation_id, filter.correlation_id);
    exact(KIND.session, filter.session);
    exact(KIND.actor, filter.actor);
    exact(KIND.resource, filter.resource);
    exact(KIND.actor_type, filter.actor_type);
    exact(KIND.resource_type, filter.resource_type);
    exact(KIND.outcome, filter.outcome);
    if (filter.action?.endsWith('*'))
      clauses.push(actionsWith(filter.action.slice(0, -1)).map((action) => hasher.term(KIND.action, action)));
    else exact(KIND.action, filter.action);
    if (filter.text !== undefined) hasher.words(filter.text, (term) => clauses.push([term]));
    return clauses;
  }

  function actionsWith(prefix: string): string[] {
    const found: string[] = [];
    for (const { action } of selectActions.iterate(prefix)) {
      if (typeof action !== 'string' || !action.startsWith(prefix)) break;
      found.push(action);
    }
    return found;
  }

  /** The bounds [low, high) that the times of a filter put on seq. */
  function bounds(filter: Filter, state: State): { low: number; high: number } {
    return {
      low: filter.since === undefined ? state.first_seq : firstAtOrAfter(filter.since, state),
      high: filter.until === undefined ? state.position : firstAtOrAfter(filter.until, state),
    };
  }

  function firstAtOrAfter(time: string, state: State): number {
    let low = state.first_seq;
    let high = state.position;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      // A row without a time takes the time of the one before it.
      const row = selectTime.get(middle);
      if (row !== undefined && String(row.recorded_at) >= time) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  function search(request: Search): SearchResult {
    const { filter, order, limit } = request;
    if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
      throw new IndelibleError('QUERY_INVALID', `limit must be 1 to ${LIMIT_MAX}.`);
    return snapshot(database, () => {
      const state = readState(database);
      let { low, high } = bounds(filter, state);
      high = Math.min(high, request.below ?? high);
      if (request.beyond !== undefined) {
        if (order === 'newest') high = Math.min(high, request.beyond);
        else low = Math.max(low, request.beyond + 1);
      }
      const seqs: number[] = [];
      let more = false;
      scan(clausesOf(filter, state), low, high, order, (seq) => {
        if (seqs.length === limit) more = true;
        else seqs.push(seq);
        return !more;
      });
      return { seqs, more, position: state.position };
    });
  }

  function count(filter: Filter, cap: number): number {
    return snapshot(database, () => {
      const state = readState(database);
      const { low, high } = bounds(filter, state);
      const clauses = clausesOf(filter, state);
      if (clauses.length === 0) return Math.max(0, Math.min(cap, high - low));
      let found = 0;
      if (cap > 0) scan(clauses, low, high, 'oldest', () => ++found < cap);
      return found;
    });
  }

  function byId(id: string): number | null {
    return snapshot(database, () => {
      const state = readState(database);
      const clause = [createHasher(state.seed).term(KIND.id, id)];
      let found: number | null = null;
      scan([clause], state.first_seq, state.position, 'oldest', (seq) => {
        if (selectId.get(seq)?.id === id) found = seq;
        return found === null;
      });
      return found;
    });
  }

  function byIdempotencyKeys(keys: readonly string[]): KeyedRecords {
    return snapshot(database, () => {
      const seqs = new Map<string, number>();
      for (const key of keys) {
        const seq = selectKey.get(key)?.seq;
        if (typeof seq === 'number') seqs.set(key, seq);
      }
      return { seqs, position: Number(selectPosition.get()?.position) };
    });
  }

  return {
    tip() {
      const { first_seq, position, last_hash } = readState(database);
      return { first_seq, position, last_hash };
    },
    search,
    count,
    byId,
    byIdempotencyKeys,
  };
}
