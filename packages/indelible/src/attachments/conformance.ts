/**
 * What every store of attachments must do, as cases that any test runner can run.
 *
 * Each case gets a place of its own. A store in memory keeps nothing beyond `close`: it says so with `lasting: false`.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { isIndelibleError } from '@indelible/core';
import type { AttachmentReader, AttachmentStore } from './contract.ts';

/** Somewhere that attachments can lie. */
export interface AttachmentPlace {
  open(options?: { readonly read_only?: boolean; readonly bytes_max?: number }): Promise<AttachmentStore>;
  /** What is put is there when the place is opened again. */
  readonly lasting: boolean;
  remove(): Promise<void>;
}

interface AttachmentCase {
  readonly name: string;
  readonly lasting?: true;
  readonly run: (place: AttachmentPlace) => Promise<void>;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const digestOf = (bytes: Uint8Array): string => `sha-256:${createHash('sha256').update(bytes).digest('hex')}`;
const UNKNOWN = `sha-256:${'0'.repeat(64)}`;

export const ATTACHMENT_CASES: readonly AttachmentCase[] = [
  {
    name: 'what is put comes back under its SHA-256, also when it is empty',
    run: async (place) => {
      const store = await place.open();
      for (const bytes of [bytesOf('{"a":1}'), new Uint8Array(0), new Uint8Array(300_000).fill(7)]) {
        const digest = await store.put(bytes);
        assert.equal(digest, digestOf(bytes));
        assert.deepEqual(new Uint8Array(await store.get(digest)), bytes);
        assert.equal(await store.has(digest), true);
      }
      assert.equal((await listed(store)).length, 3);
      await store.close();
    },
  },
  {
    name: 'what is not there is missing, and names that are none are, too',
    run: async (place) => {
      const store = await place.open();
      for (const digest of [UNKNOWN, 'sha-256:../../etc/passwd', '', 'x'.repeat(10_000)]) {
        await assertCode(store.get(digest), 'ATTACHMENT_MISSING');
      }
      assert.equal(await store.has(UNKNOWN), false);
      assert.equal(await store.remove(UNKNOWN), false);
      assert.deepEqual([await listed(store), await store.inspect()], [[], []]);
      await store.close();
    },
  },
  {
    name: 'the same bytes are kept once, however often and at once they are put',
    run: async (place) => {
      const store = await place.open();
      const bytes = bytesOf('x'.repeat(100_000));
      const digests = await Promise.all(Array.from({ length: 20 }, () => store.put(bytes)));
      assert.deepEqual(new Set(digests), new Set([digestOf(bytes)]));
      assert.deepEqual(await listed(store), [digestOf(bytes)]);
      assert.deepEqual(await store.inspect(), []);
      await store.close();
    },
  },
  {
    name: 'later changes to the bytes that were put or got reach nobody',
    run: async (place) => {
      const store = await place.open();
      const bytes = bytesOf('before');
      const digest = await store.put(bytes);
      bytes.fill(0);
      (await store.get(digest)).fill(0);
      assert.deepEqual(new Uint8Array(await store.get(digest)), bytesOf('before'));
      await store.close();
    },
  },
  {
    name: 'one byte over the limit is refused, the limit itself is not',
    run: async (place) => {
      const store = await place.open({ bytes_max: 1000 });
      await store.put(new Uint8Array(1000));
      await assertCode(store.put(new Uint8Array(1001)), 'ATTACHMENT_TOO_LARGE');
      assert.equal((await listed(store)).length, 1);
      await store.close();
      await assertCode((async () => place.open({ bytes_max: (64 << 20) + 1 }))(), 'USAGE');
    },
  },
  {
    name: 'what is removed is gone, and can be put again',
    run: async (place) => {
      const store = await place.open();
      const digest = await store.put(bytesOf('a'));
      const other = await store.put(bytesOf('b'));
      assert.equal(await store.remove(digest), true);
      assert.equal(await store.remove(digest), false);
      await assertCode(store.get(digest), 'ATTACHMENT_MISSING');
      assert.deepEqual(await listed(store), [other]);
      await store.put(bytesOf('a'));
      assert.equal((await store.get(digest)).length, 1);
      await store.close();
    },
  },
  {
    name: 'after closing, everything is refused',
    run: async (place) => {
      const store = await place.open();
      await store.close();
      await store.close();
      await assertCode(store.put(bytesOf('a')), 'LEDGER_CLOSED');
      await assertCode(store.get(UNKNOWN), 'LEDGER_CLOSED');
      await assertCode(listed(store), 'LEDGER_CLOSED');
    },
  },
  {
    name: 'opening again finds everything; for reading, nothing is put or removed',
    lasting: true,
    run: async (place) => {
      const before = await place.open({ read_only: true });
      assert.deepEqual([await listed(before), await before.inspect()], [[], []]);
      await before.close();
      const writer = await place.open();
      const digest = await writer.put(bytesOf('kept'));
      await writer.close();
      const reader = await place.open({ read_only: true });
      assert.deepEqual(new Uint8Array(await reader.get(digest)), bytesOf('kept'));
      await assertCode(reader.put(bytesOf('more')), 'STORE_READ_ONLY');
      await assertCode(reader.remove(digest), 'STORE_READ_ONLY');
      assert.deepEqual(await listed(reader), [digest]);
      await reader.close();
    },
  },
  {
    name: 'two that are open at once put the same and read what the other has put',
    lasting: true,
    run: async (place) => {
      const [one, two] = [await place.open(), await place.open()];
      const texts = Array.from({ length: 20 }, (_, i) => bytesOf(`text ${i}`));
      const [ones, twos] = await Promise.all([
        Promise.all(texts.map((bytes) => one.put(bytes))),
        Promise.all(texts.map((bytes) => two.put(bytes))),
      ]);
      assert.deepEqual(ones, twos);
      for (const digest of ones) assert.deepEqual(await one.get(digest), await two.get(digest));
      assert.deepEqual(await one.inspect(), []);
      await Promise.all([one.close(), two.close()]);
    },
  },
];

/** Registers the cases with a runner such as node:test's `test`. */
export function runAttachmentConformance(
  test: (name: string, run: () => Promise<void>) => unknown,
  store: string,
  make: () => Promise<AttachmentPlace>,
): void {
  for (const { name, lasting, run } of ATTACHMENT_CASES) {
    test(`${store}: ${name}`, async () => {
      const place = await make();
      try {
        if (lasting !== true || place.lasting) await run(place);
      } finally {
        await place.remove();
      }
    });
  }
}

async function listed(store: AttachmentReader): Promise<string[]> {
  const digests: string[] = [];
  for await (const digest of store.list()) digests.push(digest);
  return digests;
}

async function assertCode(
  promise: Promise<unknown>,
  code: Parameters<typeof isIndelibleError>[1],
): Promise<void> {
  const error = await promise.then(
    () => assert.fail(`it succeeded instead of raising ${code}`),
    (error: unknown) => error,
  );
  if (!isIndelibleError(error, code))
    throw new assert.AssertionError({ message: `raised ${error} instead of ${code}` });
}
