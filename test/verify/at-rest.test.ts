/**
 * Damage done to a ledger at rest, by somebody with a text editor or a SQLite shell: found, named, placed.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { indexPath, openIndex, openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import type { VerifyReport } from '../../packages/indelible/src/ledger/types.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import {
  assertFound,
  attacksAt,
  bodyOf,
  editIndex,
  fill,
  key,
  type Line,
  lineOf,
  rehashed,
} from './at-rest-attacks.ts';

const RECORDS = 600;
/** Where the damage is done: in neither the first nor the last segment. */
const AT = 350;
let root = '';
let copies = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'indelible-rest-'));
  for (const keys of [[], [key]]) {
    for (const url of [
      fileUrl(pristine('file', keys.length > 0)),
      sqliteUrl(pristine('sqlite', keys.length > 0)),
    ]) {
      const ledger = await openLedger(url, { name: 'test/rest', keys, threads: 'none' });
      await fill(ledger, RECORDS);
      await ledger.caughtUp();
      await ledger.close();
    }
  }
});
after(() => rm(root, { recursive: true, force: true }));

const pristine = (store: string, keyed: boolean) => join(root, `${store}-${keyed ? 'keyed' : 'plain'}`);
const fileUrl = (folder: string) => `file:${folder}?segment_bytes_max=30000`;
const sqliteUrl = (folder: string) => `sqlite:${folder}/ledger.db`;

/** A copy of the untouched ledger, to be damaged. */
async function copyOf(store: 'file' | 'sqlite', keyed: boolean): Promise<string> {
  const folder = join(root, `copy-${copies++}`);
  await cp(pristine(store, keyed), folder, { recursive: true });
  return folder;
}

async function verifyAt(url: string, keyed: boolean, with_index = true): Promise<VerifyReport> {
  // Threads are slow to start, and what they do with a log is the same for both stores.
  const store = await openStore(url, { read_only: true, threads: 'none' });
  const index = with_index ? await openIndex(url, { threads: 'none' }) : undefined;
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
  // One transaction: hundreds of them would take most of this file's time.
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
  // Nothing here has to outlast a crash.
  database.exec('PRAGMA synchronous = OFF');
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

for (const keyed of [false, true]) {
  const rehash = rehashed(keyed);
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

    for (const attack of attacksAt(RECORDS, AT)) {
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
    database.exec(`UPDATE records SET seq = 99999 WHERE seq = ${AT}`);
    database.close();
    const report = await verifyAt(sqliteUrl(folder), keyed, false);
    assertFound(report, 'reordered', AT);
    assert.ok(report.findings.some(({ damage, seq }) => damage === 'column_mismatch' && seq === AT));
  });

  test(`sqlite ${flavour}: an update in place`, async () => {
    const folder = await copyOf('sqlite', keyed);
    const database = openAsAttacker(join(folder, 'ledger.db'));
    database.exec(`UPDATE records SET body = replace(body, 'step ${AT};', 'step 999;') WHERE seq = ${AT}`);
    database.close();
    assertFound(await verifyAt(sqliteUrl(folder), keyed, false), 'mutated', AT);
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
      editIndex(indexPath(url)!, AT);
      assertFound(await verifyAt(url, keyed), 'index_mismatch', AT);
    });
  }
}
