/**
 * Merkle tree hashing: how leaves become one 32-byte root.
 *
 * Leaves and inner nodes are hashed under different one-byte prefixes. Without them an inner node's 64 bytes could be
 * passed off as an entry and still verify.
 *
 * Shapes:  hashes are 64 lower-case hex digits; leaves are leaf hashes in log order.
 * Errors:  HASH_SIZE for anything else.
 * Source:  RFC 6962 §2.1 (the same tree as c2sp.org/tlog-tiles).
 * Pure:    no I/O, no clock, no randomness.
 */
import { sha256Hex } from '#sha256';
import { writeHash } from './hash-bytes.ts';

/** The root of the empty tree: SHA-256 of nothing. */
export const EMPTY_ROOT = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Hashes two children into their parent: SHA-256(0x01 ‖ left ‖ right). Order matters. */
export function hashNode(left: string, right: string): string {
  writeHash(left, input, 1);
  writeHash(right, input, 33);
  return sha256Hex(input);
}

/** Hashes the two children whose 64 bytes start at `at`. */
export function hashNodeAt(bytes: Uint8Array, at: number): string {
  input.set(bytes.subarray(at, at + 64), 1);
  return sha256Hex(input);
}

// One buffer for every node: a log has as many nodes as records, and allocating took longer than hashing.
const input = new Uint8Array(65);
input[0] = 0x01;

/**
 * The tree of a growing log, holding only the roots of its complete subtrees: at most one per bit of its size.
 */
export class GrowingTree {
  #size = 0;
  /** Roots of complete subtrees, largest first; their sizes are the set bits of `#size`. */
  readonly #roots: string[] = [];

  get size(): number {
    return this.#size;
  }

  /** Adds the next leaf hash. */
  append(leaf: string): void {
    // Refuses what is no hash.
    writeHash(leaf, input, 1);
    let root = leaf;
    // Each trailing set bit of the size is a complete subtree as large as the one just made: merge them.
    for (let size = this.#size; size % 2 === 1; size = (size - 1) / 2)
      root = hashNode(this.#roots.pop()!, root);
    this.#roots.push(root);
    this.#size++;
  }

  /** The root over all leaves so far. */
  root(): string {
    let root = this.#roots.at(-1);
    if (root === undefined) return EMPTY_ROOT;
    for (let i = this.#roots.length - 2; i >= 0; i--) root = hashNode(this.#roots[i]!, root);
    return root;
  }
}

/** The root over these leaf hashes. */
export function merkleRoot(leaves: Iterable<string>): string {
  const tree = new GrowingTree();
  for (const leaf of leaves) tree.append(leaf);
  return tree.root();
}
