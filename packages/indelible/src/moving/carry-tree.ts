/**
 * Brings the hashes of a tree to a copy, and believes none of them: what is carried must lead to the signed root, as
 * whoever is shown the copy will find that it does.
 *
 * Where the log's tree does not, or has not that many hashes, the copy's is made from the copy's own records.
 *
 * Errors:  CHECKPOINT_FORK when the copy's records do not have the signed root; TREE_DAMAGED when that cannot be told,
 *          because some were truncated; those of reading and writing.
 */
import { IndelibleError, isIndelibleError, TILE_WIDTH } from '@indelible/core';
import type { LogStore } from '../stores/contract.ts';
import { checkTiles } from '../transparency/check-tiles.ts';
import type { PublishedCheckpoint, TreeStorage } from '../transparency/contract.ts';
import { HASH_BYTES, leafOfLine, writeKeyedLeaf } from '../transparency/leaf-hashes.ts';
import { storedTile } from '../transparency/stored-tree.ts';
import { LogTree } from '../transparency/tree.ts';
import type { CopyTarget, KeptProofs, SourceProofs } from './types.ts';

const HASHES_AT_ONCE = 8192;

/** Resolves once the copy has, durably, the tree of the checkpoint. It must have the records. */
export async function carryTree(
  from: SourceProofs,
  to: KeptProofs,
  records: CopyTarget['store'],
  checkpoint: PublishedCheckpoint,
): Promise<void> {
  const known = Math.min((await to.history.newestSynced())?.size ?? 0, checkpoint.size);
  try {
    await copyHashes(from.tree, to.tree, known, checkpoint.size);
    await checkCarried(to.tree, records, known, checkpoint);
  } catch (error) {
    if (!isIndelibleError(error, 'TREE_DAMAGED')) throw error;
    // Until it is whole, what was said of it before does not hold.
    await to.history.noteTreeSynced(0);
    await makeAgain(from, to.tree, records, checkpoint);
  }
  await to.tree.sync();
}

async function copyHashes(
  from: SourceProofs['tree'],
  to: TreeStorage,
  known: number,
  size: number,
): Promise<void> {
  for (let level = 0, width = size; width > 0; width = Math.floor(size / TILE_WIDTH ** ++level)) {
    let at = Math.min(await to.width(level), Math.floor(known / TILE_WIDTH ** level));
    while (at < width) {
      const hashes = await from.read(level, at, Math.min(width - at, HASHES_AT_ONCE));
      if (hashes.length === 0) break;
      await to.write(level, at, hashes);
      at += hashes.length / HASH_BYTES;
    }
  }
}

async function checkCarried(
  tree: TreeStorage,
  records: LogStore,
  known: number,
  checkpoint: PublishedCheckpoint,
): Promise<void> {
  await checkTiles((tile) => storedTile(tree, tile), known, checkpoint);
  // By its chain the last record speaks for those before it.
  const seq = checkpoint.size - 1;
  const [[last], leaf] = await Promise.all([records.get([seq]), tree.read(0, seq, 1)]);
  if (last !== undefined && leafOfLine(last.line, writeKeyedLeaf) === Buffer.from(leaf).toString('hex'))
    return;
  throw new IndelibleError('TREE_DAMAGED', `the stored tree has another hash of record ${seq}`, {
    details: { seq },
  });
}

async function makeAgain(
  from: SourceProofs,
  to: TreeStorage,
  records: LogStore,
  checkpoint: PublishedCheckpoint,
): Promise<void> {
  const { size, root } = checkpoint;
  // Of what was truncated, the log's tree has all that there is.
  if ((await records.firstSeq()) > 0) {
    await copyHashes(from.tree, to, 0, size);
    return checkCarried(to, records, 0, checkpoint);
  }
  // Also in a ledger without a key, whose lines say what this computes.
  const tree = await LogTree.resume(to, writeKeyedLeaf, 0);
  for await (const batch of records.read(0, size)) {
    if (batch.first_seq !== tree.size) break;
    tree.add(batch, 0);
    await tree.flush();
  }
  if (tree.size === size && tree.root() === root) return;
  throw new IndelibleError(
    'CHECKPOINT_FORK',
    `the first ${size} records are not those that were signed: their root is another`,
    { details: { size, root, log_root: tree.root(), records: tree.size } },
  );
}
