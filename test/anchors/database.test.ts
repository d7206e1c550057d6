/** The database anchor: what the database itself refuses, and what is noticed when somebody made it otherwise. */
import assert from 'node:assert/strict';
import { existsSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { sampleCheckpoint } from '../../packages/indelible/src/anchors/conformance.ts';
import { openSqliteTable } from '../../packages/indelible/src/anchors/database/sqlite-table.ts';
import { collect, makeFolder, publish, sqliteAnchorIn } from './support.ts';

type Place = ReturnType<typeof sqliteAnchorIn>;
const ORIGIN = 'acme.example/prod';
const damaged = (error: unknown) => isIndelibleError(error, 'ANCHOR_DAMAGED');
const unavailable = (error: unknown) => isIndelibleError(error, 'ANCHOR_UNAVAILABLE');

async function inFolder(run: (at: Place, again: () => Place) => Promise<void>): Promise<void> {
  const folder = await makeFolder();
  const opened: Place[] = [];
  const open = () => {
    const place = sqliteAnchorIn(folder, { busy_ms_max: 0 });
    opened.push(place);
    return place;
  };
  try {
    await run(open(), open);
  } finally {
    for (const { anchor } of opened) await anchor.close();
    await folder.remove();
  }
}

function sql(path: string, text: string): void {
  const db = new DatabaseSync(path);
  try {
    db.exec(text);
  } finally {
    db.close();
  }
}

test('the table refuses to change, to delete, to replace and to go back', () =>
  inFolder(async ({ anchor, path }) => {
    await publish(anchor, sampleCheckpoint(4));
    await publish(anchor, sampleCheckpoint(8));
    for (const text of [
      "UPDATE indelible_anchors SET root = ''",
      'DELETE FROM indelible_anchors',
      'DELETE FROM indelible_anchors WHERE size = 8',
      `INSERT OR REPLACE INTO indelible_anchors VALUES ('${ORIGIN}', 8, '', '', '')`,
      `REPLACE INTO indelible_anchors VALUES ('${ORIGIN}', 4, '', '', '')`,
      `INSERT INTO indelible_anchors VALUES ('${ORIGIN}', 7, '', '', '')`,
      `INSERT OR IGNORE INTO indelible_anchors VALUES ('${ORIGIN}', 7, '', '', '')`,
    ]) {
      assert.throws(() => sql(path, text), /indelible: anchors are append-only/, text);
    }
    assert.equal((await collect(anchor.all!(ORIGIN))).length, 2);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  }));

test('it lives beside the tables of others, and pages through many rows', () =>
  inFolder(async ({ anchor, path }) => {
    sql(path, 'CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)');
    for (let size = 1; size <= 3; size++) await publish(anchor, sampleCheckpoint(size));
    const one = sampleCheckpoint(4);
    const db = new DatabaseSync(path);
    const insert = db.prepare('INSERT INTO indelible_anchors VALUES (?, ?, ?, ?, ?)');
    db.exec('BEGIN');
    for (let size = 4; size <= 1203; size++) {
      const { root, note } = sampleCheckpoint(size);
      insert.run(ORIGIN, size, root, note, '2026-11-21T02:14:00Z');
    }
    db.exec('COMMIT');
    db.close();
    const all = await collect(anchor.all!(ORIGIN));
    assert.deepEqual(
      all.map(({ checkpoint }) => checkpoint.size),
      Array.from({ length: 1203 }, (_, i) => i + 1),
    );
    assert.deepEqual(all[3]?.checkpoint, one);
  }));

for (const [what, text] of [
  ['a trigger dropped', 'DROP TRIGGER indelible_anchors_refuse_delete'],
  [
    'a trigger weakened',
    `DROP TRIGGER indelible_anchors_refuse_update;
    CREATE TRIGGER indelible_anchors_refuse_update BEFORE UPDATE ON indelible_anchors BEGIN SELECT 1; END`,
  ],
  ['a trigger added', 'CREATE TRIGGER more AFTER INSERT ON indelible_anchors BEGIN SELECT 1; END'],
  ['a column added', 'ALTER TABLE indelible_anchors ADD COLUMN more TEXT'],
] as const) {
  test(`${what}: ANCHOR_DAMAGED when it is opened again`, () =>
    inFolder(async ({ anchor, path }, again) => {
      await publish(anchor, sampleCheckpoint(4));
      sql(path, text);
      const { anchor: later } = again();
      await assert.rejects(async () => later.newest!(ORIGIN), damaged);
      await assert.rejects(publish(later, sampleCheckpoint(5)), damaged);
    }));
}

test('a row that was edited behind the triggers is ANCHOR_DAMAGED, one that is gone is told by its receipt', () =>
  inFolder(async ({ anchor, path }) => {
    const receipt = await publish(anchor, sampleCheckpoint(4));
    const edit = (text: string) =>
      sql(
        path,
        `DROP TRIGGER IF EXISTS indelible_anchors_refuse_update;
        DROP TRIGGER IF EXISTS indelible_anchors_refuse_delete; ${text}`,
      );
    edit(`UPDATE indelible_anchors SET root = '${sampleCheckpoint(5).root}'`);
    await assert.rejects(async () => anchor.newest!(ORIGIN), damaged);
    await assert.rejects(collect(anchor.all!(ORIGIN)), damaged);
    await assert.rejects(anchor.check(receipt, sampleCheckpoint(4)), damaged);
    edit('DELETE FROM indelible_anchors');
    assert.match((await anchor.check(receipt, sampleCheckpoint(4))).detail, /no longer holds/);
  }));

test('a file that is none, one that is locked, a folder that is not there', () =>
  inFolder(async ({ anchor, path }, again) => {
    writeFileSync(path, 'not a database, but long enough to be taken for the header of one'.repeat(20));
    await assert.rejects(publish(anchor, sampleCheckpoint(1)), damaged);
    unlinkSync(path);
    await publish(anchor, sampleCheckpoint(1));
    const db = new DatabaseSync(path);
    db.exec('BEGIN IMMEDIATE');
    await assert.rejects(publish(again().anchor, sampleCheckpoint(2)), unavailable);
    db.exec('ROLLBACK');
    db.close();
    await publish(anchor, sampleCheckpoint(2));
    const away = openSqliteTable({ path: join(path, '../mount/a.db'), name: 'database:away' });
    await assert.rejects(away.newest(ORIGIN), unavailable);
    assert.ok(!existsSync(join(path, '../mount')));
  }));

test('a file that was moved away while it was open is not written to any more', () =>
  inFolder(async ({ anchor, path }) => {
    const receipt = await publish(anchor, sampleCheckpoint(1));
    unlinkSync(path);
    assert.equal(await anchor.newest!(ORIGIN), null);
    assert.match((await anchor.check(receipt, sampleCheckpoint(1))).detail, /no longer holds/);
    await publish(anchor, sampleCheckpoint(2));
    assert.ok(existsSync(path));
  }));
