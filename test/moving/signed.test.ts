/** What was signed goes with a copy: never hashes that lead to another root, nor beside what another log signed. */
import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCopyTarget } from '../../packages/indelible/src/compose/moving.ts';
import { openStore } from '../../packages/indelible/src/compose.ts';
import { rejectsWith, signer } from '../transparency/support.ts';
import { copyBetween, makeAt, newFolder } from './support.ts';

/** Another byte in the hash of record 1. */
async function flip(level_0: string): Promise<Buffer> {
  const good = await readFile(level_0);
  const bytes = Buffer.from(good);
  bytes[40]! ^= 1;
  await writeFile(level_0, bytes);
  return good;
}

async function sizeAt(url: string): Promise<number> {
  const store = await openStore(url);
  try {
    return ((await store.head())?.seq ?? -1) + 1;
  } finally {
    await store.close();
  }
}

test('a tree that is not the signed one is made again from the records of the copy', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  await makeAt(from, 600, { signer: signer() });
  const good = await flip(join(folder, 'from', 'tree', 'level-0'));
  // It reads the copy as a verifier does, its tree and checkpoints too.
  const first = await copyBetween(from, to);
  assert.equal(first.checkpoint_size, first.records);
  const carried = join(folder, 'to', 'tree', 'level-0');
  assert.deepEqual(await readFile(carried), good.subarray(0, first.records * 32));

  // What the copy has is not asked for again, and what is new must fit it.
  await makeAt(from, 300, { signer: signer() });
  const second = await copyBetween(from, to);
  assert.equal(second.checkpoint_size, first.records + second.copied);
  assert.deepEqual((await readFile(carried)).subarray(0, good.length), good);
});

test('hashes that the tree of the log lacks are made from the records', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  await makeAt(from, 300, { signer: signer() });
  const level_0 = join(folder, 'from', 'tree', 'level-0');
  const good = await readFile(level_0);
  await rm(level_0);
  await copyBetween(from, to);
  assert.deepEqual(await readFile(join(folder, 'to', 'tree', 'level-0')), good);
});

test('hashes of truncated records that are not the signed ones are refused', async (t) => {
  const folder = await newFolder(t);
  const bounded = `file:${join(folder, 'from')}?segment_bytes_max=20000&segments_max=2`;
  for (let i = 0; i < 6; i++) await makeAt(bounded, 100, { signer: signer() });
  await flip(join(folder, 'from', 'tree', 'level-0'));
  await rejectsWith('TREE_DAMAGED', () => copyBetween(bounded, `sqlite:${join(folder, 'to.db')}`));
});

test('a checkpoint that the records do not fit is not carried', async (t) => {
  const folder = await newFolder(t);
  const [from, other, to] = ['from', 'other', 'to'].map((name) => `file:${join(folder, name)}`);
  await makeAt(from!, 20, { signer: signer() });
  await makeAt(other!, 20, { signer: signer() });
  await rm(join(folder, 'from', 'tree'), { recursive: true });
  await cp(join(folder, 'other', 'tree'), join(folder, 'from', 'tree'), { recursive: true });
  await rejectsWith('CHECKPOINT_FORK', () => copyBetween(from!, to!));
  const target = await openCopyTarget(to!);
  assert.equal(await (await target.openProofs())!.history.newestSigned(), null);
  await target.close();
});

test('beside what another log signed nothing is written', async (t) => {
  const folder = await newFolder(t);
  const names = ['acme.example/one', 'acme.example/two'];
  const [one, two] = names.map((name) => `sqlite:${join(folder, `${name.slice(-3)}.db`)}`);
  for (const [i, url] of [one!, two!].entries())
    await makeAt(url, 10, { name: names[i]!, signer: signer(1, names[i]) });
  const to = `sqlite:${join(folder, 'to.db')}`;
  await copyBetween(one!, to);
  await forget(folder);
  const message = await rejectsWith('CHECKPOINT_OTHER_LOG', () => copyBetween(two!, to));
  assert.match(message, /lie the checkpoints of acme\.example\/one, not of acme\.example\/two/);
  assert.equal(await sizeAt(to), 0);
});

for (const [what, before, now, said] of [
  ['shorter', 10, 40, /^the newest checkpoint .* has another root than the log's/],
  ['longer', 40, 10, /^the newest checkpoint .* is over 42 records; the log has 12/],
] as const) {
  test(`beside checkpoints of a ${what} history of the same name nothing is written`, async (t) => {
    const folder = await newFolder(t);
    const [earlier, later] = ['earlier', 'later'].map((name) => `sqlite:${join(folder, `${name}.db`)}`);
    await makeAt(earlier!, before, { signer: signer() });
    await makeAt(later!, now, { signer: signer() });
    const to = `sqlite:${join(folder, 'to.db')}`;
    await copyBetween(earlier!, to);
    await forget(folder);
    const begun: string[] = [];
    const onBegin = async () => void begun.push('begun');
    assert.match(await rejectsWith('CHECKPOINT_FORK', () => copyBetween(later!, to, { onBegin })), said);
    assert.deepEqual([await sizeAt(to), begun], [0, []]);
  });
}

/** The records of the copy are gone, and what was signed of them is left. */
async function forget(folder: string): Promise<void> {
  for (const end of ['', '-wal', '-shm']) await rm(join(folder, `to.db${end}`), { force: true });
}
