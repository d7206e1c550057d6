/**
 * Listings of operations: by who asked, targets, run, time and present state, with a stable cursor.
 *
 * A listing walks the records that planned the operations; by state, those that brought them there, of which the newest
 * of an operation counts. So no page repeats or skips an operation, whatever is recorded meanwhile.
 *
 * Errors:  QUERY_INVALID, CURSOR_INVALID.
 */
import { IndelibleError } from '@indelible/core';
import { filterDigest } from '../evidence/cursor.ts';
import { matchesFilter } from '../evidence/matches.ts';
import { parseQuery, type Query, queryRecords } from '../evidence/query.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { OperationEngine } from '../operations/engine.ts';
import type { Operation } from '../operations/types.ts';
import type { Filter } from '../stores/index/contract.ts';
import { OPERATIONS_LIMIT_MAX } from './operation-schemas.ts';

const PLANNED = 'operation.planned';
/** Records that one page reads at most: a page may be short, and have a next one. */
const LOOKED_AT_MAX = 200;

export interface OperationPage {
  readonly operations: readonly Operation[];
  readonly next_cursor: string | null;
  readonly position: number;
}

/** One page. `members`: those of a query string. */
export async function listOperations(
  ledger: Ledger,
  engine: OperationEngine,
  { state, cursor, ...members }: Readonly<Record<string, string | undefined>>,
  now: number,
): Promise<OperationPage> {
  const { inner, digest } = openCursor(cursor, filterDigest({ ...members, state: state ?? '' } as Filter));
  const asked = parseQuery({ ...members, action: PLANNED, cursor: inner }, now);
  const limit = asked.limit!;
  if (limit > OPERATIONS_LIMIT_MAX)
    throw new IndelibleError('QUERY_INVALID', `limit must be at most ${OPERATIONS_LIMIT_MAX}.`, {
      details: { member: 'limit' },
    });
  const operations: Operation[] = [];
  let query: Query = { ...asked, filter: walked(asked.filter, state) };
  for (let looked_at = 0; ; looked_at += limit) {
    const { records, next_cursor, position } = await queryRecords(ledger, query);
    for (const { record } of records) {
      const operation = await operationOf(engine, record.resource?.id, state, record.seq);
      if (operation !== null && (await isAskedFor(ledger, operation, asked.filter)))
        operations.push(operation);
    }
    if (next_cursor === null || operations.length > 0 || looked_at >= LOOKED_AT_MAX) {
      const wrapped = next_cursor === null ? null : `${digest}.${next_cursor}`;
      return { operations, next_cursor: wrapped, position };
    }
    query = { ...query, cursor: next_cursor };
  }
}

/** Which records are walked: by state, whoever brought the operation there, and whenever. */
function walked(filter: Filter, state: string | undefined): Filter {
  if (state === undefined) return filter;
  const { actor: _actor, actor_type: _type, since: _since, until: _until, ...others } = filter;
  return { ...others, action: `operation.${state}` };
}

/** Null when this record is not the one that stands for the operation. */
async function operationOf(
  engine: OperationEngine,
  id: string | undefined,
  state: string | undefined,
  seq: number,
): Promise<Operation | null> {
  if (id === undefined) return null;
  const operation = await engine.read(id);
  if (state === undefined) return operation.history[0]?.seq === seq ? operation : null;
  if (operation.state !== state) return null;
  const entered = operation.history.findLast(({ action }) => action === `operation.${state}`);
  return entered?.seq === seq ? operation : null;
}

/** The record that planned it has the last word. */
async function isAskedFor(ledger: Ledger, operation: Operation, filter: Filter): Promise<boolean> {
  const [planned] = await ledger.get([operation.history[0]!.seq]);
  return planned !== undefined && matchesFilter(planned.record, filter);
}

/** A cursor belongs to one query: the walk's own cursor knows only a part of it. */
function openCursor(
  cursor: string | undefined,
  digest: string,
): { inner: string | undefined; digest: string } {
  if (cursor === undefined) return { inner: undefined, digest };
  const [stated, inner, ...others] = cursor.split('.');
  if (stated === digest && inner !== undefined && others.length === 0) return { inner, digest };
  throw new IndelibleError('CURSOR_INVALID', 'The cursor belongs to a query with other filters.');
}
