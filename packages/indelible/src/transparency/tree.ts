/**
 * The growing tree: lines go in, hashes come out in batches, the root is known at any time.
 *
 * Each level is one array of hashes; this holds the end of each, from the partial tile on or from what is not written
 * yet. Nothing here waits but `flush`, so that a size and its root can be taken together.
 *
 * Errors:  LEDGER_DAMAGED for what is no line; TREE_DAMAGED when it cannot resume; those of the storage.
 */
import { hashesOfTiles, IndelibleError, rootOf, TILE_WIDTH, type TileBytes } from '@indelible/core';
import type { LineBatch } from '../stores/contract.ts';
import type { TreeStorage } from './contract.ts';
import { writeTileRoot } from './full-tile.ts';
import { HASH_BYTES, type WriteLeaf } from './leaf-hashes.ts';
import { hashesAt } from './tree-memory.ts';

/** The end of one level: the hashes [base, width). */
interface Level {
  base: number;
  width: number;
  /** Hashes that the storage has. */
  written: number;
  bytes: Buffer;
}

export class LogTree {
  readonly #storage: TreeStorage;
  readonly #writeLeaf: WriteLeaf;
  readonly #levels: Level[] = [];
  #flushing: Promise<void> = Promise.resolve();

  /** Continues the first `size` records, whose hashes the storage must have. */
  static async resume(storage: TreeStorage, writeLeaf: WriteLeaf, size: number): Promise<LogTree> {
    const tree = new LogTree(storage, writeLeaf);
    for (let number = 0; number === 0 || hashesAt(number, size) > 0; number++) {
      const level = tree.#level(number);
      level.width = hashesAt(number, size);
      level.written = level.width;
      level.base = level.width - (level.width % TILE_WIDTH);
      const bytes = await storage.read(number, level.base, level.width - level.base);
      if (bytes.length !== (level.width - level.base) * HASH_BYTES) {
        throw new IndelibleError(
          'TREE_DAMAGED',
          `level ${number} of the stored tree has fewer than ${level.width} hashes`,
        );
      }
      level.bytes.set(bytes);
    }
    return tree;
  }

  private constructor(storage: TreeStorage, writeLeaf: WriteLeaf) {
    this.#storage = storage;
    this.#writeLeaf = writeLeaf;
  }

  get size(): number {
    return this.#level(0).width;
  }

  /** Records whose hashes are not written yet. */
  get unwritten(): number {
    return this.size - this.#level(0).written;
  }

  /** Adds the lines of a batch from the one at position `from` on. A line that is none adds nothing. */
  add(batch: LineBatch, from: number): void {
    const { bytes, ends } = batch;
    const level = this.#level(0);
    const count = ends.length - from;
    reserve(level, count);
    let start = from === 0 ? 0 : ends[from - 1]!;
    let at = (level.width - level.base) * HASH_BYTES;
    for (let i = from; i < ends.length; i++, at += HASH_BYTES) {
      const end = ends[i]!;
      if (!this.#writeLeaf(bytes, start, end, level.bytes, at)) {
        const seq = batch.first_seq + i;
        throw new IndelibleError('LEDGER_DAMAGED', `the line of record ${seq} is unreadable`, {
          details: { seq },
        });
      }
      start = end;
    }
    level.width += count;
    this.#hashFullTiles();
  }

  /** The root over all records so far. */
  root(): string {
    const tiles: TileBytes = ({ level: number }) => {
      const level = number === 'entries' ? undefined : this.#levels[number];
      if (level === undefined) return undefined;
      const partial = level.width - (level.width % TILE_WIDTH);
      return level.bytes.subarray(
        (partial - level.base) * HASH_BYTES,
        (level.width - level.base) * HASH_BYTES,
      );
    };
    // Every complete subtree under the root lies in a partial tile.
    return rootOf(this.size, hashesOfTiles(tiles, this.size));
  }

  /** Writes what the storage does not have yet: everything added before the call. */
  flush(): Promise<void> {
    const flushed = this.#flushing.then(() => this.#flush());
    this.#flushing = flushed.catch(() => {});
    return flushed;
  }

  async #flush(): Promise<void> {
    for (const [number, level] of this.#levels.entries()) {
      const { width, written } = level;
      if (width === written) continue;
      // Copied, because the buffer may move while the storage writes.
      const bytes = Uint8Array.prototype.slice.call(level.bytes, ...range(level, written, width));
      await this.#storage.write(number, written, bytes);
      level.written = width;
      release(level);
    }
  }

  #hashFullTiles(): void {
    for (let number = 0; number < this.#levels.length; number++) {
      const level = this.#levels[number]!;
      const full = Math.floor(level.width / TILE_WIDTH);
      if (full === 0) return;
      const above = this.#level(number + 1);
      reserve(above, full - above.width);
      for (; above.width < full; above.width++) {
        const from = (above.width * TILE_WIDTH - level.base) * HASH_BYTES;
        writeTileRoot(level.bytes, from, above.bytes, (above.width - above.base) * HASH_BYTES);
      }
    }
  }

  #level(number: number): Level {
    return (this.#levels[number] ??= {
      base: 0,
      width: 0,
      written: 0,
      bytes: Buffer.alloc(TILE_WIDTH * HASH_BYTES),
    });
  }
}

function range(level: Level, from: number, to: number): [number, number] {
  return [(from - level.base) * HASH_BYTES, (to - level.base) * HASH_BYTES];
}

/** Makes room for so many hashes more. */
function reserve(level: Level, more: number): void {
  const needed = (level.width - level.base + more) * HASH_BYTES;
  if (needed <= level.bytes.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * level.bytes.length));
  level.bytes.copy(larger, 0, ...range(level, level.base, level.width));
  level.bytes = larger;
}

/** Lets go of what is written, up to the partial tile. */
function release(level: Level): void {
  const base = level.written - (level.written % TILE_WIDTH);
  if (base === level.base) return;
  const [from, to] = range(level, base, level.width);
  if (to - from < level.bytes.length / 8) {
    const smaller = Buffer.allocUnsafeSlow(Math.max(to - from, TILE_WIDTH * HASH_BYTES));
    level.bytes.copy(smaller, 0, from, to);
    level.bytes = smaller;
  } else {
    level.bytes.copyWithin(0, from, to);
  }
  level.base = base;
}
