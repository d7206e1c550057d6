import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makePlace } from './run-cli.ts';

test('reindex builds the index from the log again', async (t) => {
  const place = await makePlace(t);
  await place.fill('{"action":"a"}\n'.repeat(5));
  const done = await place.json(['reindex']);
  assert.deepEqual([done.records, done.position], [6, 6]);
  assert.match((await place.run(['reindex'])).stdout, /^Indexed 6 records in /);
});

test('a ruined index is told from a ruined log: the doctor sends to reindex, reading heals by itself', async (t) => {
  const place = await makePlace(t);
  const ruin = () =>
    writeFile(join(place.folder, 'indelible-data', 'ledger.db.index'), 'not a database at all'.repeat(500));
  await place.fill('{"action":"a"}\n'.repeat(5));
  await ruin();
  const doctor = await place.run(['doctor']);
  assert.equal(doctor.code, 3);
  assert.match(doctor.stdout, /fail {2}index +INDEX_DAMAGED: .*\n +next: Run `indelible reindex`/);
  assert.equal((await place.json(['verify', '--no-index'])).ok, true);
  assert.equal((await place.json(['reindex'])).records, 6);
  assert.equal((await place.json(['verify'])).index.checked, 6);
  await ruin();
  const log = await place.run(['log', '--action', 'a']);
  assert.equal(log.code, 0, log.stderr);
  assert.equal(log.stdout.trimEnd().split('\n').length, 5);
  assert.match(log.stderr, /index was damaged; it is rebuilt/);
});
