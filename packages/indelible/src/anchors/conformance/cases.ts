/** The cases: what every anchor does, whatever it keeps checkpoints in. */
import assert from 'node:assert/strict';
import { canonicalize, type Json, parseJson } from '@indelible/core';
import type { AnchorReceipt } from '../contract.ts';
import { RECEIPT_BYTES_MAX, receiptBytes } from '../shared/receipt.ts';
import {
  type AnchorCase,
  assertCode,
  assertHolds,
  assertKeeps,
  publish,
  sampleCheckpoint,
  spellings,
} from './case.ts';

export const PUBLISH_CASES: readonly AnchorCase[] = [
  {
    name: 'a new anchor keeps nothing',
    run: async ({ open }) => assertKeeps(await open(), []),
  },
  {
    name: 'what was published is kept, in order, also for another who opens it',
    run: async ({ open }) => {
      const anchor = await open();
      const published = [1, 2, 300, 70_000].map((size) => sampleCheckpoint(size));
      const receipts: AnchorReceipt[] = [];
      for (const [i, checkpoint] of published.entries()) {
        receipts.push(await publish(anchor, checkpoint));
        await assertKeeps(anchor, published.slice(0, i + 1));
      }
      await anchor.close();
      const again = await open();
      await assertKeeps(again, published);
      for (const [i, receipt] of receipts.entries()) await assertHolds(again, receipt, published[i]!);
    },
  },
  {
    name: 'logs do not meddle with each other',
    run: async ({ open }) => {
      const anchor = await open();
      const published = [
        sampleCheckpoint(9),
        sampleCheckpoint(3, { origin: 'other.example/log' }),
        sampleCheckpoint(9, { origin: 'third.example/log', branch: 'third' }),
      ];
      for (const checkpoint of published) await publish(anchor, checkpoint);
      await assertKeeps(anchor, published);
    },
  },
  {
    name: 'publishing the same checkpoint again is harmless',
    run: async ({ open }) => {
      const anchor = await open();
      const checkpoint = sampleCheckpoint(5);
      const first = await publish(anchor, checkpoint);
      for (const receipt of [
        await publish(anchor, checkpoint),
        ...(await Promise.all([1, 2, 3].map(() => publish(anchor, checkpoint)))),
        await publish(await open(), checkpoint),
      ]) {
        await assertHolds(anchor, receipt, checkpoint);
      }
      await assertHolds(anchor, first, checkpoint);
      await assertKeeps(anchor, [checkpoint]);
    },
  },
  {
    name: 'an anchor that remembers refuses a rewind and another root, and keeps what it has',
    run: async ({ open }) => {
      const anchor = await open();
      if (anchor.newest === undefined) return;
      const published = [4, 8].map((size) => sampleCheckpoint(size));
      for (const checkpoint of published) await publish(anchor, checkpoint);
      for (const other of [
        sampleCheckpoint(8, { branch: 'fork' }),
        sampleCheckpoint(7),
        sampleCheckpoint(4),
      ]) {
        await assertCode(publish(anchor, other), 'ANCHOR_CONFLICT');
        await assertCode(publish(await open(), other), 'ANCHOR_CONFLICT');
      }
      await assertKeeps(anchor, published);
      await publish(anchor, sampleCheckpoint(9));
      await assertKeeps(anchor, [...published, sampleCheckpoint(9)]);
    },
  },
  {
    name: 'a note that states something else is refused, and nothing is kept',
    run: async ({ open, kept }) => {
      const anchor = await open();
      const before = await kept();
      const one = sampleCheckpoint(6);
      await assertCode(publish(anchor, { ...one, size: 7 }), 'CHECKPOINT_INVALID');
      await assertCode(publish(anchor, { ...one, root: sampleCheckpoint(7).root }), 'CHECKPOINT_INVALID');
      await assertCode(publish(anchor, { ...one, origin: 'other.example/log' }), 'CHECKPOINT_INVALID');
      await assertCode(publish(anchor, { ...one, note: 'no note' }), 'NOTE_INVALID');
      await assertKeeps(anchor, []);
      assert.equal(await kept(), before, 'nothing was kept');
    },
  },
  {
    name: 'publishing that was given up leaves nothing half-written',
    run: async ({ open, kept }) => {
      const anchor = await open();
      const before = await kept();
      const gone = AbortSignal.abort(new Error('given up'));
      await assert.rejects(anchor.publish(sampleCheckpoint(2), gone), 'it was given up');
      await assertKeeps(anchor, []);
      assert.equal(await kept(), before, 'nothing was kept');
      // At some moment within: it is kept whole, or not at all.
      const controller = new AbortController();
      const answer = anchor.publish(sampleCheckpoint(3), controller.signal);
      controller.abort(new Error('given up'));
      const receipt = await answer.catch(() => null);
      if (receipt !== null) await assertHolds(anchor, receipt, sampleCheckpoint(3));
      await assertHolds(anchor, await publish(anchor, sampleCheckpoint(4)), sampleCheckpoint(4));
      const found = (await anchor.newest?.('acme.example/prod'))?.checkpoint;
      if (anchor.newest !== undefined) assert.deepEqual(found, sampleCheckpoint(4));
    },
  },
];

