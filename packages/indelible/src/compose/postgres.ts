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

/** Installs the schema, or brings it up to date; the numbers of the migrations that were missing. */
export async function installPostgres(url: string): Promise<{ applied: number[]; version: number }> {
  const place = parseLedgerUrl(url);
  if (place.scheme !== 'postgres')
    throw new IndelibleError('USAGE', 'only ledgers in PostgreSQL need a schema: --ledger postgres://…');
  const { connectPostgres } = await import('../stores/postgres/connection.ts');
  const { installSchema } = await import('../stores/postgres/schema/index.ts');
  const connection = await connectPostgres(place.url);
  try {
    return await installSchema(connection);
  } finally {
    await connection.end();
  }
}
