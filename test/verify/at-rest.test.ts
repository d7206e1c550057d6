/**
 * Damage done to a ledger at rest, by somebody with a text editor or a SQLite shell: found, named, placed.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { keyedHash, leafHash } from '@indelible/core';
import { indexPath, openIndex, openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import type { VerifyReport } from '../../packages/indelible/src/ledger/types.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';

const RECORDS = 2000;
const key = { key_id: 'k1', secret: new Uint8Array(32).fill(7) };
const encoder = new TextEncoder();
let root = '';
let copies = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'indelible-rest-'));
  for (const keys of [[], [key]]) {
    for (const url of [
      fileUrl(pristine('file', keys.length > 0)),
      sqliteUrl(pristine('sqlite', keys.length > 0)),
    ]) {
      const ledger = await openLedger(url, { name: 'test/rest', keys });
      // In waves: a batch is never split between segments, and this wants several of them.
      for (let first = 1; first < RECORDS; first += 100) {
        const wave = Array.from({ length: Math.min(100, RECORDS - first) }, (_, i) => first + i);
        await Promise.all(
          wave.map((i) =>
            ledger.record({
              action: 'test.step',
              actor: { type: 'user', id: `u${i % 7}` },
              data: { note: `step ${i};` },
            }),
          ),
        );
      }
      await ledger.caughtUp();
      await ledger.close();
    }
  }
});
after(() => rm(root, { recursive: true, force: true }));

const pristine = (store: string, keyed: boolean) => join(root, `${store}-${keyed ? 'keyed' : 'plain'}`);
const fileUrl = (folder: string) => `file:${folder}?segment_bytes_max=100000`;
const sqliteUrl = (folder: string) => `sqlite:${folder}/ledger.db`;

/** A copy of the untouched ledger, to be damaged. */
async function copyOf(store: 'file' | 'sqlite', keyed: boolean): Promise<string> {
  const folder = join(root, `copy-${copies++}`);
  await cp(pristine(store, keyed), folder, { recursive: true });
  return folder;
}

async function verifyAt(url: string, keyed: boolean, with_index = true): Promise<VerifyReport> {
  // Threads are slow to start, and what they do with a log is the same for both stores.
  const store = await openStore(url, { read_only: true, one_thread: true });
  const index = with_index ? await openIndex(url, { one_thread: true }) : undefined;
  try {
    // Plain ledgers in files in threads, the others in this: so small a log would get no threads by itself.
    const workers = keyed || url.startsWith('sqlite:') ? 0 : 2;
    const keys = keyed ? [key] : [];
    return await verifyLog({ store, workers, keys, ...(index === undefined ? {} : { index }) });
  } finally {
    await index?.close();
    await store.close();
  }
}

type Line = string;
interface Attack {
  readonly name: string;
  readonly damage: string;
  readonly seq: number;
  act(lines: Line[], rehash: (body: string) => string): Line[];
}

const bodyOf = (line: Line) => line.slice(84, -1);
const lineOf = (hash: string, body: string) => `{"hash":"${hash}","record":${body}}`;
const swapText = (lines: Line[], at: number, from: string | RegExp, to: string) => {
  const changed = lines[at]!.replace(from, to);
  assert.notEqual(changed, lines[at]);
  return lines.with(at, changed);
};

