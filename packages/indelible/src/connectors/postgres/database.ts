/**
 * A PostgreSQL schema as a row database: every transaction on one snapshot, what it selects locked.
 *
 * Values are PostgreSQL's own text for them, or null; given back through a cast to the column's type they are the very
 * same values. A row's version is the transaction that last wrote it (xmin) and the digest of the row.
 *
 * Errors:  as the row database's contract says; DRIVER_MISSING, CONNECTOR_CONFIG.
 */
import { IndelibleError, type Json } from '@indelible/core';
import type { Client, ClientConfig, QueryArrayResult } from 'pg';
import { loadDriver } from '../shared/driver.ts';
import type { Condition, FoundRow, Row, RowDatabase, RowSession, Table } from '../shared/rows/contract.ts';
import { digestOf } from '../shared/state.ts';

export const EFFECTS_TABLE = 'indelible_effects';

const OPERATORS = { eq: '=', ne: 'IS DISTINCT FROM', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;
/** Serialisation failures and deadlocks: the whole transaction is undone, and may succeed when run again. */
const AGAIN = ['40001', '40P01'];
const TRIES_MAX = 5;
/** Connections kept for the next transaction. */
const IDLE_MAX = 2;

export interface PostgresPlace {
  readonly connection: ClientConfig;
  readonly schema: string;
  readonly timeout_ms: number;
}

export function openPostgresDatabase(place: PostgresPlace): RowDatabase {
  const idle: Client[] = [];
  const open = new Set<Client>();
  let ready: Promise<void> | null = null;
  const effects = `${quote(place.schema)}.${EFFECTS_TABLE}`;

  async function connect(): Promise<Client> {
    const kept = idle.pop();
    if (kept !== undefined) return kept;
    const client = await newClient(place);
    open.add(client);
    client.on('error', () => {
      open.delete(client);
      const at = idle.indexOf(client);
      if (at !== -1) idle.splice(at, 1);
    });
    return client;
  }

  async function release(client: Client, sound: boolean): Promise<void> {
    if (sound && open.has(client) && idle.length < IDLE_MAX) {
      idle.push(client);
      return;
    }
    open.delete(client);
    await client.end().catch(() => {});
  }

  /** Two that make it at once can both fail at it, although it is then there. */
  async function makeEffectsTable(client: Client): Promise<void> {
    const there = await client.query('SELECT to_regclass($1) IS NOT NULL', [effects]);
    if (textAt(there) === 't') return;
    const sql = `CREATE TABLE IF NOT EXISTS ${effects} (
      effect_key text PRIMARY KEY, operation_id text NOT NULL, epoch bigint NOT NULL, execution text)`;
    await client.query(sql).catch(async (error: { code?: string }) => {
      if (['23505', '42P07'].includes(error.code ?? '')) return;
      throw new IndelibleError(
        'CONNECTOR_CONFIG',
        `the role may not make the table ${effects}; have it made`,
        {
          cause: error,
        },
      );
    });
  }

  async function once<T>(
    kind: 'write' | 'read',
    run: (session: RowSession) => Promise<{ readonly commit: boolean; readonly result: T }>,
  ): Promise<T> {
    const client = await connect();
    let sound = false;
    try {
      if (kind === 'write') await (ready ??= makeEffectsTable(client));
      await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ ${kind === 'read' ? 'READ ONLY' : ''}`);
      try {
        const { commit, result } = await run(session(client, place.schema, kind));
        await client.query(commit ? 'COMMIT' : 'ROLLBACK');
        sound = true;
        return result;
      } catch (error) {
        // What cannot be undone by saying so is undone by hanging up.
        sound = await client.query('ROLLBACK').then(
          () => true,
          () => false,
        );
        throw error;
      }
    } catch (error) {
      if (!sound) ready = null;
      throw error;
    } finally {
      await release(client, sound);
    }
  }

  return {
    transaction: async (kind, _signal, run) => {
      for (let tries = 1; ; tries++) {
        try {
          return await once(kind, run);
        } catch (error) {
          const { code = '' } = error as { code?: string };
          if (AGAIN.includes(code) && tries < TRIES_MAX) continue;
          throw faultOf(error);
        }
      }
    },
    close: async () => {
      const ending = [...open];
      open.clear();
      idle.length = 0;
      await Promise.all(ending.map((client) => client.end().catch(() => {})));
    },
  };
}

async function newClient({ connection, timeout_ms }: PostgresPlace): Promise<Client> {
  const { default: driver } = await loadDriver('postgres', 'pg', () => import('pg'));
  const client = new driver.Client({
    ...connection,
    application_name: 'indelible',
    connectionTimeoutMillis: timeout_ms,
    statement_timeout: timeout_ms,
    lock_timeout: timeout_ms,
    idle_in_transaction_session_timeout: timeout_ms,
    // Text as PostgreSQL has it: any conversion loses something of some type.
    types: { getTypeParser: () => (text: string) => text } as never,
  });
  await client.connect();
  await client.query(
    "SET DateStyle = 'ISO'; SET extra_float_digits = 1; SET TimeZone = 'UTC'; SET IntervalStyle = 'iso_8601'",
  );
  return client;
}

/** Integrity, data, syntax and access; what a trigger raises; a read-only server. The server has undone everything. */
const REFUSALS = /^(?:0A|22|23|25006|42|44|P0001)/;

function faultOf(error: unknown): unknown {
  if (error instanceof IndelibleError) return error;
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (AGAIN.includes(code)) {
    return new IndelibleError('TARGET_CHANGED', 'others keep changing the same rows', { cause: error });
  }
  return REFUSALS.test(code)
    ? new IndelibleError('TARGET_REFUSED', `PostgreSQL refuses: ${message}`, { cause: error })
    : new IndelibleError('CONNECTOR_UNAVAILABLE', `PostgreSQL failed (${code || 'no connection'})`, {
        cause: error,
      });
}

function session(client: Client, schema: string, kind: 'write' | 'read'): RowSession {
  const types = new Map<string, string>();
  const effects = `${quote(schema)}.${EFFECTS_TABLE}`;
  const nameOf = (table: Table) => `${quote(schema)}.${quote(table.name)}`;
  const cast = (table: Table, column: string, nth: number) =>
    `$${nth}::${types.get(`${table.name}.${column}`)}`;
  const arrays = (text: string, values: readonly unknown[]) =>
    client.query<(string | null)[]>({ text, values: [...values], rowMode: 'array' });

  function whereSql(table: Table, where: readonly Condition[], after: number) {
    const values: (string | null)[] = [];
    const push = (column: string, value: Json) => {
      values.push(textOf(value));
      return cast(table, column, after + values.length);
    };
    const parts = where.map(({ column, is, value }) => {
      if (is === 'in') {
        const items = (value as readonly Json[]).map((item) => push(column, item));
        return `${quote(column)} IN (${items.join(', ')})`;
      }
      if (is === 'eq' && value === null) return `${quote(column)} IS NULL`;
      return `${quote(column)} ${OPERATORS[is]} ${push(column, value)}`;
    });
    return { sql: parts.join(' AND '), values };
  }

  return {
    describe: async (name) => {
      const { rows } = await arrays(
        `SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated <> '',
                array_position(i.indkey::int2[], a.attnum)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
         WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') ORDER BY a.attnum`,
        [schema, name],
      );
      if (rows.length === 0)
        throw new IndelibleError('TARGET_NOT_FOUND', `there is no table ${schema}.${name}`);
      for (const [column, type] of rows) types.set(`${name}.${column}`, type!);
      const key = rows
        .filter((row) => row[3] !== null)
        .sort((one, other) => Number(one[3]) - Number(other[3]));
      if (key.length === 0)
        throw new IndelibleError('TARGET_REFUSED', `the table ${name} has no primary key`);
      const columns = (some: typeof rows) => some.map(([column]) => column!);
      return {
        name,
        columns: columns(rows),
        key: columns(key),
        generated: columns(rows.filter((row) => row[2] === 't')),
      };
    },
    given: (row) => Object.fromEntries(Object.entries(row).map(([column, value]) => [column, textOf(value)])),
    select: async (table, where, limit) => {
      const { sql, values } = whereSql(table, where, 0);
      const order = table.key.map(quote).join(', ');
      const columns = table.columns.map((column) => `${quote(column)}::text`).join(', ');
      const lock = kind === 'write' ? 'FOR UPDATE' : '';
      const { rows } = await arrays(
        `SELECT xmin::text, ${columns} FROM ${nameOf(table)} WHERE ${sql} ORDER BY ${order} LIMIT ${limit} ${lock}`,
        values,
      );
      return rows.map(([xmin, ...texts]): FoundRow => {
        const row: Row = Object.fromEntries(table.columns.map((column, i) => [column, texts[i] ?? null]));
        return { row, version: `${xmin}-${digestOf(row).slice(0, 32)}` };
      });
    },
    insert: async (table, row) => {
      const columns = Object.keys(row);
      const values = columns.map((column, i) => cast(table, column, i + 1)).join(', ');
      // An undo gives identity columns the values that they had.
      await client.query(
        `INSERT INTO ${nameOf(table)} (${columns.map(quote).join(', ')}) OVERRIDING SYSTEM VALUE VALUES (${values})`,
        columns.map((column) => textOf(row[column]!)),
      );
    },
    update: async (table, where, set) => {
      const columns = Object.keys(set);
      const { sql, values } = whereSql(table, where, columns.length);
      const sets = columns.map((column, i) => `${quote(column)} = ${cast(table, column, i + 1)}`).join(', ');
      await client.query(`UPDATE ${nameOf(table)} SET ${sets} WHERE ${sql}`, [
        ...columns.map((column) => textOf(set[column]!)),
        ...values,
      ]);
    },
    delete: async (table, where) => {
      const { sql, values } = whereSql(table, where, 0);
      await client.query(`DELETE FROM ${nameOf(table)} WHERE ${sql}`, values);
    },
    changes: async () => {
      // Counted by the server's statistics of this session, whose triggers and cascades are in them.
      const counted = await arrays(
        `SELECT CASE current_setting('track_counts') WHEN 'on'
           THEN coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) END FROM pg_stat_xact_user_tables`,
        [],
      );
      const count = textAt(counted);
      if (count === null)
        throw new IndelibleError('CONNECTOR_CONFIG', 'the server must have track_counts on');
      return Number(count);
    },
    effect: async (effect_key) => {
      if (textAt(await arrays('SELECT to_regclass($1)', [effects])) === null) return null;
      const { rows } = await arrays(`SELECT epoch, execution FROM ${effects} WHERE effect_key = $1`, [
        effect_key,
      ]);
      const [row] = rows;
      return row === undefined ? null : { epoch: Number(row[0]), execution: row[1] ?? null };
    },
    mark: async (effect_key, { operation_id, epoch, execution }) => {
      await client.query(
        `INSERT INTO ${effects} VALUES ($1, $2, $3, $4)
         ON CONFLICT (effect_key) DO UPDATE SET epoch = excluded.epoch, execution = excluded.execution`,
        [effect_key, operation_id, epoch, execution],
      );
    },
    evidence: async () => ({ transaction_id: textAt(await arrays('SELECT pg_current_xact_id()::text', [])) }),
  };
}

function textAt(result: { readonly rows: readonly unknown[] } | QueryArrayResult): string | null {
  const [row] = result.rows;
  const value = Array.isArray(row) ? row[0] : Object.values((row ?? {}) as object)[0];
  return (value as string | null | undefined) ?? null;
}

/** The text that a cast to the column's type takes. */
function textOf(value: Json): string | null {
  return value === null ? null : String(value);
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
