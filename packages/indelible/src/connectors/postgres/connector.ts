/**
 * Rows of a PostgreSQL database.
 *
 * Errors:  as the contract says; CONNECTOR_CONFIG for the configuration.
 */
import { IndelibleError } from '@indelible/core';
import type { Connector } from '../contract.ts';
import { checkConnectorId, schemaCheck } from '../shared/checks.ts';
import { ROW_CONFIG, type RowConfig, rowLimits } from '../shared/rows/config.ts';
import { RowConnector } from '../shared/rows/connector.ts';
import { EFFECTS_TABLE, openPostgresDatabase } from './database.ts';

const CODE_VERSION = 1;

const LIMITATIONS = {
  sequences: 'Sequences that a plan, a dry run or the operation has advanced are not set back.',
  triggers_and_cascades: 'A change that would change other rows by triggers or cascades is refused.',
  effects_elsewhere: 'What triggers do outside of tables (notifications, foreign servers) is not put back.',
  volatile_defaults: 'Defaults like now() give another value in the real run than the plan foretells.',
} as const;

export interface PostgresConfig extends RowConfig {
  /** postgres://user@host:port/database, without a password. */
  readonly url: string;
  /** The name of the secret that holds the password. */
  readonly password_secret?: string;
  /** Default `public`. */
  readonly schema?: string;
  /** Off for a server on this machine. Default: off for this machine, otherwise on. */
  readonly tls?: boolean;
}

const checkConfig = schemaCheck<PostgresConfig>(
  {
    type: 'object',
    additionalProperties: false,
    required: ['url', 'tables'],
    properties: {
      url: { type: 'string', pattern: '^postgres(?:ql)?://' },
      password_secret: { type: 'string', minLength: 1, maxLength: 128 },
      schema: { type: 'string', minLength: 1, maxLength: 63 },
      tls: { type: 'boolean' },
      ...ROW_CONFIG,
    },
  },
  'CONNECTOR_CONFIG',
  'postgres',
);

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

export async function openPostgresConnector(
  id: string,
  config: unknown,
  secret: (name: string) => Promise<string>,
): Promise<Connector> {
  checkConnectorId(id);
  const checked = checkConfig(config);
  const { password_secret, schema = 'public' } = checked;
  const url = URL.parse(checked.url);
  if (url === null || url.password !== '' || url.search !== '' || url.pathname.length < 2) {
    throw new IndelibleError(
      'CONNECTOR_CONFIG',
      `the url of ${id} is like postgres://user@host/database: no password in it (password_secret names it), no query`,
    );
  }
  if (checked.tables.includes(EFFECTS_TABLE)) {
    throw new IndelibleError('CONNECTOR_CONFIG', `${EFFECTS_TABLE} is the connector's own table`);
  }
  const limits = rowLimits(checked);
  const tls = checked.tls ?? !LOOPBACK.includes(url.hostname);
  const place = {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || 5432),
    database: decodeURIComponent(url.pathname.slice(1)),
    user: decodeURIComponent(url.username),
  };
  return new RowConnector({
    id,
    kind: 'postgres',
    code_version: CODE_VERSION,
    place: { ...place, schema, tls },
    tables: checked.tables,
    limits,
    limitations: LIMITATIONS,
    value: { type: ['string', 'number', 'boolean', 'null'] },
    database: openPostgresDatabase({
      connection: {
        ...place,
        ...(password_secret === undefined ? {} : { password: () => secret(password_secret) }),
        ssl: tls,
      },
      schema,
      timeout_ms: limits.timeout_ms,
    }),
  });
}
