/**
 * A server with our schema, and databases with it at the price of a copy.
 */
import { createHash } from 'node:crypto';
import { connectPostgres } from '../../packages/indelible/src/stores/postgres/connection.ts';
import { installSchema, installSql } from '../../packages/indelible/src/stores/postgres/schema/index.ts';
import { atEnd } from '../support/at-end.ts';
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

/** The server of all files in this process that ask for nothing of their own: each start is half a second's work. */
let shared: Promise<PostgresServer> | null = null;
/** Databases made in this process, whichever the server. */
let made = 0;

async function startShared(copy_of: string): Promise<PostgresServer> {
  const server = await startPostgres({ copy_of });
  atEnd(() => server.stop());
  return server;
}

export class Databases {
  readonly server: PostgresServer;
  #template = TEMPLATE;
  readonly #own: boolean;

  /**
   * A server with a template database that has the schema, and these ledgers, provisioned for `APP`. Without options it
   * is one that files of a process share: then leave it and its roles as they were.
   */
  static async start(ledgers: readonly string[], options?: PostgresOptions): Promise<Databases> {
    const copy_of = await serverWithSchema();
    const server =
      options === undefined
        ? await (shared ??= startShared(copy_of))
        : await startPostgres({ ...options, copy_of });
    const all = new Databases(server, options !== undefined);
    try {
      if (ledgers.length > 0) {
        const template = await all.create();
        const provision = 'SELECT indelible.provision(name, $2) FROM unnest($1::text[]) AS name';
        await all.run(template, provision, [[...ledgers], APP]);
        all.#template = template;
      }
      return all;
    } catch (error) {
      await all.stop();
      throw error;
    }
  }

  constructor(server: PostgresServer, own = true) {
    this.server = server;
    this.#own = own;
  }

  /** A new database with the schema and the provisioned, empty ledgers. */
  async create(): Promise<string> {
    const name = `copy_${++made}`;
    // PostgreSQL 14 knows no other way.
    const how = this.server.version < 15 ? '' : 'STRATEGY FILE_COPY';
    await this.run('postgres', `CREATE DATABASE ${name} TEMPLATE ${this.#template} ${how}`);
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

  /** What is shared stays until the end of this process's tests. */
  async stop(): Promise<void> {
    if (this.#own) await this.server.stop();
  }
}
