/** Disks that are full, fail, or may not be written; files that are damaged. Both kinds of every write fault. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isIndelibleError } from '@indelible/core';
import {
  type SampleLine,
  sampleBatch,
  sampleLines,
} from '../../packages/indelible/src/stores/conformance.ts';
import { FAULT_SLOTS } from '../../packages/indelible/src/stores/sqlite/append.ts';
import { openSqliteStore } from '../../packages/indelible/src/stores/sqlite/sqlite-store.ts';
import { startWriter } from './support/processes.ts';
import { chainRows, cleanUp, ledgerPath, makeLedger, openAt } from './support/sqlite-ledger.ts';

const code = (expected: string) => (error: unknown) => isIndelibleError(error) && error.code === expected;
const headOf = (lines: readonly SampleLine[]) => ({ seq: lines.at(-1)!.seq, hash: lines.at(-1)!.hash });

/** Shared memory that asks the store's thread for faults. */
function makeFaults() {
  const faults = new SharedArrayBuffer(12);
  const slots = new Int32Array(faults);
  const set = (slot: keyof typeof FAULT_SLOTS, value: number) =>
    Atomics.store(slots, FAULT_SLOTS[slot], value);
  return { faults, set };
}

test('a full disk is STORE_FULL, changes nothing, and appends go on when there is room again', async (t) => {
  const path = ledgerPath(t);
  const { faults, set } = makeFaults();
  const store = await openAt(t, path, { faults });
  const lines = sampleLines(300);
  await store.append(sampleBatch(lines.slice(0, 20)), null);
  set('page_count_max', 12);
  const big = sampleBatch(lines.slice(20));
  for (let i = 0; i < 3; i++) {
    await assert.rejects(store.append(big, headOf(lines.slice(0, 20))), code('STORE_FULL'));
    assert.deepEqual(await store.head(), headOf(lines.slice(0, 20)));
  }
  set('page_count_max', 1_000_000);
  await store.append(big, headOf(lines.slice(0, 20)));
  assert.deepEqual(await store.head(), headOf(lines));
  assert.deepEqual(await store.inspect(), []);
  await store.close();
  assert.deepEqual(
    chainRows(path).map(({ hash }) => hash),
    lines.map(({ hash }) => hash),
  );
});

test('a disk that refuses to write is STORE_UNAVAILABLE, and nothing acknowledged is lost', async (t) => {
  const path = ledgerPath(t);
  await makeLedger(path, 0);
  // A real failing write: this process may not make any file larger.
  const said = await startWriter(t, path, 'limited', 0, { shell: 'ulimit -f 400' }).ended;
  assert.equal(said.at(-1), 'error STORE_UNAVAILABLE');
  const acknowledged = said.slice(0, -1);
  assert.ok(acknowledged.length > 10);
  const rows = chainRows(path);
  assert.deepEqual(
    rows.map(({ seq, hash }) => `${seq} ${hash}`),
    acknowledged,
  );
  const again = await startWriter(t, path, 'unlimited', 3).ended;
  assert.equal(again.length, 1 + 2 + 3);
  assert.equal(chainRows(path).length, rows.length + 6);
});

test('pitfall 8: a commit that failed and was lost leaves the head where it was', async (t) => {
  const path = ledgerPath(t);
  const { faults, set } = makeFaults();
  const store = await openAt(t, path, { faults });
  const lines = sampleLines(4);
  await store.append(sampleBatch(lines.slice(0, 2)), null);
  set('before_commit', 2);
  for (let i = 0; i < 2; i++) {
    await assert.rejects(
      store.append(sampleBatch(lines.slice(2)), headOf(lines.slice(0, 2))),
      code('STORE_UNAVAILABLE'),
    );
    assert.deepEqual(await store.head(), headOf(lines.slice(0, 2)));
  }
  await store.append(sampleBatch(lines.slice(2)), headOf(lines.slice(0, 2)));
  assert.deepEqual(await store.head(), headOf(lines));
});

test('pitfall 8: a commit that failed but landed shows in the head', async (t) => {
  const path = ledgerPath(t);
  const { faults, set } = makeFaults();
  const store = await openAt(t, path, { faults });
  const lines = sampleLines(4);
  set('after_commit', 1);
  await assert.rejects(store.append(sampleBatch(lines.slice(0, 2)), null), code('STORE_UNAVAILABLE'));
  assert.deepEqual(await store.head(), headOf(lines.slice(0, 2)));
  await assert.rejects(store.append(sampleBatch(lines.slice(0, 2)), null), code('HEAD_MOVED'));
  await store.append(sampleBatch(lines.slice(2)), headOf(lines.slice(0, 2)));
  await store.close();
  assert.equal(chainRows(path).length, 4);
});

test('a ledger that another process keeps locked is STORE_UNAVAILABLE after a bounded wait', async (t) => {
  const path = ledgerPath(t);
  const store = await openAt(t, path, { busy_ms_max: 50 });
  const lines = sampleLines(2);
  await store.append(sampleBatch(lines.slice(0, 1)), null);
  const other = new DatabaseSync(path);
  cleanUp(t, () => other.close());
  other.exec('BEGIN IMMEDIATE');
  await assert.rejects(
    store.append(sampleBatch(lines.slice(1)), headOf(lines.slice(0, 1))),
    code('STORE_UNAVAILABLE'),
  );
  assert.deepEqual(await store.head(), headOf(lines.slice(0, 1)), 'reading goes on meanwhile');
  other.exec('ROLLBACK');
  await store.append(sampleBatch(lines.slice(1)), headOf(lines.slice(0, 1)));
});

