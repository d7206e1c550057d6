/**
 * Making roots and proofs from the hashes of complete subtrees.
 *
 * Shapes:  hashes are 64 lower-case hex digits; proofs run from the leaf's side up to the root's.
 * Errors:  PROOF_RANGE for what does not exist.
 * Source:  RFC 6962 §2.1.1 and §2.1.2.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { joinNodes, type NodeHashes, nodesOfRoot, planConsistency, planInclusion } from './nodes.ts';
import { EMPTY_ROOT, hashNode } from './tree.ts';

/** The root of the tree over the first `size` leaves. */
export function rootOf(size: number, hashes: NodeHashes): string {
  const nodes = nodesOfRoot(size);
  return nodes.length === 0 ? EMPTY_ROOT : joinNodes(nodes, hashes);
}

/** Shows that leaf `index` is in the tree over the first `size` leaves. */
export function inclusionProof(index: number, size: number, hashes: NodeHashes): string[] {
  return planInclusion(index, size).map((nodes) => joinNodes(nodes, hashes));
}

/** Shows that the tree of `to` leaves begins with the tree of `from` leaves. */
export function consistencyProof(from: number, to: number, hashes: NodeHashes): string[] {
  return planConsistency(from, to).map((nodes) => joinNodes(nodes, hashes));
}

/** Subtree hashes over leaf hashes held in memory; each is computed once. */
export function hashesOfLeaves(leaves: readonly string[]): NodeHashes {
  const levels: string[][] = [];
  const hashes: NodeHashes = ({ level, index }) => {
    if (level === 0) {
      const leaf = leaves[index];
      if (leaf === undefined) throw new IndelibleError('PROOF_RANGE', `there is no leaf ${index}`);
      return leaf;
    }
    const known = (levels[level] ??= []);
    return (known[index] ??= hashNode(
      hashes({ level: level - 1, index: 2 * index }),
      hashes({ level: level - 1, index: 2 * index + 1 }),
    ));
  };
  return hashes;
}
