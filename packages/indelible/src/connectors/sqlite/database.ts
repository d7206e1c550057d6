/**
 * A SQLite file as a row database: one transaction at a time, each on this process's own connection.
 *
 * Errors:  as the row database's contract says.
 */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { IndelibleError, type Json } from '@indelible/core';
import type { Condition, FoundRow, RowDatabase, RowSession, Table } from '../shared/rows/contract.ts';
import { beginWhenFree, commitWhenFree } from '../shared/sqlite-lock.ts';
import { digestOf } from '../shared/state.ts';
import { fromSqlite, toSqlite } from './values.ts';

/** The marker table, in the database that is written: markers commit with effects. */
export const EFFECTS_TABLE = 'indelible_effects';
const EFFECTS_SCHEMA = `CREATE TABLE IF NOT EXISTS ${EFFECTS_TABLE} (
  effect_key TEXT PRIMARY KEY, operation_id TEXT NOT NULL, epoch INTEGER NOT NULL, execution TEXT
) STRICT, WITHOUT ROWID`;

const OPERATORS = { eq: 'IS', ne: 'IS NOT', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;

/** The file must exist. */
export function openSqliteDatabase(file: string): RowDatabase {
  const database = tried(() => {
    const opened = new DatabaseSync(file, { timeout: 0 });
    opened.exec('PRAGMA synchronous = FULL');
    return opened;
  });
  let closed = false;
  return {
    transaction: async (_kind, signal, run) => {
      await beginWhenFree(database, 'IMMEDIATE', signal).catch(refuse);
      try {
        const { commit, result } = await run(session(database));
        if (commit) await commitWhenFree(database, signal);
        return result;
      } catch (error) {
        return refuse(error);
      } finally {
        if (!closed && database.isTransaction) database.exec('ROLLBACK');
      }
    },
    close: async () => {
      if (closed) return;
      closed = true;
      database.close();
    },
  };
}

const CONSTRAINT = 19;
const READ_ONLY = 8;
const ERROR = 1;
const MISMATCH = 20;

/** Everything until the commit is undone, so a refusal by a statement is one of the whole. */
function refuse(error: unknown): never {
  if (error instanceof IndelibleError) throw error;
  const { errcode, errstr } = error as { errcode?: number; errstr?: string };
  if (errcode === undefined) throw error;
  const refusals = [CONSTRAINT, READ_ONLY, ERROR, MISMATCH];
  if (refusals.includes(errcode % 256)) {
    throw new IndelibleError('TARGET_REFUSED', `SQLite refuses: ${(error as Error).message}`, {
      cause: error,
    });
  }
  throw new IndelibleError('CONNECTOR_UNAVAILABLE', `SQLite failed: ${errstr ?? errcode}`, { cause: error });
}

function tried<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    return refuse(error);
  }
}

function session(database: DatabaseSync): RowSession {
  const prepare = (sql: string) => {
    const statement = database.prepare(sql);
    statement.setReadBigInts(true);
    return statement;
  };
  return {
    describe: async (name) => describe(database, name),
    given: (row) => row,
    select: async (table, where, limit) => {
      const { sql, values } = whereSql(where);
      const order = table.key.map(quote).join(', ');
      return prepare(`SELECT * FROM ${quote(table.name)} WHERE ${sql} ORDER BY ${order} LIMIT ${limit}`)
        .all(...values)
        .map((found): FoundRow => {
          const row = Object.fromEntries(
            Object.entries(found).map(([name, value]) => [name, fromSqlite(value)]),
          );
          return { row, version: digestOf(row) };
        });
    },
    insert: async (table, row) => {
      const columns = Object.keys(row);
      const sql = `INSERT INTO ${quote(table.name)} (${columns.map(quote).join(', ')})
        VALUES (${columns.map(() => '?').join(', ')})`;
      prepare(sql).run(...columns.map((column) => toSqlite(row[column]!)));
    },
    update: async (table, where, set) => {
      const { sql, values } = whereSql(where);
      const columns = Object.keys(set);
      prepare(
        `UPDATE ${quote(table.name)} SET ${columns.map((column) => `${quote(column)} = ?`).join(', ')} WHERE ${sql}`,
      ).run(...columns.map((column) => toSqlite(set[column]!)), ...values);
    },
    delete: async (table, where) => {
      const { sql, values } = whereSql(where);
      prepare(`DELETE FROM ${quote(table.name)} WHERE ${sql}`).run(...values);
    },
    changes: async () => Number(database.prepare('SELECT total_changes() AS count').get()!.count),
    effect: async (effect_key) => {
      if (!exists(database, EFFECTS_TABLE)) return null;
      const found = database
        .prepare(`SELECT epoch, execution FROM ${EFFECTS_TABLE} WHERE effect_key = ?`)
        .get(effect_key);
      return found === undefined
        ? null
        : { epoch: Number(found.epoch), execution: found.execution as string | null };
    },
    mark: async (effect_key, { operation_id, epoch, execution }) => {
      database.exec(EFFECTS_SCHEMA);
      database
        .prepare(`INSERT OR REPLACE INTO ${EFFECTS_TABLE} VALUES (?, ?, ?, ?)`)
        .run(effect_key, operation_id, epoch, execution);
    },
    evidence: async () => ({
      data_version: Number(database.prepare('PRAGMA data_version').get()!.data_version),
    }),
  };
}

function exists(database: DatabaseSync, table: string): boolean {
  return (
    database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table) !== undefined
  );
}

function describe(database: DatabaseSync, name: string): Table {
  if (!exists(database, name)) throw new IndelibleError('TARGET_NOT_FOUND', `there is no table ${name}`);
  const columns = database.prepare('SELECT name, pk, hidden FROM pragma_table_xinfo(?)').all(name);
  const named = (some: typeof columns) => some.map((column) => column.name as string);
  const key = columns
    .filter(({ pk }) => Number(pk) > 0)
    .sort((one, other) => Number(one.pk) - Number(other.pk));
  if (key.length === 0) throw new IndelibleError('TARGET_REFUSED', `the table ${name} has no primary key`);
  return {
    name,
    columns: named(columns),
    key: named(key),
    generated: named(columns.filter(({ hidden }) => Number(hidden) > 1)),
  };
}

function whereSql(where: readonly Condition[]): { sql: string; values: SQLInputValue[] } {
  const parts = where.map(({ column, is, value }) => {
    if (is !== 'in') return { sql: `${quote(column)} ${OPERATORS[is]} ?`, values: [toSqlite(value)] };
    const items = value as readonly Json[];
    return { sql: `${quote(column)} IN (${items.map(() => '?').join(', ')})`, values: items.map(toSqlite) };
  });
  return { sql: parts.map(({ sql }) => sql).join(' AND '), values: parts.flatMap(({ values }) => values) };
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
