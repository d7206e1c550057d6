/** The history of checkpoints: what it takes, what it refuses, and what it never forgets. */
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { formatCheckpoint, formatNote, parseNote, signText } from '@indelible/core';
import { openCheckpointHistory } from '../../packages/indelible/src/transparency/checkpoint-history.ts';
import { folder, NAME, rejectsWith, signer } from './support.ts';

const root = (digit: string): string => digit.repeat(64);

async function checkpoint(size: number, digit: string, byte = 1) {
  const text = formatCheckpoint({ origin: NAME, size, root: root(digit), extensions: [] });
  const note = formatNote({ text, signatures: [await signText(text, signer(byte))] });
  return { size, root: root(digit), note, signed_at: 1000 + size };
}

test('keeps what was signed and tells what was published', async (t) => {
  const path = join(folder(t), 'checkpoints.db');
  const history = openCheckpointHistory(path);
  assert.deepEqual(
    [await history.newest(), await history.newestSigned(), await history.atLeast(1)],
    [null, null, null],
  );
  const [a, b, c] = [await checkpoint(3, 'a'), await checkpoint(7, 'b'), await checkpoint(9, 'c')];
  await history.add(a, true);
  await history.add(b, false);
  await history.add(c, true);
  assert.deepEqual(await history.newestSigned(), c);
  assert.deepEqual(
    [await history.atLeast(1), await history.atLeast(4)],
    [a, c],
    'what is withheld covers nothing',
  );
  await history.add(b, true);
  assert.deepEqual([await history.atLeast(4), await history.atLeast(10)], [b, null]);
  await history.close();
  const again = openCheckpointHistory(path, { read_only: true });
  assert.deepEqual([await again.newest(), await again.atLeast(4)], [c, b]);
  await rejectsWith('STORE_READ_ONLY', async () => again.add(await checkpoint(11, 'd'), true));
  await again.close();
  await rejectsWith('LEDGER_CLOSED', () => again.newest());
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('another root at the same size, or a size below the newest, is a fork; also between processes', async (t) => {
  const path = join(folder(t), 'checkpoints.db');
  const [left, right] = [openCheckpointHistory(path), openCheckpointHistory(path)];
  await left.add(await checkpoint(5, 'a'), true);
  await rejectsWith('CHECKPOINT_FORK', async () => right.add(await checkpoint(5, 'b'), true));
  await right.add(await checkpoint(8, 'b'), false);
  await rejectsWith('CHECKPOINT_FORK', async () => left.add(await checkpoint(6, 'c'), true));
  assert.equal((await left.newest())!.size, 5);
  await Promise.all([left.close(), right.close()]);
});

test('the same checkpoint signed by others gathers signatures, loses none, and stays published', async () => {
  const history = openCheckpointHistory(':memory:');
  await history.add(await checkpoint(5, 'a', 1), true);
  await history.add(await checkpoint(5, 'a', 2), false);
  await history.add(await checkpoint(5, 'a', 1), false);
  const { note } = (await history.newest())!;
  const ids = parseNote(note).signatures.map(({ key_id }) => key_id);
  assert.deepEqual(ids, [signer(1).key.key_id, signer(2).key.key_id]);
  await history.close();
});

test('a file that is none of ours is refused, one that is missing is empty to a reader', async (t) => {
  const path = join(folder(t), 'checkpoints.db');
  const reader = openCheckpointHistory(path, { read_only: true });
  assert.equal(await reader.newest(), null);
  await reader.close();
  // As a crash or a full disk leaves it between making the file and filling it.
  for (const begun of [false, true]) {
    const db = new DatabaseSync(path);
    if (begun) db.exec('PRAGMA journal_mode = WAL');
    db.close();
    const empty = openCheckpointHistory(path, { read_only: true });
    assert.equal(await empty.newest(), null);
    await empty.close();
  }
  writeFileSync(path, 'no database');
  await rejectsWith('STORE_UNAVAILABLE', () => openCheckpointHistory(path));
});

test('remembers where the log speaks of keys', async () => {
  const history = openCheckpointHistory(':memory:');
  for (const seq of [9, 1, 9]) await history.noteKeyRecord(seq);
  assert.deepEqual(await history.keyRecords(), [1, 9]);
  await history.close();
});
