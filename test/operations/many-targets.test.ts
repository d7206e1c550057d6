/** Operations with more targets than one record can name: a table of a hundred prices. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import type { Json } from '@indelible/core';
import { openSqliteConnector } from '../../packages/indelible/src/connectors/sqlite/connector.ts';
import { listOperations } from '../../packages/indelible/src/http/operation-list.ts';
import { temporaryFolder } from '../connectors/support.ts';
import { ALICE, RUNNER, World } from './world.ts';

const ROWS = 100;
const ZOE = { type: 'user', id: 'zoe' };

async function shop(t: TestContext): Promise<World> {
  const folder = temporaryFolder();
  const file = join(folder.path, 'shop.db');
  const database = new DatabaseSync(file);
  database.exec('PRAGMA synchronous = OFF; CREATE TABLE prices (sku TEXT PRIMARY KEY, amount INTEGER)');
  for (let i = 0; i < ROWS; i++)
    database.prepare('INSERT INTO prices VALUES (?, 1)').run(`p${String(i).padStart(3, '0')}`);
  database.close();
  const world = await World.open(t);
  const connector = await openSqliteConnector('shop', { file, tables: ['prices'], max_rows: ROWS });
  world.connectors.set('shop', connector);
  t.after(async () => {
    await connector.close();
    await folder.remove();
  });
  return world;
}

function update(where: Record<string, Json>, amount: number, requester = ALICE) {
  const params = { table: 'prices', where, set: { amount } };
  return { members: [{ connector: 'shop', action: 'update', params }], requester, reason: 'new prices' };
}

const EVERY = { amount: { gte: 0 } };
const LAST = { sku: 'p099' };
const FIRST_ID = 'shop:prices["p000"]';
const LAST_ID = 'shop:prices["p099"]';

test('who touched a target since is found for each of a hundred targets, whoever has so many', async (t) => {
  const world = await shop(t);
  const planned = await world.engine.plan(update(EVERY, 2));
  assert.equal(planned.members[0]!.targets.length, ROWS);
  const all = await world.engine.apply(planned.operation_id, { actor: RUNNER });
  assert.deepEqual(await world.engine.touchedSince(all.operation_id), []);

  const one = await world.engine.plan(update(LAST, 3, ZOE));
  await world.engine.apply(one.operation_id, { actor: RUNNER });
  const touched = await world.engine.touchedSince(all.operation_id);
  assert.deepEqual(
    touched.map(({ target, operation_id }) => [target, operation_id]),
    [[LAST_ID, one.operation_id]],
  );

  const again = await world.engine.plan(update(EVERY, 4, ZOE));
  await world.engine.apply(again.operation_id, { actor: RUNNER });
  const since = await world.engine.touchedSince(one.operation_id);
  assert.deepEqual(
    since.map(({ target, operation_id, action }) => [target, operation_id, action]),
    [[LAST_ID, again.operation_id, 'operation.executed']],
    'named by a record of its own',
  );
  const undo = { requester: ALICE, reason: 'a mistake' };
  await assert.rejects(
    world.engine.rollback(one.operation_id, undo),
    (error: Error & { details?: { touched?: object[] } }) => error.details?.touched?.length === 1,
  );
  assert.equal(
    (await world.engine.touchedSince(all.operation_id)).length,
    ROWS,
    'as many as are told at most',
  );
  assert.deepEqual((await world.another().read(again.operation_id)).illegal, []);
});

test('one operation at a time on each of a hundred targets, also between processes', async (t) => {
  for (const [first, second] of [
    [EVERY, LAST],
    [LAST, EVERY],
  ] as const) {
    const world = await shop(t);
    const { promise: gone, resolve: go } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const slow = world.another({
      holder: 'slow',
      reached: async (point) => {
        if (point !== 'intended') return;
        begin();
        await gone;
      },
    });
    const one = await slow.plan(update(first, 2));
    const other = await world.engine.plan(update(second, 3));
    const running = slow.apply(one.operation_id, { actor: RUNNER });
    await begun;
    const refused = await world.engine.apply(other.operation_id, { actor: RUNNER });
    assert.equal(refused.state, 'failed');
    assert.match(refused.history.at(-1)!.reason!, new RegExp(one.operation_id));
    go();
    assert.equal((await running).state, 'verified');
  }
});

test('a listing by target finds an operation by each of its hundred targets, in every state, once', async (t) => {
  const world = await shop(t);
  const { operation_id } = await world.engine.plan(update(EVERY, 2));
  const list = async (members: Record<string, string>) =>
    (await listOperations(world.ledger, world.engine, members, Date.now())).operations.map(
      (operation) => operation.operation_id,
    );
  const ids = [FIRST_ID, LAST_ID];
  for (const resource of ids) assert.deepEqual(await list({ resource }), [operation_id]);
  await world.engine.apply(operation_id, { actor: RUNNER });
  const other = await world.engine.plan(update(LAST, 3, ZOE));
  assert.deepEqual(await list({ resource: FIRST_ID }), [operation_id]);
  assert.deepEqual(await list({ resource: LAST_ID }), [other.operation_id, operation_id]);
  assert.deepEqual(await list({ resource: LAST_ID, order: 'oldest', limit: '1' }), [operation_id]);
  assert.deepEqual(await list({ resource: LAST_ID, actor: ZOE.id }), [other.operation_id]);
  for (const resource of ids) {
    assert.deepEqual(await list({ resource, state: 'verified' }), [operation_id]);
    assert.deepEqual(await list({ resource, state: 'executed' }), [], 'it is no longer that');
  }
  assert.deepEqual(await list({ resource: operation_id }), [operation_id], 'its own id');
  assert.deepEqual(await list({ resource: 'shop:prices["p100"]' }), []);
});