const ATTACKS: Attack[] = [
  {
    name: 'one byte changed',
    damage: 'mutated',
    seq: 700,
    act: (l) => swapText(l, 700, 'step 700;', 'step 701;'),
  },
  { name: 'id edited', damage: 'mutated', seq: 700, act: (l) => swapText(l, 700, /"id":"0/, '"id":"1') },
  { name: 'seq edited', damage: 'mutated', seq: 700, act: (l) => swapText(l, 700, '"seq":700', '"seq":900') },
  {
    name: 'hash edited',
    damage: 'mutated',
    seq: 700,
    act: (l) => swapText(l, 700, /"hash":"..../, '"hash":"0000'),
  },
  {
    name: 'one byte changed and the hash recomputed',
    damage: 'mutated',
    seq: 700,
    act: (l, rehash) => {
      const body = bodyOf(l[700]!).replace('step 700;', 'step 701;');
      return l.with(700, lineOf(rehash(body), body));
    },
  },
  { name: 'record deleted', damage: 'missing', seq: 700, act: (l) => l.toSpliced(700, 1) },
  { name: 'two consecutive records deleted', damage: 'missing', seq: 700, act: (l) => l.toSpliced(700, 2) },
  {
    name: 'records swapped',
    damage: 'reordered',
    seq: 700,
    act: (l) => l.with(700, l[701]!).with(701, l[700]!),
  },
  { name: 'record duplicated', damage: 'duplicated', seq: 700, act: (l) => l.toSpliced(700, 0, l[700]!) },
  {
    name: 'record inserted',
    damage: 'inserted',
    seq: 700,
    act: (l, rehash) => {
      const body = bodyOf(l[700]!).replace(/"prev_hash":"[0-9a-f]{64}"/, `"prev_hash":"${'ab'.repeat(32)}"`);
      return l.toSpliced(700, 0, lineOf(rehash(body), body));
    },
  },
  {
    name: 'chain forked',
    damage: 'forked',
    seq: 700,
    act: (l, rehash) => {
      const body = bodyOf(l[700]!).replace('step 700;', 'step 7o0;');
      return l.toSpliced(701, 0, lineOf(rehash(body), body));
    },
  },
  {
    name: 'last record changed',
    damage: 'mutated',
    seq: RECORDS - 1,
    act: (l) => swapText(l, RECORDS - 1, 'step', 'stop'),
  },
  { name: 'record 0 changed', damage: 'mutated', seq: 0, act: (l) => swapText(l, 0, 'sha', 'SHA') },
  { name: 'head cut', damage: 'head_missing', seq: 0, act: (l) => l.slice(500) },
  { name: 'a line of garbage', damage: 'unreadable', seq: 700, act: (l) => l.with(700, 'garbage') },
];

/** Rewrites the segments with other lines, each line staying in the segment it fell into. */
async function rewriteSegments(folder: string, change: (lines: Line[]) => Line[]): Promise<void> {
  const names = (await readdir(join(folder, 'segments'))).sort();
  const lines: Line[] = [];
  const starts: number[] = [];
  for (const name of names) {
    starts.push(lines.length);
    lines.push(...(await readFile(join(folder, 'segments', name), 'utf8')).split('\n').slice(0, -1));
  }
  const changed = change(lines);
  for (const [i, name] of names.entries()) {
    const end = i + 1 < starts.length ? starts[i + 1]! : changed.length;
    const part = changed.slice(starts[i], Math.max(end, starts[i]!));
    await writeFile(join(folder, 'segments', name), part.map((line) => `${line}\n`).join(''));
  }
}

/** Rewrites the records table, as somebody who may do anything to the database would. */
function rewriteTable(path: string, change: (lines: Line[]) => Line[]): void {
  const database = openAsAttacker(path);
  const rows = database.prepare('SELECT hash, body FROM records ORDER BY seq').all() as {
    hash: string;
    body: string;
  }[];
  const changed = change(rows.map(({ hash, body }) => lineOf(hash, body)));
  // One transaction: two thousand of them would take most of this file's time.
  database.exec('BEGIN; DELETE FROM records');
  const insert = database.prepare('INSERT INTO records (seq, hash, body) VALUES (?, ?, ?)');
  for (const [seq, line] of changed.entries()) insert.run(seq, line.slice(9, 73), bodyOf(line));
  database.exec('COMMIT');
  database.close();
}

/** The triggers removed for the act and put back afterwards: only the records tell. */
function openAsAttacker(path: string): {
  exec(sql: string): void;
  prepare: DatabaseSync['prepare'];
  close(): void;
} {
  const database = new DatabaseSync(path);
  const triggers = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all() as {
    name: string;
    sql: string;
  }[];
  assert.ok(triggers.length >= 2);
  for (const { name } of triggers) database.exec(`DROP TRIGGER ${name}`);
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => database.prepare(sql),
    close() {
      for (const { sql } of triggers) database.exec(sql);
      database.close();
    },
  };
}

function assertFound(report: VerifyReport, damage: string, seq: number): void {
  assert.equal(report.ok, false);
  assert.equal(report.verdict, 'damaged');
  assert.deepEqual(
    [report.damage, report.first_bad_seq],
    [damage, seq],
    JSON.stringify(report.findings.slice(0, 5)),
  );
}

for (const keyed of [false, true]) {
  const rehash = (body: string) => (keyed ? keyedHash(key.secret) : leafHash)(encoder.encode(body));
  const flavour = keyed ? 'keyed' : 'plain';

  for (const store of ['file', 'sqlite'] as const) {
    test(`${store} ${flavour}: untouched is consistent, and says what that does not prove`, async () => {
      const folder = await copyOf(store, keyed);
      const report = await verifyAt(store === 'file' ? fileUrl(folder) : sqliteUrl(folder), keyed);
      assert.deepEqual([report.ok, report.verdict, report.records_checked], [true, 'consistent', RECORDS]);
      assert.deepEqual(
        [report.first_bad_seq, report.damage, report.index],
        [null, null, { checked: RECORDS, lag: 0 }],
      );
      assert.match(report.does_not_prove.join(' '), /no record was cut from the end/);
    });

    for (const attack of ATTACKS) {
      test(`${store} ${flavour}: ${attack.name} → ${attack.damage} at ${attack.seq}`, async () => {
        const folder = await copyOf(store, keyed);
        const change = (lines: Line[]) => attack.act(lines, rehash);
        // In a table a line of garbage is a row whose columns are garbage.
        if (store === 'file') await rewriteSegments(folder, change);
        else rewriteTable(join(folder, 'ledger.db'), change);
        const url = store === 'file' ? fileUrl(folder) : sqliteUrl(folder);
        const report = await verifyAt(url, keyed, false);
        // A table renumbers what is put in or taken out, which shows first; the records tell the rest.
        assertFound(report, attack.damage, attack.seq);
      });
    }
  }

  test(`file ${flavour}: middle segment missing`, async () => {
    const folder = await copyOf('file', keyed);
    const names = (await readdir(join(folder, 'segments'))).sort();
    assert.ok(names.length > 4);
    await unlink(join(folder, 'segments', names[2]!));
    assertFound(
      await verifyAt(fileUrl(folder), keyed, false),
      'segment_missing',
      Number.parseInt(names[2]!, 10),
    );
  });

  test(`file ${flavour}: first segment missing`, async () => {
    const folder = await copyOf('file', keyed);
    const names = (await readdir(join(folder, 'segments'))).sort();
    await unlink(join(folder, 'segments', names[0]!));
    assertFound(await verifyAt(fileUrl(folder), keyed, false), 'head_missing', 0);
  });

  test(`file ${flavour}: a cut tail cannot be seen without an anchor, and the report says so`, async () => {
    const folder = await copyOf('file', keyed);
    const names = (await readdir(join(folder, 'segments'))).sort();
    const last = join(folder, 'segments', names.at(-1)!);
    const text = await readFile(last, 'utf8');
    await truncate(last, Buffer.byteLength(`${text.split('\n').slice(0, -6).join('\n')}\n`));
    const report = await verifyAt(fileUrl(folder), keyed, false);
    assert.deepEqual([report.ok, report.records_checked], [true, RECORDS - 5]);
    assert.match(
      report.does_not_prove[0]!,
      /no record was cut from the end.* nothing outside of it agrees with it/,
    );
    // The index beside the log still remembers, as long as nobody cuts it too.
    assert.equal((await verifyAt(fileUrl(folder), keyed, true)).damage, 'index_mismatch');
  });

  test(`sqlite ${flavour}: a cut tail cannot be seen without an anchor, and the report says so`, async () => {
    const folder = await copyOf('sqlite', keyed);
    const database = openAsAttacker(join(folder, 'ledger.db'));
    database.exec(`DELETE FROM records WHERE seq >= ${RECORDS - 5}`);
    database.close();
    const report = await verifyAt(sqliteUrl(folder), keyed, false);
    assert.deepEqual([report.ok, report.records_checked], [true, RECORDS - 5]);
    assert.match(
      report.does_not_prove[0]!,
      /no record was cut from the end.* nothing outside of it agrees with it/,
    );
    assert.equal((await verifyAt(sqliteUrl(folder), keyed, true)).damage, 'index_mismatch');
  });

  test(`sqlite ${flavour}: the number column edited`, async () => {
    const folder = await copyOf('sqlite', keyed);
    const database = openAsAttacker(join(folder, 'ledger.db'));
    database.exec('UPDATE records SET seq = 99999 WHERE seq = 700');
    database.close();
    assertFound(await verifyAt(sqliteUrl(folder), keyed, false), 'column_mismatch', 700);
  });

  test(`sqlite ${flavour}: an update in place`, async () => {
    const folder = await copyOf('sqlite', keyed);
    const database = openAsAttacker(join(folder, 'ledger.db'));
    database.exec("UPDATE records SET body = replace(body, 'step 700;', 'step 999;') WHERE seq = 700");
    database.close();
    assertFound(await verifyAt(sqliteUrl(folder), keyed, false), 'mutated', 700);
  });

  test(`sqlite ${flavour}: a dropped trigger is found even when no record was touched`, async () => {
    const folder = await copyOf('sqlite', keyed);
    const database = new DatabaseSync(join(folder, 'ledger.db'));
    const [trigger] = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all() as {
      name: string;
    }[];
    database.exec(`DROP TRIGGER ${trigger!.name}`);
    database.close();
    const report = await verifyAt(sqliteUrl(folder), keyed, false);
    assert.deepEqual([report.ok, report.damage], [false, 'store_altered']);
  });

  for (const store of ['file', 'sqlite'] as const) {
    test(`${store} ${flavour}: an index column edited`, async () => {
      const folder = await copyOf(store, keyed);
      const url = store === 'file' ? fileUrl(folder) : sqliteUrl(folder);
      editIndex(indexPath(url)!, 700);
      assertFound(await verifyAt(url, keyed), 'index_mismatch', 700);
    });
  }
}

/** Makes the index say something else about one record. */
function editIndex(path: string, seq: number): void {
  const database = new DatabaseSync(path);
  const { changes } = database.prepare("UPDATE records SET outcome = 'denied' WHERE seq = ?").run(seq);
  assert.equal(changes, 1);
  database.close();
}
