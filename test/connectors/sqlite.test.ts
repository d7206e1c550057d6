/** The SQLite connector: conformance, and what rows have of their own. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { isIndelibleError, type JsonObject } from '@indelible/core';
import { memoryBlobs, runConnectorConformance } from '../../packages/indelible/src/connectors/conformance.ts';
import { openSqliteConnector } from '../../packages/indelible/src/connectors/sqlite/connector.ts';
import { SHOP, TABLES } from './rows.ts';
import { sqlitePlace } from './sqlite-place.ts';
import { conformanceOptions, temporaryFolder } from './support.ts';

runConnectorConformance(test, 'sqlite', sqlitePlace, conformanceOptions(20));

async function shop(t: TestContext, schema: string, tables: string[]) {
  const folder = temporaryFolder();
  const file = join(folder.path, 'shop.db');
  const direct = new DatabaseSync(file);
  direct.exec(schema);
  const connector = await openSqliteConnector('shop', { file, tables });
  t.after(async () => {
    await connector.close();
    direct.close();
    await folder.remove();
  });
  return {
    direct,
    connector,
    ctx: { signal: new AbortController().signal, blobs: memoryBlobs(), secret: async () => '' },
  };
}

test('a change that would change other rows, by a cascade or a trigger, is refused', async (t) => {
  const schema = `${SHOP} CREATE TRIGGER noted AFTER UPDATE ON stock BEGIN UPDATE prices SET note = 'moved'; END;`;
  const { connector, ctx, direct } = await shop(t, schema, TABLES);
  const cases: [string, JsonObject][] = [
    ['delete', { table: 'baskets', where: { id: 1 } }],
    ['update', { table: 'stock', where: { shop: 'north' }, set: { pieces: 1 } }],
  ];
  for (const [action, params] of cases) {
    await assert.rejects(connector.plan(action, params, ctx), (error) => {
      assert.ok(isIndelibleError(error, 'TARGET_REFUSED'), String(error));
      assert.match(error.message, /other rows/);
      return true;
    });
  }
  assert.equal(direct.prepare('SELECT count(*) AS n FROM items').get()!.n, 2);
  assert.equal(
    (await connector.plan('delete', { table: 'baskets', where: { id: 2 } }, ctx)).targets.length,
    1,
  );
});

test('every value of SQLite survives being deleted and put back', async (t) => {
  const { connector, ctx, direct } = await shop(t, 'CREATE TABLE t (id INTEGER PRIMARY KEY, v ANY) STRICT', [
    't',
  ]);
  const values = [
    1n,
    1,
    1.5,
    -0.0,
    2n ** 62n,
    Number.POSITIVE_INFINITY,
    '1',
    '',
    'ä\u{1f600}',
    Uint8Array.of(0, 255),
    null,
  ];
  for (const [id, value] of values.entries()) direct.prepare('INSERT INTO t VALUES (?, ?)').run(id, value);
  const read = direct.prepare('SELECT id, typeof(v), quote(v), v FROM t ORDER BY id');
  read.setReadBigInts(true);
  const before = read.all();
  const effect = (name: string) => ({
    ...ctx,
    operation_id: name,
    effect_key: name.repeat(64),
    fencing_epoch: 1,
    reached: async () => {},
  });
  const plan = await connector.plan('delete', { table: 't', where: { id: { gte: 0 } } }, ctx);
  const snapshot = await connector.snapshot(plan, ctx);
  const execution = await connector.execute(plan, snapshot, effect('a'), { commit: true });
  assert.deepEqual(read.all(), []);
  const undo = await connector.planRollback(plan, execution, snapshot, ctx);
  await connector.execute(undo, await connector.snapshot(undo, ctx), effect('b'), { commit: true });
  assert.deepEqual(read.all(), before);
});
