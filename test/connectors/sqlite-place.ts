/** A shop's database for the SQLite connector's cases. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteConnector } from '../../packages/indelible/src/connectors/sqlite/connector.ts';
import { randomShopOperation, rowNamed, SHOP, SHOP_SAMPLES, SHOP_TOO_LARGE, TABLES } from './rows.ts';
import { type ConfiguredPlace, sha256, temporaryFolder } from './support.ts';

export async function sqlitePlace(): Promise<ConfiguredPlace> {
  const folder = temporaryFolder();
  const file = join(folder.path, 'shop.db');
  const direct = new DatabaseSync(file, { timeout: 2000 });
  direct.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; ${SHOP}`);
  const tables = direct
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map(({ name }) => name as string);
  const config = { file, tables: TABLES, max_rows: 5, max_bytes: 2000 };
  return {
    id: 'shop',
    configuration: { kind: 'sqlite', ...config },
    open: () => openSqliteConnector('shop', config),
    digest: async () =>
      sha256(
        tables.map((table) => {
          const statement = direct.prepare(
            `SELECT *, typeof(${table === 'prices' ? 'amount' : '1'}) FROM ${table} ORDER BY 1, 2`,
          );
          return [table, statement.all()];
        }),
      ),
    samples: SHOP_SAMPLES,
    too_large: SHOP_TOO_LARGE,
    random: randomShopOperation,
    disturb: async (plan) => {
      const { table, key } = rowNamed(plan.targets[0]!.resource.id);
      if (table === 'prices') {
        direct
          .prepare(
            "INSERT INTO prices VALUES (?, 1, 'foreign', 1) ON CONFLICT (sku) DO UPDATE SET note = 'foreign'",
          )
          .run(...key);
      } else {
        direct
          .prepare('INSERT INTO stock VALUES (?, ?, 77) ON CONFLICT DO UPDATE SET pieces = 77')
          .run(...key);
      }
    },
    remove: async () => {
      direct.close();
      await folder.remove();
    },
  };
}
