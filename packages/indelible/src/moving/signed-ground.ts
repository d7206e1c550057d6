/**
 * Whether what was signed beside the copy is of the log that is copied: asked before anything is written.
 *
 * Another log's tree and checkpoints may lie there, in a folder that two places share, or left by what was there before.
 *
 * Errors:  CHECKPOINT_OTHER_LOG; CHECKPOINT_FORK.
 */
import {
  IndelibleError,
  isIndelibleError,
  parseCheckpoint,
  parseNote,
  verifyConsistency,
} from '@indelible/core';
import type { LogStore } from '../stores/contract.ts';
import type { PublishedCheckpoint } from '../transparency/contract.ts';
import { storedConsistencyWithRoots } from '../transparency/stored-tree.ts';
import type { KeptProofs, SourceProofs } from './types.ts';

export interface SignedGround {
  readonly ledger: string;
  readonly log: LogStore;
  readonly from: SourceProofs;
  /** Beside the copy, whose place messages name. */
  readonly to: KeptProofs;
  readonly place: string;
}

/** Raises when the newest checkpoint beside the copy is no checkpoint of the log. */
export async function mustBeSignedGround({ ledger, log, from, to, place }: SignedGround): Promise<void> {
  const theirs = await to.history.newestSigned();
  if (theirs === null) return;
  const { origin } = parseCheckpoint(parseNote(theirs.note).text);
  if (origin !== ledger) {
    throw new IndelibleError(
      'CHECKPOINT_OTHER_LOG',
      `beside ${place} lie the checkpoints of ${origin}, not of ${ledger}: each copy needs a folder of its own`,
    );
  }
  const records = ((await log.head())?.seq ?? -1) + 1;
  if (theirs.size > records)
    throw fork(`is over ${theirs.size} records; the log has ${records}`, theirs, place);
  const root = await rootAt(from, theirs.size);
  if (root !== null && root !== theirs.root)
    throw fork(`over ${theirs.size} records has another root than the log's`, theirs, place);
}

/** The root that the log signed over its first `size` records, or over more; null when none can be told. */
async function rootAt({ tree, history }: SourceProofs, size: number): Promise<string | null> {
  const newest = await history.newestSigned();
  const ours = (await history.atLeast(size)) ?? (newest !== null && newest.size >= size ? newest : null);
  if (ours === null || ours.size === size) return ours?.root ?? null;
  try {
    const to_root = ours.root;
    const { proof, from_root } = await storedConsistencyWithRoots(tree, size, ours.size);
    // Else the stored tree is not the signed one, and speaks for nothing.
    return verifyConsistency({ from: size, to: ours.size, from_root, to_root, proof }).ok ? from_root : null;
  } catch (error) {
    if (isIndelibleError(error, 'TREE_DAMAGED')) return null;
    throw error;
  }
}

function fork(what: string, { size, root }: PublishedCheckpoint, place: string): IndelibleError {
  return new IndelibleError(
    'CHECKPOINT_FORK',
    `the newest checkpoint beside ${place} ${what}; nothing was written`,
    {
      details: { size, root },
    },
  );
}
