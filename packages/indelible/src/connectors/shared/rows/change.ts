/**
 * One change of rows within a transaction: what is there, the statement, what is there then.
 *
 * Plans, dry runs and real runs all go through here; only what becomes of the transaction differs.
 *
 * Errors:  CONNECTOR_PARAMS, CONNECTOR_LIMIT, TARGET_NOT_FOUND, TARGET_REFUSED, TARGET_CHANGED.
 */
import { canonicalize, IndelibleError, type JsonObject } from '@indelible/core';
import type { PlannedTarget } from '../../contract.ts';
import { assertLimits, assertVersions } from '../checks.ts';
import { assertColumns, conditionsOf, type RowLimits } from './actions.ts';
import type { Condition, FoundRow, Row, RowSession, Table } from './contract.ts';

/** The action of plans that only `planRollback` makes. */
export const RESTORE = 'restore';

/** A row as it was and as it is then. */
export interface ChangedRow {
  readonly name: string;
  readonly before: FoundRow | null;
  readonly after: FoundRow | null;
}

export interface ChangeRequest {
  readonly action: string;
  readonly params: JsonObject;
  readonly limits: RowLimits;
  /** What a plan counts on; null when this is for making the plan. */
  readonly planned: readonly Pick<PlannedTarget, 'resource' | 'version'>[] | null;
  /** From a row's name to its resource's id. */
  readonly idOf: (name: string) => string;
  readonly checked: () => Promise<void>;
}

/** Sorted by name. */
export async function changeRows(session: RowSession, request: ChangeRequest): Promise<ChangedRow[]> {
  const { action, params, limits, planned, idOf, checked } = request;
  const table = await session.describe(params.table as string);
  const { names, before } = await findTargets(session, table, request);
  assertLimits({ ...limits, max_targets: limits.max_rows }, { targets: before.length, bytes: 0 });
  if (planned !== null) {
    const now = new Map(names.map((name, i) => [idOf(name), before[i]?.version ?? null]));
    if (planned.length !== names.length || planned.some(({ resource }) => !now.has(resource.id))) {
      throw new IndelibleError(
        'TARGET_CHANGED',
        `other rows of ${table.name} are selected than when planned`,
      );
    }
    assertVersions(
      planned,
      planned.map(({ resource }) => now.get(resource.id) ?? null),
    );
  }
  await checked();
  const earlier = await session.changes();
  const expected = await apply(session, table, request, before);
  const others = (await session.changes()) - earlier - expected;
  if (others !== 0) {
    throw new IndelibleError(
      'TARGET_REFUSED',
      `${action} would also change ${others} other rows, by triggers or cascades, which could not be put back`,
    );
  }
  const keys = keysOf(table, request, before);
  const changed: ChangedRow[] = [];
  let bytes = 0;
  for (const [i, name] of names.entries()) {
    const was = before[i] ?? null;
    const after = await rowByKey(session, table, keys[i]!);
    if (after !== null && nameOf(table, after.row) !== name) {
      throw new IndelibleError(
        'CONNECTOR_PARAMS',
        `the database stores ${name} as ${nameOf(table, after.row)}: write it so`,
      );
    }
    bytes += sizeOf(was) + sizeOf(after);
    changed.push({ name, before: was, after });
  }
  assertLimits({ ...limits, max_targets: limits.max_rows }, { targets: changed.length, bytes });
  return changed.sort((one, other) => (one.name < other.name ? -1 : 1));
}

function sizeOf(found: FoundRow | null): number {
  return found === null ? 0 : canonicalize(found.row).length;
}

/** How messages and resources name a row: `prices[17]`, `prices["eu",17]`. */
export function nameOf(table: Table, row: Row): string {
  return `${table.name}${canonicalize(table.key.map((column) => row[column]!))}`;
}

