/**
 * Gathers the 256 leaves of a tile where their parents are hashed, and hashes its root.
 *
 * Each leaf is written once, into the input of its parent; each node's hash where its parent reads it, in the same
 * place. With a view for each node made once, nothing is allocated but the digests.
 *
 * Source:  RFC 6962 §2.1; written apart from the code that grows the tree (transparency/full-tile.ts), which it checks.
 */
import { hash } from 'node:crypto';
import { TILE_WIDTH } from '@indelible/core';

const HASH_BYTES = 32;
const NODE_BYTES = 1 + 2 * HASH_BYTES;
const NODE = 0x01;

export class TileHasher {
  /** 128 inputs: 0x01 ‖ left ‖ right. */
  readonly #inputs = Buffer.alloc((TILE_WIDTH / 2) * NODE_BYTES);
  readonly #views: Uint8Array[] = [];
  #count = 0;

  constructor() {
    for (let at = 0; at < this.#inputs.length; at += NODE_BYTES) {
      this.#inputs[at] = NODE;
      this.#views.push(this.#inputs.subarray(at, at + NODE_BYTES));
    }
  }

  /** Leaves gathered. */
  get count(): number {
    return this.#count;
  }

  append(leaf: string): void {
    this.#inputs.write(leaf, placeOf(this.#count++), 'hex');
  }

  appendBytes(source: Uint8Array, at: number): void {
    this.#inputs.set(source.subarray(at, at + HASH_BYTES), placeOf(this.#count++));
  }

  /** Copies leaf `from` and all behind it. */
  copy(from: number, target: Uint8Array, at: number): void {
    for (let i = from; i < this.#count; ) {
      // A left leaf and its sibling lie side by side.
      const count = i % 2 === 0 && i + 1 < this.#count ? 2 : 1;
      const place = placeOf(i);
      at += this.#inputs.copy(target, at, place, place + count * HASH_BYTES);
      i += count;
    }
  }

  /** Writes the root of a complete tile to `target`, and forgets its leaves. */
  takeRoot(target: Buffer, at: number): void {
    const inputs = this.#inputs;
    for (let nodes = TILE_WIDTH / 2; nodes > 1; nodes /= 2) {
      // A parent never lies behind its children: what is written over was read.
      for (let i = 0; i < nodes; i++)
        inputs.write(hash('sha256', this.#views[i]!, 'binary'), placeOf(i), HASH_BYTES, 'latin1');
    }
    target.write(hash('sha256', this.#views[0]!, 'binary'), at, HASH_BYTES, 'latin1');
    this.#count = 0;
  }

  clear(): void {
    this.#count = 0;
  }
}

/** Where the hash of a node, or a leaf, stands in its parent's input. */
function placeOf(index: number): number {
  return (index >> 1) * NODE_BYTES + 1 + (index & 1) * HASH_BYTES;
}
