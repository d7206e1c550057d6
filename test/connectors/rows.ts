/** The same table and operations for connectors of databases. */
import type { Choose, SampleOperation } from '../../packages/indelible/src/connectors/conformance.ts';
import { operation, pick } from './support.ts';

/** Understood by SQLite and PostgreSQL alike. */
export const SHOP = `
CREATE TABLE prices (
  sku TEXT PRIMARY KEY, amount NUMERIC NOT NULL CHECK (amount >= 0), note TEXT DEFAULT 'none', size REAL
);
INSERT INTO prices (sku, amount, note, size) VALUES
  ('apple', 120, 'red', 1.5), ('pear', 140, NULL, 2), ('plum', 90, 'blue', NULL);
CREATE TABLE stock (shop TEXT, sku TEXT, pieces INTEGER, PRIMARY KEY (shop, sku));
INSERT INTO stock VALUES ('north', 'apple', 3), ('south', 'apple', 0);
CREATE TABLE baskets (id INTEGER PRIMARY KEY, owner TEXT);
CREATE TABLE items (id INTEGER PRIMARY KEY, basket INTEGER REFERENCES baskets (id) ON DELETE CASCADE);
INSERT INTO baskets VALUES (1, 'ann'), (2, 'bob');
INSERT INTO items VALUES (10, 1), (11, 1);
`;

export const TABLES = ['prices', 'stock', 'baskets'];

export const SHOP_SAMPLES: readonly SampleOperation[] = [
  operation('insert', { table: 'prices', rows: [{ sku: 'fig', amount: 300, size: 0.25 }] }),
  operation('insert', {
    table: 'stock',
    rows: [
      { shop: 'west', sku: 'pear', pieces: 1 },
      { shop: 'east', sku: 'pear', pieces: 2 },
    ],
  }),
  operation('update', {
    table: 'prices',
    where: { amount: { gte: 100 } },
    set: { amount: 99, note: 'sale' },
  }),
  operation('update', { table: 'prices', where: { note: null }, set: { note: 'green' } }),
  operation('delete', { table: 'prices', where: { sku: { in: ['plum', 'pear'] } } }),
];

export const SHOP_TOO_LARGE: readonly SampleOperation[] = [
  operation('insert', {
    table: 'prices',
    rows: Array.from({ length: 6 }, (_, i) => ({ sku: `n${i}`, amount: 1 })),
  }),
  operation('update', { table: 'prices', where: { sku: 'plum' }, set: { note: 'x'.repeat(2000) } }),
];

const SKUS = ['apple', 'pear', 'plum', 'fig', "o'quote"];
const NOTES = ['', 'sale', null, 'ä€\u{1f600}'];

export function randomShopOperation(choose: Choose): SampleOperation {
  const sku = pick(choose, SKUS);
  const amount = [0, 99, 1234.5, -1][choose(4)]!;
  switch (choose(4)) {
    case 0:
      return operation('insert', { table: 'prices', rows: [{ sku, amount, note: pick(choose, NOTES) }] });
    case 1:
      return operation('delete', { table: 'prices', where: { sku } });
    case 2:
      return operation('update', { table: 'prices', where: { amount: { lt: amount } }, set: { amount: 7 } });
    default:
      return operation('update', {
        table: 'prices',
        where: { sku: { ne: sku } },
        set: { note: pick(choose, NOTES), size: choose(3) },
      });
  }
}

/** The rows of prices and stock that a resource like `shop:prices["apple"]` names. */
export function rowNamed(resource_id: string): { readonly table: string; readonly key: readonly string[] } {
  const [, table = '', key = ''] = /^[a-z-]+:(\w+)(\[.*\])$/s.exec(resource_id) ?? [];
  return { table, key: JSON.parse(key) as string[] };
}
