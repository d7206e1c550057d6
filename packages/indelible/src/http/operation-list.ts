/**
 * Listings of operations: by who asked, targets, run, time and present state, with a stable cursor.
 *
 * A listing walks the records that planned the operations; by state, those that brought them there, of which the newest
 * of an operation counts; by target, also those that name what these had no room for. Exactly one record stands for an
 * operation, so no page repeats or skips one, whatever is recorded meanwhile.
 *
 * Errors:  QUERY_INVALID, CURSOR_INVALID.
 */
import { IndelibleError, isIndelibleError, type LedgerRecord } from '@indelible/core';
import { filterDigest } from '../evidence/cursor.ts';
import { matchesFilter } from '../evidence/matches.ts';
import { parseQuery, type Query, queryRecords } from '../evidence/query.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { OperationEngine } from '../operations/engine.ts';
import { TARGETS } from '../operations/fold.ts';
import { targetsOf } from '../operations/journal.ts';
import type { Operation } from '../operations/types.ts';
import type { Filter } from '../stores/index/contract.ts';
import { OPERATIONS_LIMIT_MAX } from './operation-schemas.ts';

const PLANNED = 'operation.planned';
/** Operations that one page reads at most, and records that it walks: a page may be short, and have a next one. */
const LOOKED_AT_MAX = 200;
const WALKED_MAX = 1000;

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
  let looked_at = 0;
  for (let walked = 0; ; ) {
    const { records, next_cursor, position } = await queryRecords(ledger, query);
    for (const { record } of records) {
      if (!mayStand(record, state, asked.filter.resource)) continue;
      looked_at++;
      const operation = await operationOf(engine, record, state);
      if (operation !== null && (await isAskedFor(ledger, operation, asked.filter)))
        operations.push(operation);
    }
    walked += query.limit!;
    const enough = operations.length * 2 >= limit || looked_at >= LOOKED_AT_MAX || walked >= WALKED_MAX;
    if (next_cursor === null || enough) {
      const wrapped = next_cursor === null ? null : `${digest}.${next_cursor}`;
      return { operations, next_cursor: wrapped, position };
    }
    query = { ...query, cursor: next_cursor, limit: limit - operations.length };
  }
}

/** Which records are walked: by state, whoever brought the operation there, and whenever. */
function walked(filter: Filter, state: string | undefined): Filter {
  // A filter has one action: by target there are two to be found, and the others are passed over.
  const action = filter.resource === undefined ? `operation.${state ?? 'planned'}` : 'operation.*';
  if (state === undefined) return { ...filter, action };
  const { actor: _actor, actor_type: _type, since: _since, until: _until, ...others } = filter;
  return { ...others, action };
}

function mayStand(
  { action, related_resources = [] }: LedgerRecord,
  state: string | undefined,
  target: string | undefined,
): boolean {
  if (action === TARGETS) return related_resources.some(({ id }) => id === target);
  return action === `operation.${state ?? 'planned'}`;
}

/** Null when this record is not the one that stands for the operation. */
async function operationOf(
  engine: OperationEngine,
  { action, resource, seq }: LedgerRecord,
  state: string | undefined,
): Promise<Operation | null> {
  if (resource?.type !== 'operation') return null;
  const operation = await engine.read(resource.id).catch((error: unknown) => {
    // Its targets are on record, and it never was.
    if (action === TARGETS && isIndelibleError(error, 'OPERATION_NOT_FOUND')) return null;
    throw error;
  });
  if (operation === null || (state !== undefined && operation.state !== state)) return null;
  // The others of the operation do not name this target.
  if (action === TARGETS) return operation;
  if (state === undefined) return operation.history[0]?.seq === seq ? operation : null;
  return operation.history.findLast((entry) => entry.action === action)?.seq === seq ? operation : null;
}

/** The record that planned it has the last word, and for targets the plan itself. */
async function isAskedFor(ledger: Ledger, operation: Operation, filter: Filter): Promise<boolean> {
  const [planned] = await ledger.get([operation.history[0]!.seq]);
  if (planned === undefined) return false;
  const { resource, ...others } = filter;
  const is_target = targetsOf(operation.members).some(({ id }) => id === resource);
  return matchesFilter(planned.record, is_target ? others : filter);
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
