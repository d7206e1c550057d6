/**
 * Every call that writes fails once, in each way it can: the work not done, done, or half done. After each fault
 * the store says what is wrong, names a head that is durable, and goes on; nothing acknowledged is lost.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { type ErrorCode, isIndelibleError } from '@indelible/core';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openFileStore } from '../../packages/indelible/src/stores/file/file-store.ts';
import { type FileSystem, nodeFileSystem } from '../../packages/indelible/src/stores/file/file-system.ts';
import {
  appendNext,
  batchOf,
  failingFileSystem,
  headOf,
  type Outcome,
  readAll,
  segmentFiles,
  segmentPath,
  temporaryFolder,
  textsOf,
} from './support/file-ledger.ts';

const CODES: [string, ErrorCode][] = [
  ['ENOSPC', 'STORE_FULL'],
  ['EDQUOT', 'STORE_FULL'],
  ['EROFS', 'STORE_READ_ONLY'],
  ['EACCES', 'STORE_READ_ONLY'],
  ['EPERM', 'STORE_READ_ONLY'],
  ['EIO', 'STORE_UNAVAILABLE'],
];

async function appendFails(store: LogStore, count: number, code: ErrorCode): Promise<void> {
  const head = await store.head();
  const batch = batchOf(head ? head.seq + 1 : 0, count);
  await assert.rejects(store.append(batch, head), (error) => isIndelibleError(error, code));
}

for (const [call, outcome] of [
  ['write', 'lost'],
  ['write', 'landed'],
  ['write', 'half'],
  ['syncData', 'lost'],
  ['syncData', 'landed'],
] as [keyof FileSystem, Outcome][]) {
  test(`pitfall 8: ${call} failed, its work ${outcome}: the head stays, the log goes on`, async (t) => {
    const dir = temporaryFolder(t);
    const faulty = failingFileSystem();
    const store = await openFileStore({ dir, fs: faulty.fs });
    for (const [position, [system, code]] of CODES.entries()) {
      const head = await appendNext(store, 3);
      faulty.fail(call, system, outcome);
      await appendFails(store, 5, code);
      // Before anyone has asked for the head: readers of this process see acknowledged records only.
      assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 3 * position + 3));
      assert.deepEqual(await store.head(), head);
      assert.equal(
        fs.readFileSync(segmentPath(dir, 0), 'latin1'),
        `${textsOf(0, 3 * position + 3).join('\n')}\n`,
      );
    }
    assert.deepEqual(await store.inspect(), []);
    await store.close();
    const again = await openFileStore({ dir });
    assert.deepEqual((await readAll(again.read(0))).texts, textsOf(0, 18));
    await again.close();
  });
}

test('after a failed sync the file is opened anew: a second sync of the old descriptor proves nothing', async (t) => {
  const faulty = failingFileSystem();
  const store = await openFileStore({ dir: temporaryFolder(t), fs: faulty.fs });
  await appendNext(store, 1);
  faulty.fail('syncData', 'EIO', 'landed');
  await appendFails(store, 1, 'STORE_UNAVAILABLE');
  faulty.calls.length = 0;
  await store.head();
  const order = faulty.calls.filter((call) => ['open', 'truncate', 'sync', 'syncData'].includes(call));
  assert.deepEqual(order.slice(0, 4), ['open', 'truncate', 'sync', 'open']);
  await store.close();
});

test('an append that is in flight behind a failed one fails with HEAD_MOVED, though its own bytes were synced', async (t) => {
  const faulty = failingFileSystem();
  const store = await openFileStore({ dir: temporaryFolder(t), fs: faulty.fs });
  t.after(() => store.close());
  const head = await appendNext(store, 2);
  faulty.fail('syncData', 'EIO', 'landed');
  const first = batchOf(2, 3);
  const results = await Promise.allSettled([
    store.append(first, head),
    store.append(batchOf(5, 1), headOf(first)),
    store.append(batchOf(6, 1), headOf(batchOf(5, 1))),
  ]);
  assert.deepEqual(
    results.map((result) => result.status === 'rejected' && result.reason.code),
    ['STORE_UNAVAILABLE', 'HEAD_MOVED', 'HEAD_MOVED'],
  );
  assert.deepEqual(await store.head(), head);
  await appendNext(store, 1);
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 3));
});

test('an append whose write outlasts the failure of the one before it is not acknowledged', async (t) => {
  let failSync: ((error: Error) => void) | null = null;
  let held: { release: () => void } | null = null;
  let holding = false;
  const store = await openFileStore({
    dir: temporaryFolder(t),
    fs: {
      ...nodeFileSystem,
      async write(fd, bytes, position) {
        if (holding && failSync !== null && held === null) {
          await new Promise<void>((release) => {
            held = { release };
          });
        }
        return nodeFileSystem.write(fd, bytes, position);
      },
      syncData: (fd) =>
        holding && failSync === null
          ? new Promise((_, reject) => {
              failSync = reject;
            })
          : nodeFileSystem.syncData(fd),
    },
  });
  t.after(() => store.close());
  const head = await appendNext(store, 2);
  holding = true;
  const first = batchOf(2, 3);
  const failing = store.append(first, head);
  const behind = store.append(batchOf(5, 1), headOf(first));
  while (held === null) await new Promise(setImmediate);
  failSync!(Object.assign(new Error('injected'), { code: 'EIO' }));
  await assert.rejects(failing, (error) => isIndelibleError(error, 'STORE_UNAVAILABLE'));
  (held as { release: () => void }).release();
  await assert.rejects(behind, (error) => isIndelibleError(error, 'HEAD_MOVED'));
  assert.deepEqual(await store.head(), head);
  await appendNext(store, 1);
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 3));
});

test('syncs that end in the wrong order are acknowledged in the right one, each on a descriptor of its own', async (t) => {
  const synced: { fd: number; end: () => Promise<void>; fail: () => void }[] = [];
  let held = false;
  const store = await openFileStore({
    dir: temporaryFolder(t),
    fs: {
      ...nodeFileSystem,
      syncData: (fd) =>
        held
          ? new Promise((resolve, reject) =>
              synced.push({
                fd,
                end: () => nodeFileSystem.syncData(fd).then(resolve),
                fail: () => reject(Object.assign(new Error('injected'), { code: 'EIO' })),
              }),
            )
          : nodeFileSystem.syncData(fd),
    },
  });
  t.after(() => store.close());
  const head = await appendNext(store, 2);
  held = true;
  const first = batchOf(2, 1);
  const order: string[] = [];
  const appends = [store.append(first, head), store.append(batchOf(3, 1), headOf(first))];
  const noted = appends.map((append, i) =>
    append.then(
      () => order.push(`${i} durable`),
      (error) => order.push(`${i} ${error.code}`),
    ),
  );
  while (synced.length < 2) await new Promise(setImmediate);
  assert.notEqual(synced[0]!.fd, synced[1]!.fd);
  synced[1]!.fail();
  await new Promise(setImmediate);
  assert.deepEqual(order, [], 'nothing is told before the first one is known');
  await synced[0]!.end();
  await Promise.all(noted);
  assert.deepEqual(order, ['0 durable', '1 STORE_UNAVAILABLE']);
  assert.deepEqual(await store.head(), headOf(first));
});

for (const call of ['open', 'stat', 'readNow', 'truncate', 'sync'] as const) {
  test(`while ${call} fails in the repair, head() raises; the first one that succeeds tells the head`, async (t) => {
    const faulty = failingFileSystem();
    const store = await openFileStore({ dir: temporaryFolder(t), fs: faulty.fs });
    const head = await appendNext(store, 4);
    faulty.fail('write', 'EIO', 'landed');
    await appendFails(store, 2, 'STORE_UNAVAILABLE');
    for (const [system, code] of CODES) {
      faulty.fail(call, system);
      await assert.rejects(store.head(), (error) => isIndelibleError(error, code));
    }
    assert.deepEqual(await store.head(), head);
    await appendNext(store, 2);
    assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 6));
    await store.close();
  });
}

test('an append that does not ask for the head first repairs by itself, and is held to the true head', async (t) => {
  const faulty = failingFileSystem();
  const store = await openFileStore({ dir: temporaryFolder(t), fs: faulty.fs });
  const head = await appendNext(store, 4);
  const lost = batchOf(4, 2);
  faulty.fail('write', 'EIO', 'landed');
  await assert.rejects(store.append(lost, head), (error) => isIndelibleError(error, 'STORE_UNAVAILABLE'));
  const upon = store.append(batchOf(6, 1), headOf(lost));
  await assert.rejects(upon, (error) => isIndelibleError(error, 'HEAD_MOVED'));
  await store.append(lost, head);
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 6));
  await store.close();
});

for (const [call, outcome] of [
  ['open', 'lost'],
  ['open', 'landed'],
  ['stat', 'lost'],
  ['sync', 'lost'],
  ['sync', 'landed'],
  ['write', 'half'],
] as [keyof FileSystem, Outcome][]) {
  test(`${call} failed in a rotation, its work ${outcome}: the log goes on in the right segment`, async (t) => {
    const dir = temporaryFolder(t);
    const faulty = failingFileSystem();
    const store = await openFileStore({ dir, fs: faulty.fs, segment_bytes_max: 1 });
    // Also for the very first segment.
    faulty.fail(call, 'ENOSPC', outcome);
    await appendFails(store, 4, 'STORE_FULL');
    assert.equal(await store.head(), null);
    for (let i = 0; i < 3; i++) {
      const head = await appendNext(store, 4);
      faulty.fail(call, 'ENOSPC', outcome);
      await appendFails(store, 2, 'STORE_FULL');
      assert.deepEqual(await store.head(), head);
    }
    const head = await appendNext(store, 4);
    assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 16));
    assert.equal(segmentFiles(dir).length, 4);
    assert.deepEqual(await store.inspect(), []);
    await store.close();
    const again = await openFileStore({ dir });
    assert.deepEqual(await again.head(), head);
    await again.close();
  });
}

test('a short write is continued', async (t) => {
  const dir = temporaryFolder(t);
  const faulty = failingFileSystem();
  const whole = faulty.fs.write;
  const stingy = {
    ...faulty.fs,
    write: (fd: number, bytes: Uint8Array, at: number) => whole(fd, bytes.subarray(0, 100), at),
  };
  const store = await openFileStore({ dir, fs: stingy });
  await appendNext(store, 5);
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 5));
  await store.close();
});

for (const [name, call, system, code] of [
  ['a full disk', 'makeDirectory', 'ENOSPC', 'STORE_FULL'],
  ['a read-only folder', 'makeDirectory', 'EACCES', 'STORE_READ_ONLY'],
  ['a read-only file system', 'open', 'EROFS', 'STORE_READ_ONLY'],
  ['a disk that fails to sync', 'sync', 'EIO', 'STORE_UNAVAILABLE'],
] as [string, keyof FileSystem, string, ErrorCode][]) {
  test(`opening on ${name} says so, and leaves no lock behind`, async (t) => {
    const dir = `${temporaryFolder(t)}/ledger`;
    const faulty = failingFileSystem();
    faulty.fail(call, system);
    await assert.rejects(openFileStore({ dir, fs: faulty.fs }), (error) => isIndelibleError(error, code));
    const store = await openFileStore({ dir, fs: faulty.fs });
    await appendNext(store, 1);
    await store.close();
  });
}

test('a fault while a torn tail is cut: the evidence is whole, the next opening finishes', async (t) => {
  for (const call of ['write', 'rename', 'sync', 'truncate'] as const) {
    const dir = temporaryFolder(t);
    const first = await openFileStore({ dir });
    await appendNext(first, 2);
    await first.close();
    fs.appendFileSync(segmentPath(dir, 0), '{"hash":"torn');
    const faulty = failingFileSystem();
    // The first write is the note of who holds the lock, which may fail.
    faulty.fail(call, 'ENOSPC', 'half', call === 'write' ? 2 : 1);
    await assert.rejects(openFileStore({ dir, fs: faulty.fs }), (error) =>
      isIndelibleError(error, 'STORE_FULL'),
    );
    const store = await openFileStore({ dir });
    assert.deepEqual(await store.head(), headOf(batchOf(0, 2)));
    for (const name of fs.readdirSync(`${dir}/recovered`)) {
      assert.equal(fs.readFileSync(`${dir}/recovered/${name}`, 'latin1'), '{"hash":"torn');
    }
    await store.close();
  }
});

const MEDDLING: Record<string, (file: string) => void> = {
  'appended to': (file) => fs.appendFileSync(file, 'x\n'),
  truncated: (file) => fs.truncateSync(file, 10),
  removed: (file) => fs.unlinkSync(file),
};
for (const [name, meddle] of Object.entries(MEDDLING)) {
  test(`a segment that another hand ${name} is not written to: nothing is acknowledged, nothing cut`, async (t) => {
    const dir = temporaryFolder(t);
    const store = await openFileStore({ dir });
    const head = await appendNext(store, 3);
    const file = segmentPath(dir, 0);
    meddle(file);
    const after = fs.existsSync(file) ? fs.readFileSync(file, 'latin1') : null;
    const refused = (error: unknown) => isIndelibleError(error, 'LEDGER_DAMAGED');
    await assert.rejects(store.append(batchOf(3, 1), head), refused);
    await assert.rejects(store.head(), refused);
    await assert.rejects(store.append(batchOf(3, 1), head), refused);
    assert.equal(fs.existsSync(file) ? fs.readFileSync(file, 'latin1') : null, after);
    await store.close();
  });
}

test('an interrupted eviction says so and can be repeated', async (t) => {
  const dir = temporaryFolder(t);
  const faulty = failingFileSystem();
  const store = await openFileStore({ dir, fs: faulty.fs, segment_bytes_max: 1, segments_max: 1 });
  for (let i = 0; i < 4; i++) await appendNext(store, 2);
  for (const [call, outcome] of [
    ['unlink', 'lost'],
    ['unlink', 'landed'],
    ['sync', 'lost'],
  ] as const) {
    faulty.fail(call, 'EIO', outcome);
    await assert.rejects(
      async () => store.truncation?.truncate(6),
      (e) => isIndelibleError(e, 'STORE_UNAVAILABLE'),
    );
  }
  await store.truncation?.truncate(6);
  assert.equal(await store.firstSeq(), 6);
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(6, 2));
  await store.close();
});
