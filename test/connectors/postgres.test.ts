/** The PostgreSQL connector: conformance against a real server, and what rows have of their own there. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import pg from 'pg';
import {
  type ConnectorPlace,
  memoryBlobs,
  runConnectorConformance,
} from '../../packages/indelible/src/connectors/conformance.ts';
import { openPostgresConnector } from '../../packages/indelible/src/connectors/postgres/connector.ts';
import { noPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { randomShopOperation, rowNamed, SHOP, SHOP_SAMPLES, SHOP_TOO_LARGE, TABLES } from './rows.ts';
import { conformanceOptions, sha256 } from './support.ts';

const skip = noPostgres();
let server: PostgresServer;
let direct: pg.Client;
let places = 0;

if (skip === false) {
  before(async () => {
    server = await startPostgres();
    direct = new pg.Client({ connectionString: server.url() });
    await direct.connect();
  });
  after(async () => {
    await direct.end();
    await server.stop();
  });
}

/** A schema of its own. */
async function postgresPlace(): Promise<ConnectorPlace> {
  const schema = `shop_${++places}`;
  await direct.query(
    `CREATE SCHEMA ${schema}; SET search_path = ${schema}; ${SHOP}; SET search_path = public`,
  );
  const tables = ['baskets', 'items', 'prices', 'stock'];
  return {
    open: () =>
      openPostgresConnector(
        'shop',
        { url: server.url(), schema, tables: TABLES, max_rows: 5, max_bytes: 2000 },
        async () => '',
      ),
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

if (skip === false) runConnectorConformance(test, 'postgres', postgresPlace, conformanceOptions(3));
else test('postgres', { skip }, () => {});

test('a change that would change other rows, by a cascade, is refused; so is what a constraint forbids', {
  skip,
}, async (t) => {
  const place = await postgresPlace();
  const connector = await place.open();
  t.after(async () => {
    await connector.close();
    await place.remove();
  });
  const ctx = { signal: new AbortController().signal, blobs: memoryBlobs(), secret: async () => '' };
  const before = await place.digest();
  await assert.rejects(connector.plan('delete', { table: 'baskets', where: { id: 1 } }, ctx), (error) => {
    assert.ok(isIndelibleError(error, 'TARGET_REFUSED'), String(error));
    assert.match(error.message, /2 other rows/);
    return true;
  });
  await assert.rejects(
    connector.plan('update', { table: 'prices', where: { sku: 'plum' }, set: { amount: -1 } }, ctx),
    (error) => isIndelibleError(error, 'TARGET_REFUSED'),
  );
  assert.equal(await place.digest(), before);
});