async function findTargets(
  session: RowSession,
  table: Table,
  { action, params, limits, planned }: ChangeRequest,
) {
  if (action === 'insert' || action === RESTORE) {
    const rows =
      action === 'insert' ? (params.rows as readonly Row[]) : restoredRows(params).map(({ key }) => key);
    // Before anything is read: one question per row is a lot of questions.
    assertLimits({ ...limits, max_targets: limits.max_rows }, { targets: rows.length, bytes: 0 });
    const names: string[] = [];
    const before: (FoundRow | null)[] = [];
    for (const row of rows) {
      assertColumns(table, Object.keys(row));
      const missing = table.key.find((column) => row[column] === undefined || row[column] === null);
      if (missing !== undefined) {
        throw new IndelibleError(
          'CONNECTOR_PARAMS',
          `a row of ${table.name} is inserted without its ${missing}`,
        );
      }
      const found = await rowByKey(session, table, row);
      const name = nameOf(table, session.given(row));
      if (names.includes(name)) throw new IndelibleError('CONNECTOR_PARAMS', `${name} is inserted twice`);
      if (action === 'insert' && planned === null && found !== null) {
        throw new IndelibleError('TARGET_REFUSED', `there is already a row ${name}`);
      }
      names.push(name);
      before.push(found);
    }
    return { names, before };
  }
  const where = conditionsOf(params.where as JsonObject);
  const set = Object.keys((params.set as JsonObject | undefined) ?? {});
  assertColumns(table, [...where.map(({ column }) => column), ...set]);
  const key = set.find((column) => table.key.includes(column));
  if (key !== undefined) {
    throw new IndelibleError(
      'CONNECTOR_PARAMS',
      `${key} is part of the primary key: delete and insert instead`,
    );
  }
  const before = await session.select(table, where, limits.max_rows + 1);
  if (before.length === 0 && planned === null) {
    throw new IndelibleError('TARGET_NOT_FOUND', `no row of ${table.name} is selected`);
  }
  return { names: before.map(({ row }) => nameOf(table, row)), before };
}

function keysOf(
  table: Table,
  { action, params }: ChangeRequest,
  before: readonly (FoundRow | null)[],
): Row[] {
  if (action === 'insert') return [...(params.rows as readonly Row[])];
  if (action === RESTORE) return restoredRows(params).map(({ key }) => key);
  return before.map((found) => Object.fromEntries(table.key.map((column) => [column, found!.row[column]!])));
}

function byKey(table: Table, row: Row): Condition[] {
  return table.key.map((column) => ({ column, is: 'eq', value: row[column]! }));
}

async function rowByKey(session: RowSession, table: Table, row: Row): Promise<FoundRow | null> {
  return (await session.select(table, byKey(table, row), 1))[0] ?? null;
}

/** Resolves to the number of rows that it names itself. */
async function apply(
  session: RowSession,
  table: Table,
  { action, params }: ChangeRequest,
  before: readonly (FoundRow | null)[],
): Promise<number> {
  switch (action) {
    case 'insert': {
      const rows = params.rows as readonly Row[];
      for (const row of rows) await session.insert(table, row);
      return rows.length;
    }
    case 'update':
      await session.update(table, conditionsOf(params.where as JsonObject), params.set as Row);
      return before.length;
    case 'delete':
      await session.delete(table, conditionsOf(params.where as JsonObject));
      return before.length;
    default: {
      let count = 0;
      for (const [i, { key, row }] of restoredRows(params).entries()) {
        const is = before[i] ?? null;
        if (row === null && is === null) continue;
        count++;
        if (row === null) await session.delete(table, byKey(table, key));
        else if (is === null) await session.insert(table, written(table, row));
        else await session.update(table, byKey(table, key), withoutKey(table, written(table, row)));
      }
      return count;
    }
  }
}

/** Without what the database computes. */
function written(table: Table, row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([column]) => !table.generated.includes(column)));
}

/** A table that is nothing but its key has a key to set to itself. */
function withoutKey(table: Table, row: Row): Row {
  const rest = Object.entries(row).filter(([column]) => !table.key.includes(column));
  return rest.length === 0 ? row : Object.fromEntries(rest);
}

/** One row of an undo; null: it shall not be. */
export interface RestoredRow {
  readonly key: Row;
  readonly row: Row | null;
}

export function restoredRows(params: JsonObject): readonly RestoredRow[] {
  return params.rows as unknown as readonly RestoredRow[];
}
