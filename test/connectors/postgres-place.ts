/** Schemas of one server, each a shop, for the PostgreSQL connector's cases. */
import pg from 'pg';
import { openPostgresConnector } from '../../packages/indelible/src/connectors/postgres/connector.ts';
import { startPostgres } from '../support/postgres.ts';
import { randomShopOperation, rowNamed, SHOP, SHOP_SAMPLES, SHOP_TOO_LARGE, TABLES } from './rows.ts';
import { type ConfiguredPlace, sha256 } from './support.ts';

export interface PostgresPlaces {
  /** A schema of its own. */
  make(): Promise<ConfiguredPlace>;
  stop(): Promise<void>;
}

export async function startPostgresPlaces(): Promise<PostgresPlaces> {
  const server = await startPostgres();
  const direct = new pg.Client({ connectionString: server.url() });
  await direct.connect();
  let places = 0;
  return {
    make: () => makePlace(server.url(), direct, `shop_${++places}`),
    stop: async () => {
      await direct.end();
      await server.stop();
    },
  };
}

async function makePlace(url: string, direct: pg.Client, schema: string): Promise<ConfiguredPlace> {
  await direct.query(
    `CREATE SCHEMA ${schema}; SET search_path = ${schema}; ${SHOP}; SET search_path = public`,
  );
  const tables = ['baskets', 'items', 'prices', 'stock'];
  const config = { url, schema, tables: TABLES, max_rows: 5, max_bytes: 2000 };
  return {
    id: 'shop',
    configuration: { kind: 'postgres', ...config },
    open: () => openPostgresConnector('shop', config, async () => ''),
    digest: async () => {
      const rows = [];
      for (const table of tables) {
        rows.push((await direct.query(`SELECT t::text FROM ${schema}.${table} t ORDER BY 1`)).rows);
      }
      return sha256(rows);
    },
    samples: SHOP_SAMPLES,
    too_large: SHOP_TOO_LARGE,
    random: randomShopOperation,
    disturb: async (plan) => {
      const { table, key } = rowNamed(plan.targets[0]!.resource.id);
      const [values, set] =
        table === 'prices' ? ["($1, 1, 'foreign', 1)", "note = 'foreign'"] : ['($1, $2, 77)', 'pieces = 77'];
      const columns = table === 'prices' ? 'sku' : 'shop, sku';
      await direct.query(
        `INSERT INTO ${schema}.${table} VALUES ${values} ON CONFLICT (${columns}) DO UPDATE SET ${set}`,
        [...key],
      );
    },
    remove: async () => {
      await direct.query(`SET client_min_messages = warning; DROP SCHEMA ${schema} CASCADE`);
    },
  };
}
