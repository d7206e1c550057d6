/**
 * The tiles of a growing log: leaf hashes go in, tiles come out as they fill.
 *
 * Only the partial tile of each level is held, so it takes up to seven times 8 KiB, and resumes from those tiles.
 *
 * Errors:  HASH_SIZE for a leaf that is no hash; TILE_MISSING, TILE_INVALID when it cannot resume.
 * Source:  c2sp.org/tlog-tiles.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { HASH_BYTES, writeHash } from '../merkle/hash-bytes.ts';
import { rootOf } from '../merkle/make-proof.ts';
import { TILE_WIDTH, type Tile, tilePath, widthAt } from './tile.ts';
import { hashesOfTiles, type TileBytes, tileRoot } from './tile-hashes.ts';

/** A tile with its content. */
export interface FilledTile {
  readonly tile: Tile & { readonly level: number };
  readonly bytes: Uint8Array;
}

/** Turns leaf hashes into tiles, in log order. */
export class GrowingTiles {
  #size = 0;
  readonly #levels: Uint8Array[] = [];
  #full: FilledTile[] = [];

  /** Continues a log of `size` leaves from the partial tiles at its edge. */
  static resume(size: number, tiles: TileBytes): GrowingTiles {
    const growing = new GrowingTiles();
    for (const tile of edgeOf(size)) {
      const bytes = tiles(tile);
      if (bytes === undefined) {
        throw new IndelibleError('TILE_MISSING', `the tile ${tilePath(tile)} is not there`);
      }
      if (bytes.length !== tile.width * HASH_BYTES) {
        throw new IndelibleError('TILE_INVALID', `the tile ${tilePath(tile)} has ${bytes.length} bytes`);
      }
      growing.#level(tile.level).set(bytes);
    }
    growing.#size = size;
    return growing;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds the next leaf hash. */
  append(leaf: string): void {
    let hash = leaf;
    for (let level = 0, number = this.#size; ; level++) {
      const bytes = this.#level(level);
      const at = number % TILE_WIDTH;
      writeHash(hash, bytes, at * HASH_BYTES);
      if (at < TILE_WIDTH - 1) break;
      const index = (number - at) / TILE_WIDTH;
      this.#full.push({ tile: { level, index, width: TILE_WIDTH }, bytes: bytes.slice() });
      hash = tileRoot(bytes);
      number = index;
    }
    this.#size++;
  }

  /** The tiles that filled up since the last call. */
  takeFull(): FilledTile[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** The partial tiles at the edge of the log as it is now. */
  partials(): FilledTile[] {
    return edgeOf(this.#size).map((tile) => ({
      tile,
      bytes: this.#levels[tile.level]!.slice(0, tile.width * HASH_BYTES),
    }));
  }

  /** The root over all leaves so far. */
  root(): string {
    // Every complete subtree under the root lies in a partial tile, or is one hash in the level above.
    const tiles: TileBytes = ({ level }) => (level === 'entries' ? undefined : this.#levels[level]);
    return rootOf(this.#size, hashesOfTiles(tiles, this.#size));
  }

  #level(level: number): Uint8Array {
    return (this.#levels[level] ??= new Uint8Array(TILE_WIDTH * HASH_BYTES));
  }
}

/** The partial tile of each level in a log of `size` leaves. */
function edgeOf(size: number): FilledTile['tile'][] {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new IndelibleError('TILE_INVALID', 'a log cannot have this size');
  }
  const edge: FilledTile['tile'][] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const index = Math.floor(size / TILE_WIDTH ** (level + 1));
    const width = widthAt(level, index, size);
    if (width > 0) edge.push({ level, index, width });
  }
  return edge;
}
