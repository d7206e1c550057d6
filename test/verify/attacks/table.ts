/**
 * The attack table: what somebody does to a ledger, with which powers, and what a verifier says to it, by what the
 * verifier has.
 *
 * The verdicts, in the order of COLUMNS: `T` tampering, `I` incomplete (it could not be checked: never taken for sound),
 * `V` verified, and then `unproved` is a sentence that the verdict must say.
 */
import type { DamageKind } from '../../../packages/indelible/src/ledger/types.ts';
import {
  checkpoint,
  DIGEST,
  edited,
  honest,
  KEPT,
  opening,
  renamed,
  rewritten,
  type State,
  seal,
  signer,
  stranger,
  treeOf,
  truncationOf,
  vkey,
  witness,
} from './world.ts';

/** What the verifier has besides the ledger. */
export const COLUMNS = ['nothing', 'the key', 'a kept checkpoint', 'an anchor', 'a policy'] as const;

export const POWERS = [
  'no key',
  'database',
  'database and signing key',
  'everything but the anchor',
] as const;

export interface Attack {
  readonly name: string;
  readonly power: (typeof POWERS)[number];
  readonly act: (state: State) => State | Promise<State>;
  /** One letter for each column. */
  readonly verdicts: string;
  /** A kind that must be among those found, wherever the verdict is tampering with nothing but the ledger. */
  readonly damage?: DamageKind;
  /** What must be said where the verdict is `V`. */
  readonly unproved?: RegExp;
}

const NEWEST_STATE = /newest state of the log/;
const amount = (body: string): string => body.replace('"amount":7', '"amount":7000');
const at = <T>(all: readonly T[], place: number, change: (one: T) => T): T[] =>
  all.with(place, change(all[place]!));
const lines = (state: State, change: (all: State['lines']) => State['lines']): State => ({
  ...state,
  lines: change(state.lines),
});
const cut = (state: State, size: number): State => {
  const kept = state.lines.slice(0, size);
  return {
    ...state,
    lines: kept,
    notes: state.notes.filter((one) => one.size <= size),
    levels: treeOf(kept),
  };
};
const flip = (bytes: Buffer, place: number): Buffer => {
  const flipped = Buffer.from(bytes);
  flipped[place]! ^= 1;
  return flipped;
};

