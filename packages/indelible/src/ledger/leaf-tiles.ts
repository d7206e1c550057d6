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
import { type LeafSink, TILE_WIDTH } from '@indelible/core';
import { TileHasher } from './tile-hasher.ts';

const HASH_BYTES = 32;

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
  readonly #begin: number;
  #end: number;
  #head: Uint8Array | null = null;
  #tiles = Buffer.alloc(1024);
  #tiles_bytes = 0;
  /** The tile under way. */
  readonly #partial = new TileHasher();
  /** Leaves that were not taken yet. */
  #leaves = Buffer.alloc(0);
  #leaves_bytes = 0;
  /** So many of the partial tile are among them. */
  #kept = 0;

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
    this.#partial.append(leaf);
    this.#end++;
    if (this.#end % TILE_WIDTH === 0) this.#finishTile();
  }

  /** Adds everything of a stretch that begins where this one ends. */
  join(next: HashedStretch): void {
    if (next.begin !== this.#end) throw new Error(`leaf ${next.begin} does not follow ${this.#end - 1}`);
    this.#appendAll(next.head);
    for (let at = 0; at < next.tiles.length; at += HASH_BYTES) {
      this.#head ??= this.#takePartial();
      const place = this.#roomForTile();
      this.#tiles.set(next.tiles.subarray(at, at + HASH_BYTES), place);
      this.#end += TILE_WIDTH;
    }
    this.#appendAll(next.tail);
  }

  /** What it amounts to so far. */
  stretch(): HashedStretch {
    const partial = this.#partialLeaves();
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
    if (!this.#keep || this.#leaves_bytes / HASH_BYTES + this.#partial.count - this.#kept < at_least)
      return null;
    this.#keepPartial();
    const hashes = new Uint8Array(this.#leaves.subarray(0, this.#leaves_bytes));
    this.#leaves_bytes = 0;
    return { first: this.#end - hashes.length / HASH_BYTES, hashes };
  }

  #appendAll(leaves: Uint8Array): void {
    for (let at = 0; at < leaves.length; at += HASH_BYTES) {
      this.#partial.appendBytes(leaves, at);
      this.#end++;
      if (this.#end % TILE_WIDTH === 0) this.#finishTile();
    }
  }

  #finishTile(): void {
    if (this.#keep) this.#keepPartial();
    this.#kept = 0;
    if (this.#partial.count < TILE_WIDTH) {
      this.#head = this.#takePartial();
      return;
    }
    this.#head ??= new Uint8Array();
    const place = this.#roomForTile();
    this.#partial.takeRoot(this.#tiles, place);
  }

  #partialLeaves(): Uint8Array {
    const leaves = new Uint8Array(this.#partial.count * HASH_BYTES);
    this.#partial.copy(0, leaves, 0);
    return leaves;
  }

  #takePartial(): Uint8Array {
    const leaves = this.#partialLeaves();
    this.#partial.clear();
    return leaves;
  }

  /** Where the root of the next tile goes. */
  #roomForTile(): number {
    const at = this.#tiles_bytes;
    if (at === this.#tiles.length) this.#tiles = Buffer.concat([this.#tiles], 2 * at);
    this.#tiles_bytes += HASH_BYTES;
    return at;
  }

  /** Those of the partial tile that were not kept yet. */
  #keepPartial(): void {
    const needed = this.#leaves_bytes + (this.#partial.count - this.#kept) * HASH_BYTES;
    if (needed > this.#leaves.length)
      this.#leaves = Buffer.concat([this.#leaves], Math.max(needed, 2 * this.#leaves.length));
    this.#partial.copy(this.#kept, this.#leaves, this.#leaves_bytes);
    this.#leaves_bytes = needed;
    this.#kept = this.#partial.count;
  }
}
