/** The PostgreSQL connector: conformance against a real server, and what rows have of their own there. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { memoryBlobs, runConnectorConformance } from '../../packages/indelible/src/connectors/conformance.ts';
import { noPostgres } from '../support/postgres.ts';
import { type PostgresPlaces, startPostgresPlaces } from './postgres-place.ts';
import { conformanceOptions } from './support.ts';

const skip = noPostgres();
let places: PostgresPlaces;

if (skip === false) {
  before(async () => {
    places = await startPostgresPlaces();
  });
  after(() => places.stop());
}

if (skip === false) runConnectorConformance(test, 'postgres', () => places.make(), conformanceOptions(3));
else test('postgres', { skip }, () => {});

test('a change that would change other rows, by a cascade, is refused; so is what a constraint forbids', {
  skip,
}, async (t) => {
  const place = await places.make();
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
