/**
 * Installing the schema, and bringing an older one up to date: each migration that is missing, in a transaction of its
 * own, under a lock that keeps two installers apart. What is there already is left alone.
 *
 * The script is plain SQL, so that it can be pasted into any SQL editor.
 *
 * Errors:  LEDGER_TOO_NEW.
 */
import { IndelibleError } from '@indelible/core';
import { MIGRATIONS, type Migration } from './migrations.ts';

/** What can run SQL; without values, several statements at once. Values may come back as text. */
export interface Queryable {
  query(text: string): Promise<{ rows: Record<string, unknown>[] }>;
}

/** The number of the newest migration. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Gives `version`, null where the schema is not installed. */
export const schemaVersionSql = `SELECT CASE WHEN to_regclass('indelible.migrations') IS NULL THEN NULL
  ELSE (xpath('/row/v/text()', query_to_xml('SELECT max(number) AS v FROM indelible.migrations', false, true, '')))[1]::text::integer
  END AS version`;

/** The whole script. */
export function installSql(migrations: readonly Migration[] = MIGRATIONS): string {
  return `-- Indelible's schema for PostgreSQL 14 and later, version ${migrations.length}.
-- Run it as a superuser, or as a role with CREATEROLE and the right to create schemas in this database.
-- Running it again does nothing; running a newer one brings the schema up to date.
${migrations.map(statement).join('')}`;
}

/** Runs what is missing; the numbers of the migrations that it ran. */
export async function installSchema(
  client: Queryable,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<{ readonly applied: number[]; readonly version: number }> {
  const before = await versionOf(client);
  if (before > migrations.length) {
    const message = `the database has schema ${before}; this program knows ${migrations.length}`;
    throw new IndelibleError('LEDGER_TOO_NEW', message);
  }
  for (const migration of migrations) await client.query(statement(migration));
  const version = await versionOf(client);
  const applied = migrations.map(({ number }) => number).filter((number) => number > before);
  return { applied, version };
}

async function versionOf(client: Queryable): Promise<number> {
  const { rows } = await client.query(schemaVersionSql);
  return Number(rows[0]?.version ?? 0);
}

/** Everything after the first migration is done as the owner, whoever installs. */
function statement({ number, name, sql }: Migration): string {
  return String.raw`
DO $indelible$
DECLARE
  role_before text := pg_catalog.current_setting('role');
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock(1852074082, 0);
  -- Read from the catalogue: to_regclass may answer from before the lock was waited for.
  IF EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'indelible' AND tablename = 'migrations') THEN
    IF EXISTS (SELECT FROM indelible.migrations WHERE number = ${number}) THEN
      RETURN;
    END IF;
    SET LOCAL ROLE indelible_owner;
  END IF;
  EXECUTE $migration$${sql}$migration$;
  INSERT INTO indelible.migrations (number, name) VALUES (${number}, '${name}');
  REVOKE ALL ON ALL FUNCTIONS IN SCHEMA indelible FROM PUBLIC;
  PERFORM pg_catalog.set_config('role', role_before, true);
END
$indelible$;
`;
}
