/** Cases about reading: ranges, single lines, shards. */
import assert from 'node:assert/strict';
import type { LineBatch, LogStore, Shard } from '../contract.ts';
import { appendAfter, assertLines, collect, headOf, type StoreCase } from './case.ts';
import { sampleBatch, sampleLines } from './samples.ts';

/** Several batches, enough for a store to read in more than one piece. */
async function filled(store: LogStore, count: number) {
  const lines = sampleLines(count);
  for (let i = 0; i < count; i += 300) {
    await store.append(sampleBatch(lines.slice(i, i + 300)), headOf(lines.slice(0, i)));
  }
  return lines;
}

export const READ_CASES: readonly StoreCase[] = [
  {
    name: 'reads any range, the end excluded',
    run: async ({ open }) => {
      const store = await open();
      const lines = await filled(store, 1300);
      for (const [from, to] of [
        [0, 1],
        [0, 1300],
        [1299, 1300],
        [5, 6],
        [299, 301],
        [300, 600],
        [123, 1234],
        [700, 5000],
      ]) {
        assertLines(await collect(store.read(from!, to)), lines.slice(from, to));
      }
      assertLines(await collect(store.read(1000)), lines.slice(1000));
    },
  },
  {
    name: 'an empty range reads nothing',
    run: async ({ open }) => {
      const store = await open();
      await filled(store, 10);
      for (const [from, to] of [
        [0, 0],
        [4, 4],
        [6, 3],
        [10, undefined],
        [10, 20],
        [9999, undefined],
      ] as const) {
        assert.deepEqual(await collect(store.read(from, to)), [], `read(${from}, ${to})`);
      }
    },
  },
  {
    name: 'a read may be left early and begun again',
    run: async ({ open }) => {
      const store = await open();
      const lines = await filled(store, 1300);
      for await (const batch of store.read(0)) {
        assert.equal(batch.first_seq, 0);
        break;
      }
      assertLines(await collect(store.read(0)), lines);
    },
  },
  {
    name: 'reads while appends go on see a gapless beginning',
    run: async ({ open }) => {
      const store = await open();
      const lines = await filled(store, 1200);
      const more = sampleLines(1200, { after: lines.at(-1) });
      const all = [...lines, ...more];
      const append = async () => {
        for (let i = 0; i < more.length; i += 100) {
          await appendAfter(store, all.slice(0, lines.length + i), more.slice(i, i + 100));
        }
      };
      const read = async () => {
        for (let round = 0; round < 5; round++) {
          const seen = await collect(store.read(0));
          assert.ok(seen.length >= lines.length, 'what was there at the beginning is read');
          assertLines(seen, all.slice(0, seen.length));
        }
      };
      await Promise.all([append(), read(), read()]);
      assertLines(await collect(store.read(0)), all);
    },
  },
  {
    name: 'get answers in the order asked and leaves out what is missing',
    run: async ({ open }) => {
      const store = await open();
      const lines = await filled(store, 700);
      const got = await store.get([650, 0, 700, 3, 299, 300, 999_999]);
      assertLines(
        got.map(({ seq, line }) => ({ seq, text: Buffer.from(line).toString('utf8') })),
        [650, 0, 3, 299, 300].map((seq) => lines[seq]!),
      );
      assert.deepEqual(await store.get([]), []);
    },
  },
  {
    name: 'the shards together are the whole log, once and in order',
    run: async ({ open }) => {
      const store = await open();
      const none = await shardBatches(store, 4);
      assert.deepEqual(await collect(none), []);
      const lines = await filled(store, 1300);
      for (const count of [1, 2, 3, 8]) {
        assertLines(await collect(await shardBatches(store, count)), lines);
      }
    },
  },
  {
    name: 'more shards than records',
    run: async ({ open }) => {
      const store = await open();
      const lines = await filled(store, 3);
      assertLines(await collect(await shardBatches(store, 16)), lines);
    },
  },
  {
    name: 'a shard says how large it is and survives cloning',
    run: async ({ open }) => {
      const store = await open();
      const lines = await filled(store, 900);
      if (store.shards === undefined) return;
      const shards = await store.shards(2);
      for (const { bytes } of shards) assert.ok(bytes > 0);
      assertLines(await collect(await readShards(structuredClone(shards))), lines);
    },
  },
];

/** All batches of all shards; a store without shards is read as a whole. */
async function shardBatches(store: LogStore, count: number): Promise<AsyncIterable<LineBatch> | LineBatch[]> {
  return store.shards === undefined ? store.read(0) : readShards(await store.shards(count));
}

/** Reads shards as a verifier's worker would. */
async function readShards(shards: readonly Shard[]): Promise<LineBatch[]> {
  const batches: LineBatch[] = [];
  for (const { module, input } of shards) {
    const { readShard } = (await import(module)) as { readShard(input: unknown): Iterable<LineBatch> };
    batches.push(...copies(readShard(input)));
  }
  return numbered(batches);
}

/**
 * A shard may begin where the store cannot tell the number without looking into the line; its `first_seq` is then
 * negative. Its lines must follow those of the shard before.
 */
function numbered(batches: readonly LineBatch[]): LineBatch[] {
  let next = 0;
  return batches.map((batch) => {
    const first_seq = batch.first_seq < 0 ? next : batch.first_seq;
    next = first_seq + batch.ends.length;
    return { ...batch, first_seq };
  });
}

/** Stores may reuse a batch's memory for the next one. */
function copies(batches: Iterable<LineBatch>): LineBatch[] {
  const kept: LineBatch[] = [];
  for (const { first_seq, bytes, ends, stored_seqs } of batches) {
    const copy = { first_seq, bytes: bytes.slice(), ends: Array.from(ends) };
    kept.push(stored_seqs === undefined ? copy : { ...copy, stored_seqs: Array.from(stored_seqs) });
  }
  return kept;
}
