import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { openFileStore } from '../../packages/indelible/src/stores/file/file-store.ts';
import {
  appendNext,
  batchOf,
  failingFileSystem,
  headOf,
  readAll,
  segmentFiles,
  segmentPath,
  temporaryFolder,
  textsOf,
} from './support/file-ledger.ts';

test('what is appended is read back, also after reopening', async (t) => {
  const dir = path.join(temporaryFolder(t), 'not', 'yet', 'there');
  const store = await openFileStore({ dir });
  assert.equal(await store.head(), null);
  assert.equal(await store.firstSeq(), 0);
  await appendNext(store, 3);
  const head = await appendNext(store, 70);
  assert.deepEqual(await store.head(), head);
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 73));
  await store.close();

  const again = await openFileStore({ dir });
  t.after(() => again.close());
  assert.deepEqual(await again.head(), head);
  await appendNext(again, 2);
  assert.deepEqual((await readAll(again.read(0))).texts, textsOf(0, 75));
  assert.deepEqual(await again.inspect(), []);
});
test('each batch is synced before append resolves', async (t) => {
  const { fs: counted, calls } = failingFileSystem();
  const store = await openFileStore({ dir: temporaryFolder(t), fs: counted });
  t.after(() => store.close());
  await appendNext(store, 1);
  calls.length = 0;
  await appendNext(store, 5);
  assert.deepEqual(calls, ['stat', 'write', 'syncData']);
});

test('the first batch makes the folder entry of its segment durable before it is written', async (t) => {
  const { fs: counted, calls } = failingFileSystem();
  const store = await openFileStore({ dir: temporaryFolder(t), fs: counted });
  t.after(() => store.close());
  calls.length = 0;
  await appendNext(store, 1);
  assert.deepEqual(calls.slice(0, 4), ['open', 'stat', 'open', 'sync']);
  assert.deepEqual(
    calls.filter((call) => ['sync', 'write', 'syncData'].includes(call)),
    ['sync', 'write', 'syncData'],
  );
});

test('HEAD_MOVED unless the expected head is the head, and nothing changes', async (t) => {
  const store = await openFileStore({ dir: temporaryFolder(t) });
  t.after(() => store.close());
  const head = await appendNext(store, 2);
  for (const expected of [null, { ...head, seq: 0 }, { ...head, hash: 'f'.repeat(64) }]) {
    await assert.rejects(store.append(batchOf(2, 1), expected), (e) => isIndelibleError(e, 'HEAD_MOVED'));
  }
  // The right head, but a batch that leaves a gap.
  await assert.rejects(store.append(batchOf(3, 1), head), (e) => isIndelibleError(e, 'HEAD_MOVED'));
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 2));
});

test('of two appends upon the same head exactly one wins', async (t) => {
  const store = await openFileStore({ dir: temporaryFolder(t) });
  t.after(() => store.close());
  const head = await appendNext(store, 1);
  const results = await Promise.allSettled([
    store.append(batchOf(1, 2), head),
    store.append(batchOf(1, 3), head),
  ]);
  assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected']);
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 3));
});

test('a batch whose last line cannot be read back is refused before it is written', async (t) => {
  const store = await openFileStore({ dir: temporaryFolder(t) });
  t.after(() => store.close());
  const bytes = new TextEncoder().encode('no line\n');
  const refused = store.append({ first_seq: 0, bytes, ends: [bytes.length] }, null);
  await assert.rejects(refused, (e) => isIndelibleError(e, 'RECORD_INVALID'));
  assert.equal(await store.head(), null);
  await appendNext(store, 1);
});

test('rotation: a full segment is left before a batch, a batch is never split', async (t) => {
  const dir = temporaryFolder(t);
  const store = await openFileStore({ dir, segment_bytes_max: 2000 });
  for (let i = 0; i < 10; i++) await appendNext(store, 7);
  const files = segmentFiles(dir);
  assert.ok(files.length > 3);
  for (const file of files) assert.equal(Number(file.slice(0, 20)) % 7, 0);
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 70));
  assert.deepEqual((await readAll(store.read(33, 51))).texts, textsOf(33, 18));
  const found = await store.get([69, 0, 33, 500, 34, 33, -1, 1.5]);
  assert.deepEqual(
    found.map(({ seq, line }) => [seq, Buffer.from(line).toString('latin1')]),
    [69, 0, 33, 34, 33].map((seq) => [seq, `${textsOf(seq, 1)[0]}\n`]),
  );
  assert.deepEqual(await store.inspect(), []);
  await store.close();
});

