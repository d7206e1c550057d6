/** What the memory store has beyond the conformance suite. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleBatch, sampleLines } from '../../packages/indelible/src/stores/conformance.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';

test('two memory stores have nothing in common', async () => {
  const [one, other] = [openMemoryStore(), openMemoryStore()];
  await one.append(sampleBatch(sampleLines(2)), null);
  assert.equal((await one.head())?.seq, 1);
  assert.equal(await other.head(), null);
});

test('a line that was given out is a copy', async () => {
  const store = openMemoryStore();
  const lines = sampleLines(1);
  await store.append(sampleBatch(lines), null);
  const [got] = await store.get([0]);
  got!.line.fill(0);
  for await (const batch of store.read(0)) batch.bytes.fill(0);
  const [again] = await store.get([0]);
  assert.deepEqual(again!.line, lines[0]!.bytes);
});

test('a log may begin later than 0, as after a truncation', async () => {
  const store = openMemoryStore();
  const lines = sampleLines(5);
  await store.append(sampleBatch(lines.slice(2)), null);
  assert.equal(await store.firstSeq(), 2);
  assert.deepEqual(await store.head(), { seq: 4, hash: lines[4]!.hash });
  const seqs: number[] = [];
  for await (const { first_seq, ends } of store.read(0))
    for (let i = 0; i < ends.length; i++) seqs.push(first_seq + i);
  assert.deepEqual(seqs, [2, 3, 4]);
  assert.deepEqual(
    (await store.get([1, 2])).map(({ seq }) => seq),
    [2],
  );
});
