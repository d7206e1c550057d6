/**
 * Complete subtrees: which of them make up a range of leaves, a root or a proof.
 *
 * A proof is first planned as nodes and then filled in, so that a caller that reads tiles from a disk or a network
 * knows what to fetch before anything is hashed.
 *
 * Shapes:  `{ level, index }` is the complete subtree over leaves [index × 2^level, (index + 1) × 2^level).
 * Errors:  PROOF_RANGE when a size or an index does not exist.
 * Source:  RFC 6962 §2.1.1 and §2.1.2.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { hashNode } from './tree.ts';

/** One complete subtree. Level 0 are the leaves. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
}

/** The complete subtrees of each hash of a proof, left to right: hashed together they give that hash. */
export type ProofPlan = readonly (readonly TreeNode[])[];

/** The hash of a complete subtree. */
export type NodeHashes = (node: TreeNode) => string;

/** The complete subtrees over [start, end), left to right. `start` must be where a subtree of that range may begin. */
function nodesOver(start: number, end: number): TreeNode[] {
  const nodes: TreeNode[] = [];
  let at = start;
  while (at < end) {
    let level = 0;
    // Grow while the subtree stays aligned and inside. Sizes go beyond 32 bits: no bit operations.
    for (let width = 2; at % width === 0 && at + width <= end; width *= 2) level++;
    nodes.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return nodes;
}

/** The complete subtrees under the root of a tree of this size, largest first; none for the empty tree. */
export function nodesOfRoot(size: number): TreeNode[] {
  checkSize(size, 'size');
  return nodesOver(0, size);
}

/** The plan of an inclusion proof for leaf `index` in the tree of `size` leaves. */
export function planInclusion(index: number, size: number): ProofPlan {
  checkSize(size, 'size');
  checkSize(index, 'index');
  if (index >= size) {
    throw new IndelibleError('PROOF_RANGE', `there is no leaf ${index} in a tree of ${size}`, {
      details: { index, size },
    });
  }
  const plan: TreeNode[][] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + leftSize(end - start);
    if (index < middle) {
      plan.push(nodesOver(middle, end));
      end = middle;
    } else {
      plan.push(nodesOver(start, middle));
      start = middle;
    }
  }
  return plan.reverse();
}

/** The plan of a consistency proof from the tree of `from` leaves to that of `to`; empty when they are the same. */
export function planConsistency(from: number, to: number): ProofPlan {
  checkSize(from, 'from');
  checkSize(to, 'to');
  if (from < 1 || from > to) {
    throw new IndelibleError('PROOF_RANGE', `there is no consistency proof from ${from} to ${to} leaves`, {
      details: { from, to },
    });
  }
  const plan: TreeNode[][] = [];
  let [start, end] = [0, to];
  // The old tree's rightmost part shrinks into view: the walk ends when it is one complete subtree of the new tree.
  while (end !== from) {
    const middle = start + leftSize(end - start);
    if (from <= middle) {
      plan.push(nodesOver(middle, end));
      end = middle;
    } else {
      plan.push(nodesOver(start, middle));
      start = middle;
    }
  }
  // Starting at leaf 0 it is the whole old tree, whose root the verifier already has.
  if (start > 0) plan.push(nodesOver(start, end));
  return plan.reverse();
}

/** The hash over neighbouring complete subtrees, given left to right. */
export function joinNodes(nodes: readonly TreeNode[], hashes: NodeHashes): string {
  let joined: string | undefined;
  for (let i = nodes.length - 1; i >= 0; i--) {
    const hash = hashes(nodes[i]!);
    joined = joined === undefined ? hash : hashNode(hash, joined);
  }
  if (joined === undefined) throw new IndelibleError('PROOF_RANGE', 'there are no nodes to join');
  return joined;
}

/** The largest power of two smaller than `size`, which is at least 2. */
function leftSize(size: number): number {
  let left = 1;
  while (left * 2 < size) left *= 2;
  return left;
}

function checkSize(value: number, name: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new IndelibleError('PROOF_RANGE', `${name} must be a whole number below 2^53`);
  }
}
