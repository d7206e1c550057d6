/** What the SQLite store has beyond the conformance suite: schema, triggers, view, opening, odd rows. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { isIndelibleError, isLine } from '@indelible/core';
import { sampleBatch, sampleLines } from '../../packages/indelible/src/stores/conformance.ts';
import { openSqliteStore } from '../../packages/indelible/src/stores/sqlite/sqlite-store.ts';
import { cleanUp, ledgerPath, makeLedger, openAt, runSql } from './support/sqlite-ledger.ts';

const refused = /indelible: records are append-only/;
const code = (expected: string) => (error: unknown) => isIndelibleError(error) && error.code === expected;

test('triggers refuse to change, delete, replace or insert before the end', async (t) => {
  const path = ledgerPath(t);
  await makeLedger(path, 3);
  for (const sql of [
    `UPDATE records SET body = '{}' WHERE seq = 1`,
    'UPDATE records SET seq = 9 WHERE seq = 2',
    'DELETE FROM records WHERE seq = 2',
    'DELETE FROM records',
    // By default these delete the old row without firing a delete trigger.
    `PRAGMA recursive_triggers = OFF; INSERT OR REPLACE INTO records VALUES (1, 'x', '{}')`,
    `PRAGMA recursive_triggers = OFF; REPLACE INTO records VALUES (2, 'x', '{}')`,
    `INSERT INTO records VALUES (1, 'x', '{}') ON CONFLICT DO UPDATE SET body = 'x'`,
    `INSERT INTO records (hash, body) VALUES ('x', '{}')`,
    `INSERT INTO records VALUES (-1, 'x', '{}')`,
  ]) {
    assert.throws(() => runSql(path, sql), refused, sql);
  }
  const store = await openAt(t, path);
  assert.equal((await store.head())?.seq, 2);
  assert.deepEqual(await store.inspect(), []);
});

test('the view shows the members of each record, and cannot drift or be written', async (t) => {
  const path = ledgerPath(t);
  const store = await openAt(t, path);
  await store.append(sampleBatch(sampleLines(2)), null);
  const db = new DatabaseSync(path);
  cleanUp(t, () => db.close());
  const row = db.prepare('SELECT * FROM events WHERE seq = 1').get();
  const { hash, body, ...columns } = row as Record<string, unknown>;
  assert.deepEqual(columns, {
    seq: 1,
    id: '019aa0b0-0000-7000-8000-000000000001',
    ledger: 'conformance.example',
    recorded_at: '2026-11-21T02:14:00.123Z',
    action: 'conformance.sample',
    actor_type: 'user',
    actor_id: 'zoë@example.test',
    resource_type: null,
    resource_id: null,
    outcome: 'ok',
    correlation_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  });
  assert.equal(hash, sampleLines(2)[1]!.hash);
  assert.equal(typeof body, 'string');
  assert.throws(() => db.exec(`UPDATE events SET action = 'x'`), /cannot modify events because it is a view/);
});

test('a record that is no JSON any more does not make the view unreadable', async (t) => {
  const path = ledgerPath(t);
  await makeLedger(path, 3);
  runSql(path, `DROP TRIGGER records_refuse_update; UPDATE records SET body = '{"broken' WHERE seq = 1`);
  const db = new DatabaseSync(path);
  cleanUp(t, () => db.close());
  const actions = db
    .prepare('SELECT action FROM events ORDER BY seq')
    .all()
    .map((row) => row.action);
  assert.deepEqual(actions, ['conformance.sample', null, 'conformance.sample']);
});

test('the file is made with its folder, for its owner alone, and identifies itself', async (t) => {
  const path = join(dirname(ledgerPath(t)), 'a', 'b', 'ledger.db');
  const store = await openAt(t, path);
  await store.append(sampleBatch(sampleLines(1)), null);
  for (const file of readdirSync(dirname(path))) {
    assert.equal(statSync(join(dirname(path), file)).mode & 0o077, 0, `${file} is nobody else's business`);
  }
  const db = new DatabaseSync(path);
  cleanUp(t, () => db.close());
  assert.equal(db.prepare('PRAGMA application_id').get()?.application_id, 0x6e646c62);
  assert.equal(db.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal');
  await store.close();
});

test('without create, a missing or empty file is LEDGER_NOT_FOUND and stays as it is', async (t) => {
  const path = ledgerPath(t);
  await assert.rejects(openSqliteStore({ path, create: false }), code('LEDGER_NOT_FOUND'));
  await assert.rejects(openSqliteStore({ path, read_only: true }), code('LEDGER_NOT_FOUND'));
  assert.equal(existsSync(path), false);
  writeFileSync(path, '');
  await assert.rejects(openSqliteStore({ path, create: false }), code('LEDGER_NOT_FOUND'));
  assert.equal(statSync(path).size, 0);
});

test("somebody else's SQLite file is left alone", async (t) => {
  const path = ledgerPath(t);
  runSql(path, 'CREATE TABLE mine (x)');
  await assert.rejects(openSqliteStore({ path }), code('LEDGER_NOT_FOUND'));
  const db = new DatabaseSync(path);
  cleanUp(t, () => db.close());
  assert.deepEqual(
    db
      .prepare('SELECT name FROM sqlite_schema')
      .all()
      .map(({ name }) => name),
    ['mine'],
  );
});

test('a layout from the future is refused', async (t) => {
  const path = ledgerPath(t);
  await makeLedger(path, 1);
  runSql(path, 'PRAGMA user_version = 2');
  await assert.rejects(openSqliteStore({ path }), code('LEDGER_TOO_NEW'));
});

test('a ledger whose table was dropped is damaged, and never begun anew', async (t) => {
  const path = ledgerPath(t);
  await makeLedger(path, 3);
  runSql(path, 'DROP TABLE records');
  await assert.rejects(openSqliteStore({ path }), code('LEDGER_DAMAGED'));
  await assert.rejects(openSqliteStore({ path, read_only: true }), code('LEDGER_DAMAGED'));
});

test('inspect reports what was dropped, altered or added', async (t) => {
  const cases: readonly [sql: string, detail: string, damage: boolean][] = [
    ['DROP TRIGGER records_refuse_update', 'trigger records_refuse_update is missing', true],
    ['DROP TRIGGER records_refuse_delete', 'trigger records_refuse_delete is missing', true],
    ['DROP TRIGGER records_refuse_replace', 'trigger records_refuse_replace is missing', true],
    ['DROP VIEW events', 'view events is missing', true],
    [
      'DROP TRIGGER records_refuse_delete; CREATE TRIGGER records_refuse_delete BEFORE DELETE ON records BEGIN SELECT 1; END',
      'trigger records_refuse_delete is not as it was created',
      true,
    ],
    ['ALTER TABLE records ADD COLUMN note TEXT', 'table records is not as it was created', true],
    ['CREATE TRIGGER t AFTER INSERT ON records BEGIN SELECT 1; END', 'trigger t was added', true],
    ['CREATE INDEX mine ON records (hash)', 'index mine was added', false],
    ['PRAGMA application_id = 5', 'application_id is 5 instead of 1852075106', true],
    ['PRAGMA user_version = 0', 'user_version is 0 instead of 1', true],
  ];
  const path = ledgerPath(t);
  for (const [i, [sql, detail, damage]] of cases.entries()) {
    const copy = `${path}.${i}`;
    await makeLedger(copy, 3);
    runSql(copy, sql);
    const store = await openAt(t, copy, { read_only: true });
    assert.deepEqual(await store.inspect(), [{ code: 'schema_altered', detail, damage }], sql);
    await store.close();
  }
});

test('rows anywhere and rows that are no records surface in a full read, and crash nothing', async (t) => {
  const path = ledgerPath(t);
  const lines = await makeLedger(path, 4);
  runSql(
    path,
    `DROP TRIGGER records_refuse_replace; DROP TRIGGER records_refuse_update;
     INSERT INTO records VALUES (-9223372036854775808, 'low', '{}');
     INSERT INTO records VALUES (-3, 'short', 'x' || char(10) || 'y');
     INSERT INTO records VALUES (9223372036854775807, 'high', '');
     UPDATE records SET body = CAST(x'ff00fe0a' AS TEXT) WHERE seq = 2`,
  );
  const expected = [
    [-(2 ** 63), '{"hash":"low","record":{}}\n'],
    [-3, '{"hash":"short","record":x\ny}\n'],
    [0, lines[0]!.text],
    [1, lines[1]!.text],
    [2, `{"hash":"${lines[2]!.hash}","record":\xff\x00\xfe\n}\n`],
    [3, lines[3]!.text],
    [2 ** 63, '{"hash":"high","record":}\n'],
  ] as const;
  const store = await openAt(t, path, { read_only: true });
  const seen: { seq: number; bytes: Uint8Array }[] = [];
  for await (const batch of store.read(0)) seen.push(...linesOf(batch));
  for (const [i, [seq, text]] of expected.entries()) {
    assert.equal(seen[i]?.seq, seq);
    const encoding = seq === 2 ? 'latin1' : 'utf8';
    assert.equal(Buffer.from(seen[i]!.bytes).toString(encoding), text);
    assert.equal(isLine(seen[i]!.bytes, 0, seen[i]!.bytes.length), [0, 1, 2, 3].includes(seq));
  }
  assert.equal(seen.length, expected.length);
  const inShards: number[] = [];
  for (const { module, input } of (await store.shards?.(3)) ?? []) {
    for (const batch of (await import(module)).readShard(input))
      inShards.push(...[...linesOf(batch)].map(({ seq }) => seq));
  }
  assert.deepEqual(
    inShards,
    expected.map(([seq]) => seq),
    'the shards hold them too',
  );
  assert.equal((await store.head())?.hash, 'high');
});

function* linesOf({
  bytes,
  ends,
  stored_seqs,
}: {
  bytes: Uint8Array;
  ends: ArrayLike<number>;
  stored_seqs?: ArrayLike<number>;
}) {
  let start = 0;
  for (let i = 0; i < ends.length; i++) {
    yield { seq: stored_seqs?.[i] as number, bytes: bytes.slice(start, ends[i]) };
    start = ends[i] as number;
  }
}

test('a gap in seq is told by the stored numbers', async (t) => {
  const path = ledgerPath(t);
  await makeLedger(path, 6);
  runSql(path, 'DROP TRIGGER records_refuse_delete; DELETE FROM records WHERE seq IN (2, 3)');
  const store = await openAt(t, path, { read_only: true });
  const seqs: number[] = [];
  for await (const batch of store.read(0)) seqs.push(...Array.from(batch.stored_seqs ?? []));
  assert.deepEqual(seqs, [0, 1, 4, 5]);
});

test('a read keeps no transaction open: the log is folded back while a reader pauses', async (t) => {
  const path = ledgerPath(t);
  const lines = sampleLines(2000);
  const store = await openAt(t, path);
  await store.append(sampleBatch(lines), null);
  const batches = store.read(0)[Symbol.asyncIterator]();
  await batches.next();
  // It waits for the chunk that is being read ahead, and succeeds (busy = 0) only if then nobody uses the log.
  const db = new DatabaseSync(path, { timeout: 10_000 });
  cleanUp(t, () => db.close());
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
  assert.equal(checkpoint?.busy, 0);
  assert.equal(statSync(`${path}-wal`).size, 0);
  await batches.return?.();
});

test('a ledger that is moved away while open takes no more appends, and goes on when it is back', async (t) => {
  const path = ledgerPath(t);
  const store = await openAt(t, path);
  const lines = sampleLines(2);
  await store.append(sampleBatch(lines.slice(0, 1)), null);
  const head = { seq: 0, hash: lines[0]!.hash };
  const away = (back: boolean) => {
    for (const end of ['', '-wal', '-shm']) {
      const [from, to] = back ? [`${path}.away${end}`, path + end] : [path + end, `${path}.away${end}`];
      if (existsSync(from)) renameSync(from, to);
    }
  };
  away(false);
  await assert.rejects(store.append(sampleBatch(lines.slice(1)), head), code('LEDGER_NOT_FOUND'));
  await assert.rejects(store.head(), code('LEDGER_NOT_FOUND'));
  assert.equal(existsSync(path), false, 'no new ledger was begun in its place');
  away(true);
  await store.append(sampleBatch(lines.slice(1)), head);
  assert.equal((await store.head())?.seq, 1);
});

test('a process ends by itself once its store is closed, and also when it forgets to', () => {
  for (const close of ['await store.close();', '']) {
    const script = `
      import { mkdtempSync, rmSync } from 'node:fs';
      import { tmpdir } from 'node:os';
      import { join } from 'node:path';
      import { openSqliteStore } from './packages/indelible/src/stores/sqlite/sqlite-store.ts';
      const folder = mkdtempSync(join(tmpdir(), 'indelible-exit-'));
      const store = await openSqliteStore({ path: join(folder, 'x.db') });
      for await (const batch of store.read(0)) void batch;
      ${close}
      rmSync(folder, { recursive: true });
      console.log('done');`;
    const cwd = new URL('../..', import.meta.url);
    const args = ['--conditions=source', '--input-type=module', '-e', script];
    assert.equal(execFileSync(process.execPath, args, { cwd, timeout: 20_000 }).toString(), 'done\n');
  }
});
