/** The suite itself: it catches broken anchors, by the case that is named for the fault. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANCHOR_CASES, anchorConformance } from '../../packages/indelible/src/anchors/conformance.ts';
import type { Anchor } from '../../packages/indelible/src/anchors/contract.ts';
import { fileAnchorIn, makeFolder } from './support.ts';

interface Broken {
  readonly fault: string;
  readonly caught_by: string;
  readonly replace: (sound: Anchor) => Partial<Anchor>;
}

const BROKEN: readonly Broken[] = [
  {
    fault: 'forgets when it is closed',
    caught_by: 'what was published is kept, in order, also for another who opens it',
    replace: () => {
      return { newest: async () => null, all: async function* () {} };
    },
  },
  {
    fault: 'mixes up the logs',
    caught_by: 'logs do not meddle with each other',
    replace: (sound) => ({ newest: () => sound.newest!('acme.example/prod') }),
  },
  {
    fault: 'takes a rewind',
    caught_by: 'an anchor that remembers refuses a rewind and another root, and keeps what it has',
    replace: (sound) => ({
      publish: (checkpoint, signal) =>
        sound.publish(checkpoint, signal).catch(() => ({ anchored_at: null, evidence: null })),
    }),
  },
  {
    fault: 'does not read the note',
    caught_by: 'a note that states something else is refused, and nothing is kept',
    replace: () => ({ publish: async () => ({ anchored_at: null, evidence: null }) }),
  },
  {
    fault: 'does not heed the signal',
    caught_by: 'publishing that was given up leaves nothing half-written',
    replace: (sound) => ({
      publish: (checkpoint) => sound.publish(checkpoint, new AbortController().signal),
    }),
  },
  {
    fault: 'accepts every receipt',
    caught_by: 'a receipt is for its own checkpoint and no other',
    replace: () => ({
      check: async ({ anchored_at }) => ({ ok: true, time: 'asserted', anchored_at, detail: '' }),
    }),
  },
  {
    fault: 'raises on a receipt that is none',
    caught_by: 'a receipt that is none is refused, never raised',
    replace: (sound) => ({
      check: (receipt, checkpoint) => {
        if ((receipt.evidence as { offset?: unknown } | null)?.offset === undefined)
          throw new TypeError('offset');
        return sound.check(receipt, checkpoint);
      },
    }),
  },
  {
    fault: 'compares the signatures as well',
    caught_by: 'a receipt holds when the checkpoint was cosigned since',
    replace: (sound) => ({
      check: async (receipt, checkpoint) => {
        const verdict = await sound.check(receipt, checkpoint);
        return checkpoint.note.includes('witness.example') ? { ...verdict, ok: false } : verdict;
      },
    }),
  },
  {
    fault: 'puts the secret into the receipt',
    caught_by: 'receipts are small, are JSON and hold no secrets, and neither does the name',
    replace: (sound) => ({
      publish: async (checkpoint, signal) => {
        const { anchored_at, evidence } = await sound.publish(checkpoint, signal);
        return { anchored_at, evidence: { ...(evidence as object), more: 'hunter2' } };
      },
    }),
  },
];

for (const { fault, caught_by, replace } of BROKEN) {
  test(`an anchor that ${fault} is caught`, async () => {
    const cases = anchorConformance('broken', async () => {
      const folder = await makeFolder();
      return {
        open: async () => {
          const sound = fileAnchorIn(folder).anchor;
          const bound: Anchor = {
            name: sound.name,
            kind: sound.kind,
            publish: (checkpoint, signal) => sound.publish(checkpoint, signal),
            newest: (origin) => sound.newest!(origin),
            all: (origin) => sound.all!(origin),
            check: (receipt, checkpoint) => sound.check(receipt, checkpoint),
            close: () => sound.close(),
          };
          return Object.assign(bound, replace(sound));
        },
        kept: async () => folder.content(),
        remove: folder.remove,
        secrets: ['hunter2'],
      };
    });
    const named = cases.find(({ name }) => name === `broken: ${caught_by}`);
    assert.ok(named !== undefined, `no case is called "${caught_by}"`);
    await assert.rejects(named.run());
  });
}

test('every case has a name of its own', () => {
  assert.equal(new Set(ANCHOR_CASES.map(({ name }) => name)).size, ANCHOR_CASES.length);
});