export const ATTACKS: readonly Attack[] = [
  {
    name: 'a field of a record edited',
    power: 'no key',
    act: (state) => lines(state, (all) => at(all, 50, (line) => edited(line, amount, false))),
    verdicts: 'TTTTT',
    damage: 'mutated',
  },
  {
    name: 'a field edited, and the hash beside it computed anew',
    power: 'no key',
    act: (state) => lines(state, (all) => at(all, 50, (line) => edited(line, amount, true))),
    verdicts: 'TTTTT',
    damage: 'mutated',
  },
  {
    name: 'the hash beside a record edited',
    power: 'no key',
    act: (state) => lines(state, (all) => at(all, 50, (line) => ({ ...line, hash: 'ab'.repeat(32) }))),
    verdicts: 'TTTTT',
    damage: 'mutated',
  },
  {
    name: 'the last record edited, and its hash computed anew',
    power: 'no key',
    act: (state) => lines(state, (all) => at(all, all.length - 1, (line) => edited(line, amount, true))),
    verdicts: 'TTTTT',
    damage: 'root_mismatch',
  },
  {
    name: 'a record deleted',
    power: 'no key',
    act: (state) => lines(state, (all) => all.toSpliced(50, 1)),
    verdicts: 'TTTTT',
    damage: 'missing',
  },
  {
    name: 'two consecutive records deleted',
    power: 'no key',
    act: (state) => lines(state, (all) => all.toSpliced(50, 2)),
    verdicts: 'TTTTT',
    damage: 'missing',
  },
  {
    name: 'a record put in',
    power: 'no key',
    act: (state) => lines(state, (all) => all.toSpliced(50, 0, edited(all[50]!, amount, true))),
    verdicts: 'TTTTT',
  },
  {
    name: 'two records swapped',
    power: 'no key',
    act: (state) => lines(state, (all) => all.with(50, all[51]!).with(51, all[50]!)),
    verdicts: 'TTTTT',
  },
  {
    name: 'a record moved to the end',
    power: 'no key',
    act: (state) => lines(state, (all) => [...all.toSpliced(50, 1), all[50]!]),
    verdicts: 'TTTTT',
    damage: 'reordered',
  },
  {
    name: 'a record there twice',
    power: 'no key',
    act: (state) => lines(state, (all) => all.toSpliced(50, 0, all[50]!)),
    verdicts: 'TTTTT',
  },
  {
    name: 'the configuration in record 0 changed',
    power: 'no key',
    act: (state) =>
      lines(state, (all) =>
        at(all, 0, (line) => edited(line, (body) => body.replace('sha-256', 'hmac-sha-256'), true)),
      ),
    verdicts: 'TTTTT',
    damage: 'mutated',
  },
  {
    name: 'the announced key replaced in its record',
    power: 'no key',
    act: (state) =>
      lines(state, (all) =>
        at(all, 1, (line) => edited(line, (body) => body.replace(vkey(signer), vkey(stranger)), true)),
      ),
    verdicts: 'TTTTT',
    damage: 'mutated',
  },
  {
    name: 'the record of an anchoring altered',
    power: 'no key',
    act: (state) =>
      lines(state, (all) =>
        at(all, 101, (line) => edited(line, (body) => body.replace('elsewhere', 'nowhere'), true)),
      ),
    verdicts: 'TTTTT',
    damage: 'mutated',
  },
  {
    name: 'the oldest records deleted',
    power: 'no key',
    act: (state) => lines(state, (all) => all.slice(20)),
    verdicts: 'TTTTT',
    damage: 'head_missing',
  },
  {
    name: 'the end cut off',
    power: 'no key',
    act: (state) => lines(state, (all) => all.slice(0, 250)),
    verdicts: 'TTTTT',
    damage: 'records_missing',
  },
  {
    name: 'an attachment altered',
    power: 'no key',
    act: (state) => ({ ...state, attachments: new Map([[DIGEST, new Uint8Array(2001)]]) }),
    verdicts: 'TTTTT',
    damage: 'attachment_altered',
  },
  {
    name: 'an attachment deleted',
    power: 'no key',
    act: (state) => ({ ...state, attachments: new Map() }),
    verdicts: 'TTTTT',
    damage: 'attachment_missing',
  },
  {
    name: 'everything from a record on rewritten, with all hashes',
    power: 'database',
    act: async (state) => lines(state, () => []) && { ...state, lines: (await rewritten(state, [])).lines },
    verdicts: 'TTTTT',
    damage: 'root_mismatch',
  },
  {
    name: 'everything rewritten, the tree made to fit, the checkpoints deleted',
    power: 'database',
    act: (state) => rewritten(state, []),
    verdicts: 'IITTI',
  },
  {
    name: "everything rewritten and signed with the attacker's own key, which the log now announces",
    power: 'database',
    act: (state) => rewritten(state, [stranger], { announced: vkey(stranger) }),
    verdicts: 'VITTI',
    unproved: /whose signature that is/,
  },
  {
    name: 'the end cut off, tree and checkpoints made to fit',
    power: 'database',
    act: (state) => cut(state, 150),
    verdicts: 'VVTTV',
    unproved: NEWEST_STATE,
  },
  {
    name: 'the end cut off, the checkpoints deleted',
    power: 'database',
    act: (state) => ({ ...cut(state, 150), notes: [] }),
    verdicts: 'IITTI',
  },
  {
    name: 'an old backup of everything put back',
    power: 'database',
    act: () => honest(150),
    verdicts: 'VVTTV',
    unproved: NEWEST_STATE,
  },
  {
    name: 'the checkpoints put back to an old state, the records left',
    power: 'database',
    act: (state) => ({ ...state, notes: state.notes.slice(0, 1) }),
    verdicts: 'VVVVV',
    unproved: /records \d+ to 299 are complete or unaltered/,
  },
  {
    name: 'the oldest records dropped, with a record that says that the ledger did it',
    power: 'database',
    act: (state) => {
      const all = seal([opening(vkey(signer))[1]!, truncationOf(state.lines, 20)], state.lines);
      return { ...state, lines: all.slice(20) };
    },
    verdicts: 'VVVVV',
    unproved: /records below 20 said: they are not there/,
  },
  {
    name: 'a leaf of the stored tree changed',
    power: 'database',
    act: (state) => ({ ...state, levels: at(state.levels, 0, (level) => flip(level, 32 * 50)) }),
    verdicts: 'TTTTT',
    damage: 'tree_mismatch',
  },
  {
    name: 'an upper level of the stored tree changed',
    power: 'database',
    act: (state) => ({ ...state, levels: at(state.levels, 1, (level) => flip(level, 3)) }),
    verdicts: 'TTTTT',
    damage: 'tree_mismatch',
  },
  {
    name: 'the stored tree cut short',
    power: 'database',
    act: (state) => ({ ...state, levels: at(state.levels, 0, (level) => level.subarray(0, 32 * 100)) }),
    verdicts: 'TTTTT',
    damage: 'tree_mismatch',
  },
  {
    name: 'the newest checkpoint states another root',
    power: 'database',
    act: async (state) => {
      const other = await checkpoint((await rewritten(state, [])).lines, 300, [stranger]);
      const signature = state.notes[2]!.note.split('\n\n')[1]!;
      const note = `${other.note.split('\n\n')[0]}\n\n${signature}`;
      return { ...state, notes: at(state.notes, 2, () => ({ ...other, note })) };
    },
    verdicts: 'TTTTT',
    damage: 'signature_wrong',
  },
  {
    name: 'the newest checkpoint signed by somebody else',
    power: 'database',
    act: async (state) => {
      const other = await checkpoint(state.lines, 300, [stranger]);
      return { ...state, notes: at(state.notes, 2, () => other) };
    },
    verdicts: 'IIIII',
  },
  {
    name: 'a checkpoint in the history is not the one that its row names',
    power: 'database',
    act: (state) => ({ ...state, notes: at(state.notes, 1, (one) => ({ ...one, root: 'cd'.repeat(32) })) }),
    verdicts: 'IIIII',
  },
  {
    name: 'the ledger renamed throughout, and signed by nobody',
    power: 'database',
    act: (state) => {
      const all = renamed(state.lines);
      return { ...state, lines: all, notes: [], levels: treeOf(all) };
    },
    verdicts: 'VIIII',
    unproved: /nothing outside of it agrees with it/,
  },
  {
    name: 'everything rewritten, signed with the real key',
    power: 'database and signing key',
    act: (state) => rewritten(state, [signer]),
    verdicts: 'VVTTI',
    unproved: /rewritten and signed anew by whoever holds its signing key/,
  },
  {
    name: 'the end cut off, a shorter log signed with the real key',
    power: 'database and signing key',
    act: async (state) => {
      const short = cut(state, 150);
      return { ...short, notes: [...short.notes, await checkpoint(short.lines, 150, [signer])] };
    },
    verdicts: 'VVTTV',
    unproved: NEWEST_STATE,
  },
  {
    name: 'two histories: an earlier checkpoint is of the other one, both signed with the real key',
    power: 'database and signing key',
    act: async (state) => {
      const other = await rewritten(state, [signer]);
      return { ...state, notes: at(state.notes, 1, () => other.notes[1]!) };
    },
    verdicts: 'TTTTT',
    damage: 'root_mismatch',
  },
  {
    name: 'everything rewritten, signed with the real key and by the witness',
    power: 'everything but the anchor',
    act: (state) => rewritten(state, [signer, witness]),
    verdicts: 'VVTTV',
    unproved: /(?:rewritten and signed anew by whoever holds|witnesses and anchors are independent)/,
  },
  {
    name: 'everything behind the last anchoring rewritten, signed with the real key and by the witness',
    power: 'everything but the anchor',
    act: (state) => rewritten(state, [signer, witness], { from: KEPT + 50 }),
    verdicts: 'VVVVV',
    unproved:
      /(?:signed anew by whoever holds|independent of the operator|cut from the end behind the first 200)/,
  },
];
