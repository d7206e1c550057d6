/** The suite itself: it catches broken stores, by the case that is named for the fault, and stale exceptions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IndelibleError, isLine, lineHash } from '@indelible/core';
import { STORE_CASES, storeConformance } from '../../packages/indelible/src/stores/conformance.ts';
import type { LineBatch, LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';

/** A memory store with some operations replaced. */
function openBroken(replace: (sound: LogStore) => Partial<LogStore>): LogStore {
  const sound = openMemoryStore();
  return {
    url: sound.url,
    read_only: false,
    head: () => sound.head(),
    append: (batch, expected) => sound.append(batch, expected),
    read: (from, to) => sound.read(from, to),
    get: (seqs) => sound.get(seqs),
    firstSeq: () => sound.firstSeq(),
    waitForAppend: (seq, signal) => sound.waitForAppend(seq, signal),
    inspect: () => sound.inspect(),
    close: () => sound.close(),
    ...replace(sound),
  };
}

/** The lines `from` to `to` of a batch as a batch. */
function part(batch: LineBatch, from: number, to: number): LineBatch {
  const start = from === 0 ? 0 : (batch.ends[from - 1] as number);
  const ends = Array.from(batch.ends).slice(from, to);
  const bytes = batch.bytes.slice(start, ends.at(-1));
  return { first_seq: batch.first_seq + from, bytes, ends: ends.map((end) => end - start) };
}

interface Broken {
  readonly fault: string;
  readonly caught_by: string;
  readonly replace: (sound: LogStore) => Partial<LogStore>;
}

const BROKEN: readonly Broken[] = [
  {
    fault: 'loses the last record of a batch',
    caught_by: 'what was appended is read back byte for byte',
    replace: (sound) => ({
      append: (batch, expected) => sound.append(part(batch, 0, Math.max(1, batch.ends.length - 1)), expected),
    }),
  },
  {
    fault: 'passes text through ASCII',
    caught_by: 'what was appended is read back byte for byte',
    replace: (sound) => ({
      append: (batch, expected) =>
        sound.append({ ...batch, bytes: batch.bytes.map((byte) => (byte > 0x7f ? 0x3f : byte)) }, expected),
    }),
  },
  {
    fault: 'ignores what head is expected',
    caught_by: 'an append upon another head raises HEAD_MOVED and names the head',
    replace: (sound) => ({ append: async (batch) => sound.append(batch, await sound.head()) }),
  },
  {
    fault: 'names the head in a shape of its own',
    caught_by: 'an append upon another head raises HEAD_MOVED and names the head',
    replace: (sound) => ({
      append: (batch, expected) =>
        sound.append(batch, expected).catch(async () => {
          const head = await sound.head();
          throw new IndelibleError('HEAD_MOVED', 'moved', { details: { head_seq: head?.seq ?? null } });
        }),
    }),
  },
  {
    fault: 'writes the first line before it compares',
    caught_by: 'HEAD_MOVED changes nothing',
    replace: (sound) => ({
      append: async (batch, expected) => {
        const head = await sound.head();
        if (head !== null && head.hash !== expected?.hash) await sound.append(part(batch, 0, 1), head);
        await sound.append(batch, expected);
      },
    }),
  },
  {
    fault: 'lets time pass between comparing and writing',
    caught_by: 'of many appends upon one head exactly one wins',
    replace: (sound) => ({
      append: async (batch, expected) => {
        const head = await sound.head();
        await new Promise(setImmediate);
        await sound.append(batch, head?.hash === expected?.hash ? await sound.head() : expected);
      },
    }),
  },
  {
    fault: 'writes a batch line by line',
    caught_by: 'a batch becomes visible as a whole',
    replace: (sound) => ({
      append: async (batch, expected) => {
        let head = expected;
        for (let i = 0; i < batch.ends.length; i++) {
          const line = part(batch, i, i + 1);
          assert.ok(isLine(line.bytes, 0, line.bytes.length));
          await sound.append(line, head);
          head = { seq: line.first_seq, hash: lineHash(line.bytes, 0) };
          if (i % 50 === 0) await new Promise(setImmediate);
        }
      },
    }),
  },
  {
    fault: "keeps the caller's buffer",
    caught_by: 'the caller may reuse its buffer once the append resolved',
    replace: (sound) => {
      const kept: LineBatch[] = [];
      return {
        append: async (batch, expected) => {
          await sound.append(batch, expected);
          kept.push(batch);
        },
        read: async function* () {
          yield* kept;
        },
      };
    },
  },
  {
    fault: 'takes the end of a range to be included',
    caught_by: 'reads any range, the end excluded',
    replace: (sound) => ({ read: (from, to) => sound.read(from, to === undefined ? to : to + 1) }),
  },
  {
    fault: 'gets records in its own order',
    caught_by: 'get answers in the order asked and leaves out what is missing',
    replace: (sound) => ({ get: (seqs) => sound.get([...seqs].sort((a, b) => a - b)) }),
  },
  {
    fault: 'cuts shards that overlap',
    caught_by: 'the shards together are the whole log, once and in order',
    replace: (sound) => ({
      shards: async () => {
        const batches: LineBatch[] = [];
        for await (const batch of sound.read(0)) batches.push(batch);
        const module = 'data:text/javascript,export function* readShard(batches) { yield* batches }';
        return [batches, batches.slice(-1)].map((input) => ({ module, input, bytes: 1 }));
      },
    }),
  },
  {
    fault: 'finds fault with a healthy store',
    caught_by: 'a healthy store has no findings',
    replace: () => ({ inspect: async () => [{ code: 'leftover_file', detail: 'x', damage: false }] }),
  },
  {
    fault: 'answers after it was closed',
    caught_by: 'a closed store refuses everything with LEDGER_CLOSED, and closes again without complaint',
    replace: () => ({ close: async () => {} }),
  },
];