test('a bounded store evicts whole segments, the oldest first, and never the head', async (t) => {
  const dir = temporaryFolder(t);
  const store = await openFileStore({ dir, segment_bytes_max: 1, segments_max: 3 });
  assert.equal(await store.truncation?.due(), null);
  for (let i = 0; i < 3; i++) await appendNext(store, 5);
  assert.equal(await store.truncation?.due(), null);
  for (let i = 0; i < 2; i++) await appendNext(store, 5);
  const keep_from = await store.truncation?.due();
  assert.equal(keep_from, 10);
  // Interrupted after one segment: repeating it finishes the work.
  fs.unlinkSync(segmentPath(dir, 0));
  assert.equal(await store.firstSeq(), 5);
  for (let i = 0; i < 2; i++) await store.truncation?.truncate(10);
  assert.equal(await store.firstSeq(), 10);
  assert.equal(await store.truncation?.due(), null);
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(10, 15));
  assert.deepEqual(await store.get([3]), []);
  await store.truncation?.truncate(1_000_000);
  const head = await store.head();
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(20, 5));
  await store.close();
  const again = await openFileStore({ dir });
  assert.deepEqual(await again.head(), head);
  assert.equal(again.truncation, undefined);
  await again.close();
});

test('files are for their owner alone', async (t) => {
  const dir = path.join(temporaryFolder(t), 'ledger');
  const store = await openFileStore({ dir });
  await appendNext(store, 1);
  const modeOf = (name: string) => fs.statSync(path.join(dir, name)).mode & 0o777;
  for (const name of ['', 'segments', 'recovered']) assert.equal(modeOf(name), 0o700, name);
  for (const name of [`segments/${segmentFiles(dir)[0]}`, 'lock.db', 'lock.pid']) {
    assert.equal(modeOf(name), 0o600, name);
  }
  await store.close();
});

test('LEDGER_NOT_FOUND when there is nothing to open and nothing may be made', async (t) => {
  const dir = path.join(temporaryFolder(t), 'absent');
  for (const options of [{ create: false }, { read_only: true }]) {
    await assert.rejects(openFileStore({ dir, ...options }), (e) => isIndelibleError(e, 'LEDGER_NOT_FOUND'));
    assert.equal(fs.existsSync(dir), false);
  }
  await assert.rejects(openFileStore({ dir, segments_max: 0 }), (e) => isIndelibleError(e, 'USAGE'));
});

test('a closed store says so, close can be repeated, and waits for what is under way', async (t) => {
  const dir = temporaryFolder(t);
  const store = await openFileStore({ dir });
  const waiting = store.waitForAppend(10, new AbortController().signal);
  const batch = batchOf(0, 5);
  const appended = store.append(batch, null);
  await Promise.all([store.close(), store.close(), appended, waiting]);
  for (const use of [
    () => store.head(),
    () => store.get([0]),
    () => store.append(batch, null),
    () => store.inspect(),
  ]) {
    await assert.rejects(use, (e) => isIndelibleError(e, 'LEDGER_CLOSED'));
  }
  const again = await openFileStore({ dir });
  assert.deepEqual(await again.head(), headOf(batch));
  await again.close();
});

test('a reader beside the writer takes no lock, sees what is appended and cannot append', async (t) => {
  const dir = temporaryFolder(t);
  const writer = await openFileStore({ dir, segment_bytes_max: 3000 });
  const reader = await openFileStore({ dir, read_only: true });
  assert.equal(await reader.head(), null);
  for (let i = 0; i < 6; i++) {
    const head = await appendNext(writer, 9);
    assert.deepEqual(await reader.head(), head);
    assert.deepEqual((await readAll(reader.read(0))).texts, textsOf(0, head.seq + 1));
    assert.equal((await reader.get([head.seq]))[0]?.seq, head.seq);
  }
  const refused = reader.append(batchOf(54, 1), await reader.head());
  await assert.rejects(refused, (e) => isIndelibleError(e, 'STORE_READ_ONLY'));
  // A line that is being written is not there yet.
  fs.appendFileSync(segmentPath(dir, Number(segmentFiles(dir).at(-1)!.slice(0, 20))), '{"hash":"');
  assert.equal((await reader.head())?.seq, 53);
  assert.deepEqual((await readAll(reader.read(0))).texts, textsOf(0, 54));
  await Promise.all([reader.close(), writer.close()]);
});

for (const read_only of [false, true]) {
  test(`waitForAppend wakes at an append and at an abort (read_only ${read_only})`, async (t) => {
    const dir = temporaryFolder(t);
    const writer = await openFileStore({ dir });
    const waiter = read_only ? await openFileStore({ dir, read_only }) : writer;
    const { seq } = await appendNext(writer, 2);
    await waiter.waitForAppend(seq - 1, new AbortController().signal);
    const woken = waiter.waitForAppend(seq, new AbortController().signal);
    await appendNext(writer, 1);
    await woken;
    const abort = new AbortController();
    const aborted = waiter.waitForAppend(seq + 1, abort.signal);
    abort.abort();
    await aborted;
    await waiter.waitForAppend(seq + 1, AbortSignal.abort());
    const closed = waiter.waitForAppend(seq + 1, new AbortController().signal);
    await waiter.close();
    await closed;
    await writer.close();
  });
}
