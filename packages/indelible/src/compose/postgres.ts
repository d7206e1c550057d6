/**
 * Installing what ledgers in PostgreSQL need in their database.
 *
 * Errors:  LEDGER_URL, DRIVER_MISSING; those of connecting, and of the database.
 */
import { IndelibleError } from '@indelible/core';
import { parseLedgerUrl } from './ledger-url.ts';

/** The whole script, as text for any SQL editor. */
export async function postgresScript(): Promise<string> {
  const { installSql } = await import('../stores/postgres/schema/index.ts');
  return installSql();
}

/** Installs the schema, or brings it up to date: which migrations were missing, and in how much it is altered all the same. */
export async function installPostgres(
  url: string,
): Promise<{ applied: number[]; version: number; altered: number }> {
  const place = parseLedgerUrl(url);
  if (place.scheme !== 'postgres')
    throw new IndelibleError('USAGE', 'only ledgers in PostgreSQL need a schema: --ledger postgres://…');
  const { connectPostgres } = await import('../stores/postgres/connection.ts');
  const { inspectSchema, installSchema } = await import('../stores/postgres/schema/index.ts');
  const connection = await connectPostgres(place.url);
  try {
    const installed = await installSchema(connection);
    const findings = await inspectSchema(connection);
    return { ...installed, altered: findings.filter(({ damage }) => damage).length };
  } finally {
    await connection.end();
  }
}
