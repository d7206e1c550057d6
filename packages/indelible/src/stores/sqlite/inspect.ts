/** Looks at the file itself: is the schema still ours, and does SQLite's own structure hold together? */

import { sqliteResult } from '../../sqlite-result.ts';
import type { StoreFinding } from '../contract.ts';
import type { Connection } from './connection.ts';
import { SQLITE_CORRUPT, SQLITE_NOTADB, storeFault } from './faults.ts';
import { APPLICATION_ID, SCHEMA, SCHEMA_VERSION } from './schema.ts';

const FINDINGS_MAX = 20;

/** Repairs nothing. */
export function inspect(connection: Connection): StoreFinding[] {
  const findings: StoreFinding[] = [];
  try {
    for (const look of [identity, schema, structure]) {
      for (const finding of look(connection)) findings.push(finding);
    }
  } catch (error) {
    const result = sqliteResult(error);
    if (result !== SQLITE_CORRUPT && result !== SQLITE_NOTADB) throw error;
    const detail = storeFault(error, connection.options.file).message;
    findings.push({ code: 'file_corrupt', detail, damage: true });
  }
  return findings;
}

function altered(detail: string, damage = true): StoreFinding {
  return { code: 'schema_altered', detail, damage };
}

function* identity(connection: Connection): Generator<StoreFinding> {
  for (const [name, expected] of [
    ['application_id', APPLICATION_ID],
    ['user_version', SCHEMA_VERSION],
  ] as const) {
    const [value] = connection.statement(`PRAGMA ${name}`).get() as unknown as [bigint];
    if (Number(value) !== expected) yield altered(`${name} is ${value} instead of ${expected}`);
  }
}

function* schema(connection: Connection): Generator<StoreFinding> {
  const rows = connection
    .statement(`SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`)
    .all() as unknown as [string, string, string][];
  const found = new Map(rows.map(([type, name, sql]) => [`${type} ${name}`, sql]));
  for (const { type, name, sql } of SCHEMA) {
    const actual = found.get(`${type} ${name}`);
    found.delete(`${type} ${name}`);
    if (actual === undefined) yield altered(`${type} ${name} is missing`);
    else if (actual !== sql) yield altered(`${type} ${name} is not as it was created`);
  }
  // A trigger can change what an append does. Somebody's own index, view or table cannot.
  for (const name of found.keys()) yield altered(`${name} was added`, name.startsWith('trigger '));
}

function* structure(connection: Connection): Generator<StoreFinding> {
  const rows = connection.statement(`PRAGMA quick_check(${FINDINGS_MAX})`).all() as unknown as [string][];
  for (const [detail] of rows) {
    if (detail !== 'ok') yield { code: 'file_corrupt', detail, damage: true };
  }
}
