/** Cases about appending: atomic, durable, and only upon the expected head. */
import assert from 'node:assert/strict';
import { LIMITS } from '@indelible/core';
import {
  appendAfter,
  assertCode,
  assertHolds,
  assertLines,
  collect,
  headOf,
  type StoreCase,
} from './case.ts';
import { sampleBatch, sampleLines } from './samples.ts';

export const APPEND_CASES: readonly StoreCase[] = [
  {
    name: 'a new store is empty',
    run: async ({ open }) => {
      const store = await open();
      assert.equal(await store.head(), null);
      assert.equal(await store.firstSeq(), 0);
      assert.deepEqual(await collect(store.read(0)), []);
      assert.deepEqual(await store.get([0, 1]), []);
    },
  },
  {
    name: 'what was appended is read back byte for byte',
    run: async ({ open }) => {
      const store = await open();
      const lines = sampleLines(7);
      await appendAfter(store, [], lines.slice(0, 1));
      await appendAfter(store, lines.slice(0, 1), lines.slice(1, 6));
      await appendAfter(store, lines.slice(0, 6), lines.slice(6));
      await assertHolds(store, lines);
      assert.equal(await store.firstSeq(), 0);
    },
  },
  {
    name: 'records of the greatest size fit',
    run: async ({ open }) => {
      const store = await open();
      const lines = sampleLines(20, { record_bytes: LIMITS.record_bytes });
      await appendAfter(store, [], lines);
      await assertHolds(store, lines);
    },
  },
  {
    name: 'a batch may be longer than its lines and ends may be any array',
    run: async ({ open }) => {
      const store = await open();
      const lines = sampleLines(3);
      const { first_seq, bytes, ends } = sampleBatch(lines);
      const roomy = new Uint8Array(bytes.length + 100).fill(0x21);
      roomy.set(bytes);
      await store.append({ first_seq, bytes: roomy, ends: Uint32Array.from(ends) }, null);
      await assertHolds(store, lines);
    },
  },
  {
    name: 'an append upon another head raises HEAD_MOVED and names the head',
    run: async ({ open }) => {
      const store = await open();
      const [first, second, third] = sampleLines(3);
      const batch = sampleBatch([third!]);
      const empty = await assertCode(store.append(batch, headOf([second!])), 'HEAD_MOVED');
      assert.deepEqual(empty, { head: null });
      await appendAfter(store, [], [first!, second!]);
      for (const wrong of [
        null,
        headOf([first!]),
        { seq: 1, hash: first!.hash },
        { seq: 2, hash: second!.hash },
      ]) {
        const details = await assertCode(store.append(batch, wrong), 'HEAD_MOVED');
        assert.deepEqual(details, { head: headOf([first!, second!]) });
      }
    },
  },
  {
    name: 'an append may follow another before that has settled',
    run: async ({ open }) => {
      const store = await open();
      const lines = sampleLines(9);
      const parts = [lines.slice(0, 2), lines.slice(2, 3), lines.slice(3)];
      const settled: number[] = [];
      await Promise.all(
        parts.map(async (part, i) => {
          await store.append(sampleBatch(part), i === 0 ? null : headOf(parts[i - 1]!));
          settled.push(i);
        }),
      );
      assert.deepEqual(settled, [0, 1, 2], 'in order');
      await assertHolds(store, lines);
    },
  },
  {
    name: 'an append that follows a failed one raises HEAD_MOVED',
    run: async ({ open }) => {
      const store = await open();
      const lines = sampleLines(3);
      await appendAfter(store, [], lines.slice(0, 1));
      const [first, second] = await Promise.allSettled([
        store.append(sampleBatch(lines.slice(1, 2)), null),
        store.append(sampleBatch(lines.slice(2)), headOf(lines.slice(0, 2))),
      ]);
      for (const result of [first, second]) {
        await assertCode(
          result.status === 'rejected' ? Promise.reject(result.reason) : Promise.resolve(),
          'HEAD_MOVED',
        );
      }
      await assertHolds(store, lines.slice(0, 1));
    },
  },
  {
    name: 'HEAD_MOVED changes nothing',
    run: async ({ open }) => {
      const store = await open();
      const lines = sampleLines(4);
      await appendAfter(store, [], lines);
      const rivals = sampleLines(3, { after: lines[1], note: 'rival' });
      await assertCode(store.append(sampleBatch(rivals), headOf(lines.slice(0, 2))), 'HEAD_MOVED');
      await assertHolds(store, lines);
      const more = sampleLines(2, { after: lines.at(-1) });
      await appendAfter(store, lines, more);
      await assertHolds(store, [...lines, ...more]);
    },
  },
  {
    name: 'of many appends upon one head exactly one wins',
    run: async ({ open }) => {
      const store = await open();
      const start = sampleLines(2);
      await appendAfter(store, [], start);
      const rivals = Array.from({ length: 16 }, (_, i) =>
        sampleLines(3, { after: start[1], note: `rival ${i}` }),
      );
      const answers = await Promise.allSettled(rivals.map((lines) => appendAfter(store, start, lines)));
      const winners = rivals.filter((_, i) => answers[i]?.status === 'fulfilled');
      assert.equal(winners.length, 1, 'exactly one append wins');
      for (const answer of answers) {
        if (answer.status === 'rejected') await assertCode(Promise.reject(answer.reason), 'HEAD_MOVED');
      }
      await assertHolds(store, [...start, ...winners[0]!]);
    },
  },
  {
    name: 'a batch becomes visible as a whole',
    run: async ({ open }) => {
      const store = await open();
      const batches = Array.from({ length: 8 }).reduce<ReturnType<typeof sampleLines>[]>(
        (all) => [...all, sampleLines(200, { after: all.at(-1)?.at(-1) })],
        [],
      );
      const complete = new Set([-1, ...batches.map((lines) => lines.at(-1)!.seq)]);
      let appending = true;
      const watch = async () => {
        while (appending) {
          const head = await store.head();
          assert.ok(complete.has(head?.seq ?? -1), `the head stood at ${head?.seq}, within a batch`);
          const seqs = (await collect(store.read(head === null ? 0 : head.seq))).map(({ seq }) => seq);
          if (seqs.length > 0)
            assert.ok(complete.has(seqs.at(-1)!), `a read ended at ${seqs.at(-1)}, within a batch`);
          await new Promise(setImmediate);
        }
      };
      const write = async () => {
        try {
          for (const [i, lines] of batches.entries()) await appendAfter(store, batches[i - 1] ?? [], lines);
        } finally {
          appending = false;
        }
      };
      await Promise.all([watch(), write()]);
      await assertHolds(store, batches.flat());
    },
  },
  {
    name: 'the caller may reuse its buffer once the append resolved',
    run: async ({ open }) => {
      const store = await open();
      const lines = sampleLines(5);
      const batch = sampleBatch(lines);
      await store.append(batch, null);
      assert.equal(batch.bytes.length, batch.ends.at(-1), 'the buffer still belongs to the caller');
      batch.bytes.fill(0x23);
      batch.ends.fill(1);
      await assertHolds(store, lines);
      const got = await store.get([2]);
      assert.deepEqual(Buffer.from(got[0]!.line).toString(), lines[2]!.text);
    },
  },
  {
    name: 'a backlog of 10,000 records in one batch',
    run: async ({ open }) => {
      const store = await open();
      const lines = sampleLines(10_000);
      await appendAfter(store, [], lines);
      assert.deepEqual(await store.head(), headOf(lines));
      assertLines(await collect(store.read(0)), lines);
    },
  },
];