test('a batch that is none is refused whole', async (t) => {
  const path = ledgerPath(t);
  const store = await openAt(t, path);
  const lines = sampleLines(3);
  await store.append(sampleBatch(lines.slice(0, 1)), null);
  const batch = sampleBatch(lines.slice(1));
  const torn = { ...batch, ends: [batch.ends[0]!, batch.ends[1]! - 1] };
  await assert.rejects(store.append(torn, headOf(lines.slice(0, 1))), code('INTERNAL'));
  await assert.rejects(store.append({ ...batch, first_seq: 5 }, headOf(lines.slice(0, 1))), code('INTERNAL'));
  assert.deepEqual(await store.head(), headOf(lines.slice(0, 1)));
  await store.append(batch, headOf(lines.slice(0, 1)));
});

test('a file that is no SQLite file is LEDGER_DAMAGED, and is not touched', async (t) => {
  const path = ledgerPath(t);
  await makeLedger(path, 50);
  overwrite(path, 0, 100, 0x55);
  const before = readFileSync(path);
  for (const read_only of [false, true]) {
    await assert.rejects(openSqliteStore({ path, read_only }), code('LEDGER_DAMAGED'));
  }
  assert.deepEqual(readFileSync(path), before);
});

test('destroyed pages are LEDGER_DAMAGED for reads, and inspect says file_corrupt', async (t) => {
  const path = ledgerPath(t);
  await makeLedger(path, 400);
  // From the second leaf page on; the schema on page 1 stays whole.
  overwrite(path, 4 * 8192, 6 * 8192, 0x55);
  const store = await openAt(t, path, { read_only: true });
  const findings = await store.inspect();
  assert.ok(findings.length > 0);
  for (const finding of findings) {
    assert.equal(finding.code, 'file_corrupt');
    assert.equal(finding.damage, true);
  }
  // 15 records lie on each of the two leaf pages before.
  const seen: number[] = [];
  const readAll = async () => {
    for await (const batch of store.read(0)) seen.push(...Array.from(batch.stored_seqs ?? []));
  };
  await assert.rejects(readAll(), code('LEDGER_DAMAGED'));
  assert.deepEqual(
    seen,
    Array.from({ length: 30 }, (_, i) => i),
    'all that lies before the damage is read',
  );
  const [shard] = (await store.shards?.(1)) ?? [];
  const { readShard } = await import(shard!.module);
  assert.throws(() => [...readShard(shard!.input)], code('LEDGER_DAMAGED'));
});

test('a file cut in half is damaged, with a typed error or a finding', async (t) => {
  const path = ledgerPath(t);
  await makeLedger(path, 400);
  writeFileSync(path, readFileSync(path).subarray(0, Math.floor(statSync(path).size / 2)));
  try {
    const store = await openAt(t, path, { read_only: true });
    assert.ok((await store.inspect()).some(({ code: found, damage }) => found === 'file_corrupt' && damage));
  } catch (error) {
    assert.ok(code('LEDGER_DAMAGED')(error), String(error));
  }
});

function overwrite(path: string, start: number, length: number, byte: number): void {
  const handle = openSync(path, 'r+');
  writeSync(handle, Buffer.alloc(length, byte), 0, length, start);
  closeSync(handle);
}

test('a folder that may not be written is STORE_READ_ONLY, and reading still works', async (t) => {
  const root = process.getuid?.() === 0;
  // Permissions do not bind root: then somebody else tries, provided that they can read the program.
  const uid = root ? 65_534 : undefined;
  const program = fileURLToPath(import.meta.url);
  const look = ['-e', 'require("node:fs").accessSync(process.argv[1])', program];
  if (spawnSync(process.execPath, look, root ? { uid: 65_534, gid: 65_534 } : {}).status !== 0) {
    return t.skip('the other user cannot read the program');
  }
  const path = ledgerPath(t);
  const lines = await makeLedger(path, 3);
  chmodSync(path, 0o444);
  chmodSync(dirname(path), 0o555);
  cleanUp(t, () => chmodSync(dirname(path), 0o755));
  const options = uid === undefined ? {} : { uid };
  assert.deepEqual(await startWriter(t, path, 'x', 1, options).ended, ['error STORE_READ_ONLY']);
  assert.deepEqual(await startWriter(t, `${path}.new`, 'x', 1, options).ended, ['error STORE_READ_ONLY']);
  assert.deepEqual(readAs(path, root ? 65_534 : undefined), { seq: 2, hash: lines[2]!.hash });
  assert.equal(existsSync(`${path}-wal`), false);
});

/** Opens read-only and reads, as another user; gives the head. */
function readAs(path: string, uid: number | undefined): unknown {
  const script = `
    import { openSqliteStore } from './packages/indelible/src/stores/sqlite/sqlite-store.ts';
    const store = await openSqliteStore({ path: process.argv[1], read_only: true });
    let count = 0;
    for await (const batch of store.read(0)) count += batch.ends.length;
    const head = await store.head();
    await store.close();
    if (count !== head.seq + 1) throw new Error(count + ' records read');
    console.log(JSON.stringify(head));`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=source', '--input-type=module', '-e', script, path],
    {
      cwd: new URL('../..', import.meta.url),
      encoding: 'utf8',
      ...(uid === undefined ? {} : { uid, gid: uid }),
    },
  );
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}
