/** How verifiers failed elsewhere (PITFALLS 17 to 20), and that this one does not. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { IndelibleError } from '@indelible/core';
import { openIndex, openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { VerifyReport } from '../../packages/indelible/src/ledger/types.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { Thread } from '../../packages/indelible/src/threads.ts';
import { destroyPage } from '../support/sqlite-page.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'indelible-verifier-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function filled(url: string, count: number): Promise<void> {
  const ledger = await openLedger(url, { threads: 'none' });
  for (let i = 0; i < count; i += 50) {
    await Promise.all(
      Array.from({ length: 50 }, (_, j) => ledger.record({ action: 'load.step', data: { i: i + j } })),
    );
  }
  await ledger.close();
}

async function verifyAt(url: string, workers?: number) {
  const store = await openStore(url, { read_only: true });
  try {
    return await verifyLog({ store, ...(workers === undefined ? {} : { workers }) });
  } finally {
    await store.close();
  }
}

test('pitfall 17: an empty store is no pass, but its own error', async () => {
  await assert.rejects(verifyLog({ store: await openMemoryStore() }), { code: 'LEDGER_NOT_FOUND' });
});

test('pitfall 17: one thread and several say the same, of a clean log and of a damaged one', async (t) => {
  const path = await folder(t);
  const url = `file:${path}/log?segment_bytes_max=50000`;
  await filled(url, 1000);
  for (const damaged of [false, true]) {
    if (damaged) {
      const names = (await readdir(`${path}/log/segments`)).sort();
      await writeFile(`${path}/log/segments/${names[1]}`, 'garbage\n');
    }
    const reports: VerifyReport[] = [];
    // One after the other, so that they share three threads.
    for (const workers of [undefined, 0, 1, 2, 3]) reports.push(await verifyAt(url, workers));
    for (const report of reports) {
      assert.equal(report.ok, !damaged);
      assert.deepEqual({ ...report, duration_ms: 0 }, { ...reports[0], duration_ms: 0 });
    }
  }
});

test('pitfall 17: garbage in every segment ends in a report, not in a hang', async (t) => {
  const path = await folder(t);
  const url = `file:${path}/log?segment_bytes_max=50000`;
  await filled(url, 500);
  const segments = join(path, 'log', 'segments');
  const names = await readdir(segments);
  for (const filling of [
    '',
    'x',
    '\n\n\n',
    '\u0000'.repeat(5000),
    'y'.repeat(3_000_000),
    '{"hash":"","record":{}}\n',
  ]) {
    await cp(segments, join(path, 'kept'), { recursive: true });
    for (const name of names) await writeFile(join(segments, name), filling);
    const verdict = await verifyAt(url).then(
      (report) => (report.ok ? 'ok' : 'damaged'),
      (error) => error.code,
    );
    assert.ok(
      ['damaged', 'LEDGER_DAMAGED', 'LEDGER_NOT_FOUND'].includes(verdict),
      `${verdict} for ${filling.slice(0, 10)}`,
    );
  }
});

test('pitfall 17: a file cut in the middle of its last line is not taken for whole', async (t) => {
  const path = await folder(t);
  const url = `file:${path}/log?segment_bytes_max=50000`;
  await filled(url, 500);
  const names = (await readdir(join(path, 'log', 'segments'))).sort();
  await truncate(join(path, 'log', 'segments', names[1]!), 20_000);
  const report = await verifyAt(url);
  assert.equal(report.ok, false);
  assert.equal(Number.parseInt(names[1]!, 10) < report.first_bad_seq!, true);
});

test('pitfall 17: a page that SQLite cannot read is a finding with a place, whoever met it first', async (t) => {
  const path = await folder(t);
  const url = `sqlite:${path}/ledger.db`;
  await filled(url, 600);
  for (const [text, within] of [
    ['"seq":1,', [0, 1]],
    ['"seq":300,', [200, 300]],
    ['"seq":600,', [500, 600]],
  ] as const) {
    await cp(`${path}/ledger.db`, `${path}/damaged.db`);
    await cp(`${path}/ledger.db.index`, `${path}/damaged.db.index`);
    await destroyPage(`${path}/damaged.db`, text);
    const damaged = `sqlite:${path}/damaged.db`;
    const index = await openIndex(damaged);
    for (const workers of [0, 2]) {
      const store = await openStore(damaged, { read_only: true });
      const report = await verifyLog({ store, workers, index });
      await store.close();
      assert.deepEqual([report.verdict, report.damage], ['damaged', 'unreadable'], report.detail);
      const { first_bad_seq, records_checked } = report;
      assert.ok(
        first_bad_seq! >= within[0] && first_bad_seq! <= within[1],
        `${text} found at ${first_bad_seq}`,
      );
      assert.equal(records_checked, first_bad_seq, 'everything before it was checked');
      assert.equal(report.findings.filter(({ damage }) => damage === 'unreadable').length, 1);
    }
    await index.close();
  }
});

test('pitfall 17: a comparison with the index that cannot read on is never consistent', async () => {
  const sound = openMemoryStore();
  const index = await openSqliteIndex({ path: ':memory:' });
  const ledger = await Ledger.open({ store: sound, index, name: 'acme.example/test' });
  await ledger.record({ action: 'load.step' });
  await ledger.caughtUp();
  // Keys and chain are read, and then the disk gives way.
  let reads = 0;
  const store: LogStore = Object.create(sound, {
    url: { value: sound.url },
    head: { value: () => sound.head() },
    inspect: { value: async () => [] },
    read: {
      value: async function* () {
        if (++reads === 3) throw new IndelibleError('LEDGER_DAMAGED', 'a page is gone');
        yield* sound.read(0);
      },
    },
  });
  const report = await verifyLog({ store, index, workers: 0 });
  assert.deepEqual([report.ok, report.damage, report.first_bad_seq], [false, 'unreadable', 0]);
  assert.equal(report.findings_total, 1);
  await ledger.close();
});

test('pitfall 17: a value edited in place, and nothing else, is never consistent', async (t) => {
  const url = `sqlite:${await folder(t)}/ledger.db`;
  await filled(url, 200);
  const database = new DatabaseSync(url.slice(7));
  database.exec('DROP TRIGGER records_refuse_update');
  database.exec(`UPDATE records SET body = replace(body, '"i":77}', '"i":78}')`);
  database.close();
  const report = await verifyAt(url);
  assert.deepEqual([report.ok, report.damage], [false, 'mutated']);
});

test('pitfall 18: verification is spread over the cores', async (t) => {
  const url = `file:${await folder(t)}/log`;
  await filled(url, 500);
  const store = await openStore(url, { read_only: true });
  const shards = await store.shards!(4);
  assert.equal(shards.length, 4);
  await store.close();
});

test('a small log is verified without threads, unless they are asked for', async (t) => {
  const url = `file:${await folder(t)}/log`;
  await filled(url, 50);
  const before = Thread.borrowed;
  assert.equal((await verifyAt(url)).records_checked, 51);
  assert.equal(Thread.borrowed - before, 0);
  assert.equal((await verifyAt(url, 2)).records_checked, 51);
  assert.equal(Thread.borrowed - before, 2);
});

test('pitfall 19: records written while verification runs are neither damage nor skipped by the next run', async (t) => {
  const url = `sqlite:${await folder(t)}/ledger.db`;
  const ledger = await openLedger(url);
  let stop = false;
  const writing = (async () => {
    for (let i = 0; !stop; i++) await ledger.record({ action: 'load.step', data: { i } });
  })();
  let checked = 0;
  for (let run = 0; run < 5; run++) {
    const report = await verifyLog({ store: ledger.store, index: ledger.index! });
    assert.equal(report.ok, true, report.detail);
    assert.ok(report.records_checked >= checked);
    checked = report.records_checked;
  }
  stop = true;
  await writing;
  const last = await verifyLog({ store: ledger.store });
  assert.equal(last.records_checked, ledger.stats.head_seq + 1);
  await ledger.close();
});
