import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { makePlace, type Place } from './run-cli.ts';

const EVENTS = Array.from({ length: 20 }, (_, i) =>
  JSON.stringify({ action: 'payment.sent', data: { amount: i } }),
).join('\n');

function database(place: Place): DatabaseSync {
  return new DatabaseSync(join(place.folder, 'indelible-data', 'ledger.db'));
}

/** Runs SQL as an intruder with the file would: past the triggers, which are put back. */
function tamper(place: Place, sql: string): void {
  const db = database(place);
  const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all() as {
    name: string;
    sql: string;
  }[];
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  db.exec(sql);
  for (const trigger of triggers) db.exec(trigger.sql);
  db.close();
}

test('a sound ledger: exit code 0, and what that does not prove', async (t) => {
  const place = await makePlace(t);
  await place.fill(EVENTS);
  const report = await place.json(['verify']);
  assert.equal(report.ok, true);
  assert.equal(report.verdict, 'consistent');
  assert.equal(report.records_checked, 21);
  assert.equal(report.first_bad_seq, null);
  assert.equal(report.damage, null);
  assert.ok(report.does_not_prove.length > 0);
  assert.notEqual(report.index, null);

  const plain = await place.run(['verify']);
  assert.equal(plain.code, 0);
  assert.match(plain.stdout, /checked +21 records in .+\(.+ records\/s\)/);
  assert.match(plain.stdout, /verdict +consistent/);
  assert.match(plain.stdout, /This does not prove:\n {2}- /);
  assert.match((await place.run(['verify', '--no-index'])).stdout, /index +not compared/);
});

test('an edited record: exit code 1, the right record and the kind', async (t) => {
  const place = await makePlace(t);
  await place.fill(EVENTS);
  tamper(place, `UPDATE records SET body = replace(body, '"amount":6', '"amount":9') WHERE seq = 7`);
  const found = await place.run(['verify', '--json']);
  assert.equal(found.code, 1, found.stderr);
  const report = JSON.parse(found.stdout);
  assert.deepEqual(
    { ok: report.ok, verdict: report.verdict, first_bad_seq: report.first_bad_seq, damage: report.damage },
    { ok: false, verdict: 'damaged', first_bad_seq: 7, damage: 'mutated' },
  );
  assert.ok(report.detail.length > 0);
  const [plain, shown, before] = await Promise.all([
    place.run(['verify']),
    place.run(['show', '7']),
    place.run(['show', '6']),
  ]);
  assert.equal(plain.code, 1);
  assert.match(plain.stdout, /DAMAGED: mutated, first at record 7/);
  assert.equal(shown.code, 1);
  assert.match(shown.stdout, /DOES NOT VERIFY/);
  assert.equal(before.code, 0);
});

test('a deleted record and a dropped trigger are found', async (t) => {
  const place = await makePlace(t);
  await place.fill(EVENTS);
  tamper(place, 'DELETE FROM records WHERE seq = 12');
  const deleted = await place.run(['verify', '--json']);
  assert.equal(deleted.code, 1);
  assert.equal(JSON.parse(deleted.stdout).damage, 'missing');
  assert.equal(JSON.parse(deleted.stdout).first_bad_seq, 12);

  const other = await makePlace(t);
  await other.fill(EVENTS);
  const db = database(other);
  db.exec('DROP TRIGGER records_refuse_update');
  db.close();
  const dropped = await other.run(['verify', '--json']);
  assert.equal(dropped.code, 1);
  assert.equal(JSON.parse(dropped.stdout).damage, 'store_altered');
  assert.equal((await other.run(['doctor'])).code, 1, 'and the doctor says so too');
});

test('pitfall 11: a cut tail is consistent by itself, and found with a head that was noted elsewhere', async (t) => {
  const place = await makePlace(t);
  await place.fill(EVENTS);
  const { head } = await place.json(['verify']);
  const noted = `${head.seq}:${head.hash}`;
  assert.equal((await place.run(['verify', '--expect', noted])).code, 0);
  tamper(place, 'DELETE FROM records WHERE seq > 15');
  const [alone, compared] = await Promise.all([
    place.json(['verify', '--no-index']),
    place.run(['verify', '--no-index', '--expect', noted, '--json']),
  ]);
  assert.equal(alone.verdict, 'consistent');
  assert.match(alone.does_not_prove.join(), /no record was cut from the end/);
  assert.equal(compared.code, 1);
  const report = JSON.parse(compared.stdout);
  assert.deepEqual([report.first_bad_seq, report.damage], [20, 'missing']);
  assert.match(report.detail, /cut off/);

  const rewritten = await place.run(['verify', '--no-index', '--expect', `3:${'ab'.repeat(32)}`, '--json']);
  assert.equal(rewritten.code, 1);
  assert.deepEqual(
    [JSON.parse(rewritten.stdout).first_bad_seq, JSON.parse(rewritten.stdout).damage],
    [3, 'relinked'],
  );
});

test('verify --record leaves the verdict in the ledger', async (t) => {
  const place = await makePlace(t);
  await place.run(['record', 'a']);
  const { head } = await place.json(['verify', '--record']);
  const { record } = await place.json(['show', '2']);
  assert.equal(record.action, 'ledger.verified');
  assert.deepEqual([record.data.verdict, record.data.head.hash], ['consistent', head.hash]);
});

test('a file ledger: an edited byte is found', async (t) => {
  const place = await makePlace(t);
  const env = { INDELIBLE_LEDGER: 'file:ledger' };
  await place.fill(EVENTS, env);
  await place.run(['reindex'], { env });
  const file = join(place.folder, 'ledger', 'segments', '00000000000000000000.jsonl');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('"amount":3}', '"amount":4}'));
  const found = await place.run(['verify', '--json'], { env });
  assert.equal(found.code, 1);
  const report = JSON.parse(found.stdout);
  assert.deepEqual([report.first_bad_seq, report.damage], [4, 'mutated']);
});
