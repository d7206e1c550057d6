/**
 * A server with our schema, and databases with it at the price of a copy.
 */
import { createHash } from 'node:crypto';
import { connectPostgres } from '../../packages/indelible/src/stores/postgres/connection.ts';
import { installSchema, installSql } from '../../packages/indelible/src/stores/postgres/schema/index.ts';
import {
  filledTemplate,
  type PostgresOptions,
  type PostgresServer,
  startPostgres,
} from '../support/postgres.ts';

/** The role of an application's server: no owner, and bound to its ledgers alone. */
export const APP = 'app_server';
const TEMPLATE = 'with_schema';

/** Data of a server with a database that has the schema, made once and kept: installing takes longer than copying. */
function serverWithSchema(): Promise<string> {
  const digest = createHash('sha256').update(installSql()).digest('hex').slice(0, 12);
  return filledTemplate('schema', digest, async (server) => {
    const all = new Databases(server);
    await all.run('postgres', `CREATE DATABASE ${TEMPLATE}`);
    const connection = await connectPostgres(server.url(TEMPLATE));
    await installSchema(connection);
    await connection.query(
      `CREATE ROLE ${APP} LOGIN IN ROLE indelible_writer, indelible_reader, indelible_sealer`,
    );
    await connection.end();
  });
}

export class Databases {
  readonly server: PostgresServer;
  #made = 0;

  /** A server whose template database has the schema, and these ledgers, provisioned for `APP`. */
  static async start(ledgers: readonly string[], options: PostgresOptions = {}): Promise<Databases> {
    const server = await startPostgres({ ...options, copy_of: await serverWithSchema() });
    try {
      const all = new Databases(server);
      if (ledgers.length === 0) return all;
      const provision = 'SELECT indelible.provision(name, $2) FROM unnest($1::text[]) AS name';
      await all.run(TEMPLATE, provision, [[...ledgers], APP]);
      return all;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  constructor(server: PostgresServer) {
    this.server = server;
  }

  /** A new database with the schema and the provisioned, empty ledgers. */
  async create(): Promise<string> {
    const name = `copy_${++this.#made}`;
    await this.run('postgres', `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
    return name;
  }

  /** Runs SQL as the superuser; the rows of the last statement. */
  async run(database: string, sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]> {
    const connection = await connectPostgres(this.server.url(database));
    try {
      return (await connection.query(sql, values)).rows;
    } finally {
      await connection.end();
    }
  }

  /** Makes a standby the primary. */
  async promote(standby: PostgresServer): Promise<void> {
    const connection = await connectPostgres(standby.url(), 'read');
    await connection.query('SELECT pg_promote()');
    await connection.end();
  }

  /** The ledger's URL for the application's role, or another. */
  url(database: string, ledger: string, role = APP): string {
    return `${this.server.url(database, role)}?ledger=${encodeURIComponent(ledger)}`;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
