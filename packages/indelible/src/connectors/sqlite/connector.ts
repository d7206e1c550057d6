/**
 * Rows of a SQLite file.
 *
 * Errors:  as the contract says; CONNECTOR_CONFIG for the configuration.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { IndelibleError } from '@indelible/core';
import type { Connector } from '../contract.ts';
import { checkConnectorId, schemaCheck } from '../shared/checks.ts';
import { ROW_CONFIG, type RowConfig, rowLimits } from '../shared/rows/config.ts';
import { RowConnector } from '../shared/rows/connector.ts';
import { EFFECTS_TABLE, openSqliteDatabase } from './database.ts';
import { SQLITE_VALUE } from './values.ts';

const CODE_VERSION = 1;

const LIMITATIONS = {
  autoincrement: 'The counter of an AUTOINCREMENT column is not set back.',
  triggers_and_cascades: 'A change that would change other rows by triggers or cascades is refused.',
  changed_back: 'A row that was changed and changed back since looks unchanged: SQLite has no row versions.',
} as const;

export interface SqliteConfig extends RowConfig {
  /** The database; it must exist. */
  readonly file: string;
}

const checkConfig = schemaCheck<SqliteConfig>(
  {
    type: 'object',
    additionalProperties: false,
    required: ['file', 'tables'],
    properties: { file: { type: 'string', minLength: 1 }, ...ROW_CONFIG },
  },
  'CONNECTOR_CONFIG',
  'sqlite',
);

export async function openSqliteConnector(id: string, config: unknown): Promise<Connector> {
  checkConnectorId(id);
  const checked = checkConfig(config);
  const file = resolve(checked.file);
  if (!existsSync(file)) throw new IndelibleError('CONNECTOR_CONFIG', `the database of ${id} does not exist`);
  if (checked.tables.includes(EFFECTS_TABLE)) {
    throw new IndelibleError('CONNECTOR_CONFIG', `${EFFECTS_TABLE} is the connector's own table`);
  }
  return new RowConnector({
    id,
    kind: 'sqlite',
    code_version: CODE_VERSION,
    place: { file },
    tables: checked.tables,
    limits: rowLimits(checked),
    limitations: LIMITATIONS,
    value: SQLITE_VALUE,
    database: openSqliteDatabase(file),
  });
}
