/**
 * A PostgreSQL server for one sample, set up as a careful administrator would: every commit is synced.
 */
import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Client } from 'pg';
import { connectPostgres } from '../../packages/indelible/src/stores/postgres/connection.ts';
import { loadDriver } from '../../packages/indelible/src/stores/postgres/driver.ts';
import { installSchema } from '../../packages/indelible/src/stores/postgres/schema/index.ts';
import { type PostgresServer, startPostgres } from '../../test/support/postgres.ts';

export const LEDGER = 'bench.example/ledger';
const DATABASE = 'bench';
const APP = 'bench_app';

export class BenchDatabase {
  readonly #server: PostgresServer;
  readonly #folder: string;
  readonly #clients: Client[] = [];

  static async start(folder: string): Promise<BenchDatabase> {
    // As root, the server runs under another account, which must get there.
    for (const part of [dirname(folder), folder]) chmodSync(part, 0o711);
    const server = await startPostgres({
      folder,
      fsync: true,
      usual_segments: true,
      settings: { shared_buffers: '256MB', max_wal_size: '4GB', checkpoint_timeout: '15min' },
    });
    const database = new BenchDatabase(server, folder);
    await database.run('postgres', `CREATE DATABASE ${DATABASE}`);
    return database;
  }

  private constructor(server: PostgresServer, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  /** As the superuser. */
  async run(database: string, sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]> {
    const connection = await connectPostgres(this.#server.url(database));
    try {
      return (await connection.query(sql, values)).rows;
    } finally {
      await connection.end();
    }
  }

  /** Our schema, and a role that is no owner, bound to an empty ledger. */
  async install(): Promise<void> {
    const connection = await connectPostgres(this.#server.url(DATABASE));
    await installSchema(connection);
    await connection.query(
      `CREATE ROLE ${APP} LOGIN IN ROLE indelible_writer, indelible_reader, indelible_sealer`,
    );
    await connection.query('SELECT indelible.provision($1, $2)', [LEDGER, APP]);
    await connection.end();
  }

  get ledger_url(): string {
    const local = encodeURIComponent(join(this.#folder, 'local'));
    return `${this.#server.url(DATABASE, APP)}?ledger=${LEDGER}&local=${local}`;
  }

  /** A connection of the driver as it comes: one statement after the other. */
  async connect(user = APP): Promise<Client> {
    const { Client } = await loadDriver();
    const client = new Client({ connectionString: this.#server.url(DATABASE, user) });
    await client.connect();
    this.#clients.push(client);
    return client;
  }

  /** SQL in the measured database, as the superuser. */
  prepare(sql: string): Promise<Record<string, unknown>[]> {
    return this.run(DATABASE, `SET search_path = public;${sql}`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()));
    await this.#server.stop();
  }
}
