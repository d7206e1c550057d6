/**
 * Checking inclusion and consistency proofs: the verifier's side, which shares nothing with the making of proofs
 * but the hash of a node.
 *
 * Shapes:  hashes are 64 lower-case hex digits. A check never throws: it says what is wrong.
 * Source:  RFC 9162 §2.1.3.2 and §2.1.4.2.
 * Pure:    no I/O.
 */
import { hashNode } from './tree.ts';

/** Everything that can be wrong with a proof. */
export const PROOF_FAULTS = [
  'not_a_hash',
  'not_a_size',
  'size_zero',
  'index_beyond_size',
  'sizes_reversed',
  'too_few_hashes',
  'too_many_hashes',
  'other_root',
  'other_old_root',
] as const;
export type ProofFault = (typeof PROOF_FAULTS)[number];
export type ProofVerdict = { readonly ok: true } | { readonly ok: false; readonly fault: ProofFault };

/** An inclusion proof with what it is about. */
export interface InclusionClaim {
  readonly leaf: string;
  readonly index: number;
  readonly size: number;
  readonly root: string;
  readonly proof: readonly string[];
}

/** A consistency proof with what it is about. */
export interface ConsistencyClaim {
  readonly from: number;
  readonly from_root: string;
  readonly to: number;
  readonly to_root: string;
  readonly proof: readonly string[];
}

const HASH = /^[0-9a-f]{64}$/;
const HELD: ProofVerdict = { ok: true };

/** Whether `leaf` is the leaf at `index` of the tree with this size and root. */
export function verifyInclusion({ leaf, index, size, root, proof }: InclusionClaim): ProofVerdict {
  if (!isSize(index) || !isSize(size)) return fault('not_a_size');
  if (size === 0) return fault('size_zero');
  if (index >= size) return fault('index_beyond_size');
  if (!areHashes([leaf, root, ...proof])) return fault('not_a_hash');
  let position = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return fault('too_many_hashes');
    if (position % 2 === 1 || position === last) {
      hash = hashNode(sibling, hash);
      // On the right edge, levels where the node has no sibling have no hash in the proof.
      while (position % 2 === 0 && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      hash = hashNode(hash, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last !== 0) return fault('too_few_hashes');
  return hash === root ? HELD : fault('other_root');
}

/**
 * Whether the tree with the second size and root begins with the tree of the first.
 *
 * From size 0 there is nothing to prove, and `size_zero` is the answer: who accepts a first tree must say so itself.
 */
export function verifyConsistency(claim: ConsistencyClaim): ProofVerdict {
  const { from, from_root, to, to_root, proof } = claim;
  if (!isSize(from) || !isSize(to)) return fault('not_a_size');
  if (from === 0) return fault('size_zero');
  if (from > to) return fault('sizes_reversed');
  if (!areHashes([from_root, to_root, ...proof])) return fault('not_a_hash');
  if (from === to) {
    if (proof.length > 0) return fault('too_many_hashes');
    return from_root === to_root ? HELD : fault('other_root');
  }
  let position = from - 1;
  let last = to - 1;
  while (position % 2 === 1) [position, last] = [half(position), half(last)];
  // An old tree that is one complete subtree is left out of the proof: its root is the one we have.
  const hashes = position === 0 ? [from_root, ...proof] : proof;
  const [first, ...rest] = hashes;
  if (first === undefined) return fault('too_few_hashes');
  let [old_hash, new_hash] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return fault('too_many_hashes');
    if (position % 2 === 1 || position === last) {
      old_hash = hashNode(sibling, old_hash);
      new_hash = hashNode(sibling, new_hash);
      while (position % 2 === 0 && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      new_hash = hashNode(new_hash, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last !== 0) return fault('too_few_hashes');
  if (old_hash !== from_root) return fault('other_old_root');
  return new_hash === to_root ? HELD : fault('other_root');
}

function fault(reason: ProofFault): ProofVerdict {
  return { ok: false, fault: reason };
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areHashes(hashes: readonly string[]): boolean {
  return hashes.every((hash) => typeof hash === 'string' && HASH.test(hash));
}

/** Halves without 32-bit arithmetic. */
function half(value: number): number {
  return Math.floor(value / 2);
}
