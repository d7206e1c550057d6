/**
 * Leaf hashes of a stretch of the log, kept as the roots of complete tiles of 256 leaves: enough to compare with a
 * stored tree, and for the root at any size, at an eighth of a byte a record.
 *
 * Stretches that meet can be joined wherever they meet, so that threads hash their own parts of a log.
 *
 * Shapes:  hashes are 32 bytes each, back to back.
 * Source:  RFC 6962 §2.1; the tiles are those of c2sp.org/tlog-tiles.
 * Pure:    no I/O.
 */
import { type LeafSink, MerkleRange, TILE_WIDTH } from '@indelible/core';

const HASH_BYTES = 32;
const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** What a stretch amounts to; structured-cloneable, so that threads can report it. */
export interface HashedStretch {
  /** Number of its first leaf, and just behind its last. */
  readonly begin: number;
  readonly end: number;
  /** The leaves in front of the first complete tile; all of them when there is none. */
  readonly head: Uint8Array;
  /** Roots of the complete tiles. */
  readonly tiles: Uint8Array;
  /** The leaves behind the last complete tile. */
  readonly tail: Uint8Array;
}

/** Leaves that were just hashed, to compare with what is stored. */
export interface Leaves {
  readonly first: number;
  readonly hashes: Uint8Array;
}

export class LeafTiles implements LeafSink {
  readonly #keep: boolean;
  #begin: number;
  #end: number;
  #head: Uint8Array | null = null;
  #tiles = Buffer.alloc(1024);
  #tiles_bytes = 0;
  /** The tile under way. */
  readonly #partial = Buffer.alloc(TILE_BYTES);
  #partial_bytes = 0;
  /** Leaves that were not taken yet. */
  #leaves = Buffer.alloc(0);
  #leaves_bytes = 0;
  #range = new MerkleRange();

  /** `keep_leaves`: they are all to be taken, too. */
  constructor(begin: number, keep_leaves = false) {
    this.#begin = begin;
    this.#end = begin;
    this.#keep = keep_leaves;
  }

  get end(): number {
    return this.#end;
  }

  append(leaf: string): void {
    this.#partial.write(leaf, this.#partial_bytes, 'hex');
    this.#added();
  }

  /** Adds everything of a stretch that begins where this one ends. */
  join(next: HashedStretch): void {
    if (next.begin !== this.#end) throw new Error(`leaf ${next.begin} does not follow ${this.#end - 1}`);
    this.#appendAll(next.head);
    for (let at = 0; at < next.tiles.length; at += HASH_BYTES) {
      this.#head ??= this.#takePartial();
      this.#addTile(next.tiles.subarray(at, at + HASH_BYTES));
      this.#end += TILE_WIDTH;
    }
    this.#appendAll(next.tail);
  }

  /** What it amounts to so far. */
  stretch(): HashedStretch {
    const partial = new Uint8Array(this.#partial.subarray(0, this.#partial_bytes));
    return {
      begin: this.#begin,
      end: this.#end,
      head: this.#head ?? partial,
      tiles: new Uint8Array(this.#tiles.subarray(0, this.#tiles_bytes)),
      tail: this.#head === null ? new Uint8Array() : partial,
    };
  }

  /** The leaves since the last call, once there are at least so many. */
  takeLeaves(at_least: number): Leaves | null {
    const count = this.#leaves_bytes / HASH_BYTES;
    if (count === 0 || count < at_least) return null;
    const hashes = new Uint8Array(this.#leaves.subarray(0, this.#leaves_bytes));
    this.#leaves_bytes = 0;
    return { first: this.#end - count, hashes };
  }

  #appendAll(leaves: Uint8Array): void {
    for (let at = 0; at < leaves.length; at += HASH_BYTES) {
      this.#partial.set(leaves.subarray(at, at + HASH_BYTES), this.#partial_bytes);
      this.#added();
    }
  }

  /** A leaf was written behind the partial tile. */
  #added(): void {
    if (this.#keep) this.#keepLeaf();
    this.#range.appendBytes(this.#partial, this.#partial_bytes);
    this.#partial_bytes += HASH_BYTES;
    this.#end++;
    if (this.#end % TILE_WIDTH !== 0) return;
    if (this.#partial_bytes === TILE_BYTES) {
      this.#head ??= new Uint8Array();
      this.#addTile(this.#range.state().hashes);
      this.#partial_bytes = 0;
    } else {
      this.#head = this.#takePartial();
    }
    this.#range = new MerkleRange();
  }

  #takePartial(): Uint8Array {
    const leaves = new Uint8Array(this.#partial.subarray(0, this.#partial_bytes));
    this.#partial_bytes = 0;
    return leaves;
  }

  #addTile(root: Uint8Array): void {
    if (this.#tiles_bytes === this.#tiles.length)
      this.#tiles = Buffer.concat([this.#tiles], 2 * this.#tiles.length);
    this.#tiles.set(root, this.#tiles_bytes);
    this.#tiles_bytes += HASH_BYTES;
  }

  #keepLeaf(): void {
    if (this.#leaves_bytes === this.#leaves.length)
      this.#leaves = Buffer.concat([this.#leaves], Math.max(TILE_BYTES, 2 * this.#leaves.length));
    this.#leaves.set(
      this.#partial.subarray(this.#partial_bytes, this.#partial_bytes + HASH_BYTES),
      this.#leaves_bytes,
    );
    this.#leaves_bytes += HASH_BYTES;
  }
}
