/** Cases about opening, waiting, looking, closing. */
import assert from 'node:assert/strict';
import type { LogStore } from '../contract.ts';
import { appendAfter, assertCode, assertHolds, collect, headOf, type StoreCase, within } from './case.ts';
import { sampleBatch, sampleLines } from './samples.ts';

/** Every operation, to be refused after `close`. */
const OPERATIONS: Readonly<Record<string, (store: LogStore) => Promise<unknown>>> = {
  head: (store) => store.head(),
  append: (store) => store.append(sampleBatch(sampleLines(1)), null),
  read: (store) => collect(store.read(0)),
  get: (store) => store.get([0]),
  firstSeq: (store) => store.firstSeq(),
  inspect: (store) => store.inspect(),
};

export const LIFE_CASES: readonly StoreCase[] = [
  {
    name: 'opening again finds everything, and appends go on',
    run: async ({ open }) => {
      const first = await open();
      const lines = sampleLines(450);
      await appendAfter(first, [], lines.slice(0, 448));
      await appendAfter(first, lines.slice(0, 448), lines.slice(448));
      await first.close();
      const second = await open();
      await assertHolds(second, lines);
      const more = sampleLines(3, { after: lines.at(-1) });
      await appendAfter(second, lines, more);
      await second.close();
      await assertHolds(await open(), [...lines, ...more]);
    },
  },
  {
    name: 'a reader beside the writer sees what is durable, and may not append',
    run: async ({ open }) => {
      const writer = await open();
      assert.equal(writer.read_only, false);
      const lines = sampleLines(5);
      await appendAfter(writer, [], lines.slice(0, 2));
      const reader = await open({ read_only: true });
      assert.equal(reader.read_only, true);
      await assertHolds(reader, lines.slice(0, 2));
      await appendAfter(writer, lines.slice(0, 2), lines.slice(2));
      await assertHolds(reader, lines);
      const more = sampleBatch(sampleLines(1, { after: lines.at(-1) }));
      await assertCode(reader.append(more, headOf(lines)), 'STORE_READ_ONLY');
      await assertHolds(writer, lines);
    },
  },
  {
    name: 'a reader beside the writer is woken by an append',
    run: async ({ open }) => {
      const writer = await open();
      const lines = sampleLines(2);
      await appendAfter(writer, [], lines.slice(0, 1));
      const reader = await open({ read_only: true });
      assert.deepEqual(await reader.head(), headOf(lines.slice(0, 1)));
      const woken = untilPast(reader, 0);
      await appendAfter(writer, lines.slice(0, 1), lines.slice(1));
      await within(woken, 'waking the reader');
    },
  },
  {
    name: 'waitForAppend resolves at once when the head is already past',
    run: async ({ open }) => {
      const store = await open();
      await appendAfter(store, [], sampleLines(3));
      await within(store.waitForAppend(1, new AbortController().signal), 'waitForAppend');
      await within(store.waitForAppend(-1, new AbortController().signal), 'waitForAppend');
    },
  },
  {
    name: 'waitForAppend wakes all who wait when something is appended',
    run: async ({ open }) => {
      const store = await open();
      const waiting = Array.from({ length: 20 }, () => untilPast(store, -1));
      const lines = sampleLines(2);
      await appendAfter(store, [], lines.slice(0, 1));
      await within(Promise.all(waiting), 'waking those who wait');
      const next = untilPast(store, 0);
      await appendAfter(store, lines.slice(0, 1), lines.slice(1));
      await within(next, 'waking for the second append');
    },
  },
  {
    name: 'waitForAppend honours its signal, and leaves no listener behind',
    run: async ({ open }) => {
      const store = await open();
      const controller = new AbortController();
      const waiting = store.waitForAppend(5, controller.signal);
      controller.abort();
      await within(waiting, 'waitForAppend after abort');
      await within(store.waitForAppend(5, controller.signal), 'waitForAppend with an aborted signal');
    },
  },
  {
    name: 'a healthy store has no findings',
    run: async ({ open }) => {
      const store = await open();
      assert.deepEqual(await store.inspect(), []);
      await appendAfter(store, [], sampleLines(400));
      assert.deepEqual(await store.inspect(), []);
    },
  },
  {
    name: 'its URL names it without credentials',
    run: async ({ open }) => {
      const { url } = await open();
      assert.match(url, /^[a-z0-9+.-]+:/);
      assert.doesNotMatch(url, /\/\/[^/]*:[^/]*@/);
    },
  },
  {
    name: 'a closed store refuses everything with LEDGER_CLOSED, and closes again without complaint',
    run: async ({ open }) => {
      const store = await open();
      await appendAfter(store, [], sampleLines(2));
      await store.close();
      await store.close();
      for (const [name, operation] of Object.entries(OPERATIONS)) {
        // In a function of its own, because an operation may throw before it returns a promise.
        const attempt = (async () => operation(store))();
        await assertCode(within(attempt, name), 'LEDGER_CLOSED');
      }
    },
  },
  {
    name: 'closing lets an append finish or refuses it, and releases those who wait',
    run: async ({ open }) => {
      const store = await open();
      const lines = sampleLines(50);
      const waiting = store.waitForAppend(1_000_000, new AbortController().signal).catch(() => {});
      const append = appendAfter(store, [], lines).then(
        () => 'appended',
        (error: unknown) => assertCode(Promise.reject(error), 'LEDGER_CLOSED').then(() => 'refused'),
      );
      await within(store.close(), 'close');
      await within(waiting, 'a wait across close');
      const outcome = await within(append, 'an append across close');
      const again = await open();
      await assertHolds(again, outcome === 'appended' ? lines : []);
    },
  },
];

/** Wake-ups may be spurious: waits until the head really is past `seq`. */
async function untilPast(store: LogStore, seq: number): Promise<void> {
  const never = new AbortController().signal;
  while (((await store.head())?.seq ?? -1) <= seq) await store.waitForAppend(seq, never);
}
