/**
 * Roots and proofs out of a stored tree.
 *
 * Errors:  PROOF_RANGE; TREE_DAMAGED where hashes are missing that must be there.
 */
import {
  consistencyProof,
  hashesOfTiles,
  IndelibleError,
  inclusionProof,
  type NodeHashes,
  nodesOfRoot,
  type ProofPlan,
  planConsistency,
  planInclusion,
  rootOf,
  TILE_WIDTH,
  type Tile,
  type TreeNode,
  tilePath,
  tilesOfPlan,
} from '@indelible/core';
import type { TreeStorage } from './contract.ts';
import { HASH_BYTES } from './leaf-hashes.ts';

type HashReader = Pick<TreeStorage, 'read'>;
export type HashTile = Tile & { readonly level: number };
/** Reads a tile exactly as wide as asked for. */
export type ReadTile = (tile: HashTile) => Promise<Uint8Array>;

/** The root of the first `size` records. */
export async function storedRoot(storage: HashReader, size: number): Promise<string> {
  return rootOf(size, await storedHashes(storage, [nodesOfRoot(size)], size));
}

/** Hashes between the roots of two sizes. */
export async function storedConsistency(storage: HashReader, from: number, to: number): Promise<string[]> {
  return consistencyProof(from, to, await storedHashes(storage, planConsistency(from, to), to));
}

/** Hashes from a record to the root of the first `size`, with the record's own and that root. */
export async function storedInclusion(
  storage: HashReader,
  seq: number,
  size: number,
): Promise<{ proof: string[]; leaf: string; root: string }> {
  const own: TreeNode = { level: 0, index: seq };
  const plan = [...planInclusion(seq, size), [own], nodesOfRoot(size)];
  const hashes = await storedHashes(storage, plan, size);
  return { proof: inclusionProof(seq, size, hashes), leaf: hashes(own), root: rootOf(size, hashes) };
}

/** Hashes between the roots of two sizes, with both roots: the tiles that they share are read and hashed once. */
export async function storedConsistencyWithRoots(
  storage: HashReader,
  from: number,
  to: number,
): Promise<{ proof: string[]; from_root: string; to_root: string }> {
  const plan = [...planConsistency(from, to), nodesOfRoot(from), nodesOfRoot(to)];
  const hashes = await storedHashes(storage, plan, to);
  return {
    proof: consistencyProof(from, to, hashes),
    from_root: rootOf(from, hashes),
    to_root: rootOf(to, hashes),
  };
}

/** The bytes of a hash tile, exactly as wide as asked for. */
export async function storedTile(storage: HashReader, { level, index, width }: Tile): Promise<Uint8Array> {
  if (level === 'entries') throw new IndelibleError('TILE_INVALID', 'entries are not in the tree');
  const bytes = await storage.read(level, index * TILE_WIDTH, width);
  if (bytes.length === width * HASH_BYTES) return bytes;
  throw new IndelibleError(
    'TREE_DAMAGED',
    `the stored tree ends within ${tilePath({ level, index, width })}`,
  );
}

function storedHashes(storage: HashReader, plan: ProofPlan, size: number): Promise<NodeHashes> {
  return hashesOfPlan((tile) => storedTile(storage, tile), plan, size);
}

/** The hashes that a plan asks for, out of tiles that are read at once. */
export async function hashesOfPlan(read: ReadTile, plan: ProofPlan, size: number): Promise<NodeHashes> {
  const tiles = tilesOfPlan(plan, size);
  const bytes = await Promise.all(tiles.map((tile) => read(tile as HashTile)));
  const byPath = new Map(tiles.map((tile, i) => [tilePath(tile), bytes[i]!]));
  return eachOnce(hashesOfTiles((tile) => byPath.get(tilePath(tile)), size));
}

function eachOnce(hashes: NodeHashes): NodeHashes {
  const known = new Map<string, string>();
  return (node) => {
    const name = `${node.level}/${node.index}`;
    const hash = known.get(name) ?? hashes(node);
    known.set(name, hash);
    return hash;
  };
}