for (const { fault, caught_by, replace } of BROKEN) {
  test(`a store that ${fault} is caught by "${caught_by}"`, async () => {
    const suite = storeConformance('broken', async () => ({
      open: async () => openBroken(replace),
      remove: async () => {},
    }));
    const named = suite.find(({ name }) => name === `broken: ${caught_by}`);
    assert.ok(named !== undefined, 'the case exists');
    await assert.rejects(named.run());
    // The same case passes on the sound store: it is the fault that it caught.
    const sound = STORE_CASES.find(({ name }) => name === caught_by);
    await sound?.run({ open: async () => openBroken(() => ({})), remove: async () => {} });
  });
}

test('an exception whose case would pass is refused', async () => {
  const name = STORE_CASES[0]!.name;
  const place = async () => ({ open: async () => openMemoryStore(), remove: async () => {} });
  const [first] = storeConformance('memory', place, { exceptions: { [name]: 'no reason at all' } });
  await assert.rejects(first!.run(), /remove its exception/);
});

test('an exception for a case that does not exist is refused', () => {
  const place = async () => ({ open: async () => openMemoryStore(), remove: async () => {} });
  assert.throws(
    () => storeConformance('memory', place, { exceptions: { 'no such case': 'x' } }),
    /names no case/,
  );
});

test('a place is closed and removed, also after a case that failed', async () => {
  const steps: string[] = [];
  const suite = storeConformance('broken', async () => ({
    open: async () =>
      openBroken((sound) => ({
        head: async () => {
          throw new Error('no head');
        },
        close: async () => {
          steps.push('closed');
          await sound.close();
        },
      })),
    remove: async () => {
      steps.push('removed');
    },
  }));
  await assert.rejects(suite[0]!.run(), /no head/);
  assert.deepEqual(steps, ['closed', 'removed']);
});

test('names of cases are unique', () => {
  assert.equal(new Set(STORE_CASES.map(({ name }) => name)).size, STORE_CASES.length);
});
