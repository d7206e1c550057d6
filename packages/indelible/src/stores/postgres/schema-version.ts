/**
 * Whether the schema in the database is the one that this program knows.
 *
 * Errors:  SCHEMA_MISSING where there is none or an older one, LEDGER_TOO_NEW; those of asking.
 */
import { IndelibleError } from '@indelible/core';
import type { Link } from './link.ts';
import { SCHEMA_VERSION, schemaVersionSql } from './schema/index.ts';

export async function checkSchemaVersion(link: Link, url: string): Promise<void> {
  const { rows } = await link.ask({ text: schemaVersionSql });
  const version = rows[0]?.[0] ?? null;
  if (version === null)
    throw new IndelibleError('SCHEMA_MISSING', `${url}: the schema indelible is not installed`);
  const differs = (needs: string) => `${url} has schema ${version}; this program ${needs} ${SCHEMA_VERSION}`;
  if (Number(version) > SCHEMA_VERSION) throw new IndelibleError('LEDGER_TOO_NEW', differs('knows'));
  if (Number(version) < SCHEMA_VERSION) throw new IndelibleError('SCHEMA_MISSING', differs('needs'));
}