export const RECEIPT_CASES: readonly AnchorCase[] = [
  {
    name: 'a receipt is for its own checkpoint and no other',
    run: async ({ open }) => {
      const anchor = await open();
      await publish(anchor, sampleCheckpoint(5));
      const checkpoint = sampleCheckpoint(6);
      const receipt = await publish(anchor, checkpoint);
      await assertHolds(anchor, receipt, checkpoint);
      for (const [what, other] of [
        ['root', sampleCheckpoint(6, { branch: 'fork' })],
        ['size, also an anchored one', sampleCheckpoint(5)],
        ['size', sampleCheckpoint(7)],
        ['origin', sampleCheckpoint(6, { origin: 'other.example/log' })],
        ['root than the note states', { ...checkpoint, root: sampleCheckpoint(7).root }],
        ['size than the note states', { ...checkpoint, size: 7 }],
        ['note', { ...checkpoint, note: sampleCheckpoint(7).note }],
      ] as const) {
        const verdict = await anchor.check(receipt, other);
        assert.equal(verdict.ok, false, `a checkpoint of another ${what} was accepted: ${verdict.detail}`);
        assert.equal(verdict.time, 'asserted', 'what does not hold attests nothing');
      }
    },
  },
  {
    name: 'a receipt holds when the checkpoint was cosigned since',
    run: async ({ open }) => {
      const anchor = await open();
      const checkpoint = sampleCheckpoint(6);
      const receipt = await publish(anchor, checkpoint);
      const note = `${checkpoint.note}\u2014 witness.example/w1 AQIDBAUGBwg=\n`;
      await assertHolds(anchor, receipt, { ...checkpoint, note });
    },
  },
  {
    name: 'a receipt that is none is refused, never raised',
    run: async ({ open }) => {
      const anchor = await open();
      const checkpoint = sampleCheckpoint(6);
      const { evidence } = await publish(anchor, checkpoint);
      const others: Json[] = [null, [], {}, 'x', 7, [evidence]];
      for (const name of Object.keys(evidence as object)) {
        for (const value of [null, '', 'AAAA', -1, 1e21, [], {}])
          others.push({ ...(evidence as object), [name]: value });
        const { [name]: _, ...rest } = evidence as Record<string, Json>;
        others.push(rest);
      }
      for (const other of others.slice(0, 6)) {
        const verdict = await anchor.check({ anchored_at: null, evidence: other }, checkpoint);
        assert.equal(verdict.ok, false, `accepted ${canonicalize(other)}`);
      }
      for (const other of others) await anchor.check({ anchored_at: null, evidence: other }, checkpoint);
    },
  },
  {
    name: 'receipts are small, are JSON and hold no secrets, and neither does the name',
    run: async ({ open, secrets = [] }) => {
      const anchor = await open();
      const checkpoint = sampleCheckpoint(2 ** 53 - 1);
      const receipt = await publish(anchor, checkpoint);
      assert.ok(receiptBytes(receipt) <= RECEIPT_BYTES_MAX, `it takes ${receiptBytes(receipt)} bytes`);
      const text = canonicalize({ ...receipt });
      await assertHolds(anchor, parseJson(text) as unknown as AnchorReceipt, checkpoint);
      const { detail } = await anchor.check(receipt, checkpoint);
      for (const secret of secrets.flatMap(spellings)) {
        assert.ok(!`${text} ${anchor.name} ${detail}`.includes(secret), 'a secret is shown');
      }
      assert.match(anchor.name, /^[^\s\u0000-\u001f]+$/, 'a name is one word');
    },
  },
];
