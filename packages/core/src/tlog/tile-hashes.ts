/**
 * Hashes out of tiles: which tiles hold a node of the tree, and what its hash is.
 *
 * A caller plans a proof (merkle/nodes.ts), asks which tiles it needs, reads them in any way it likes, and then
 * makes the proof.
 *
 * Shapes:  a tile's bytes are its hashes one after another, 32 bytes each.
 * Errors:  TILE_MISSING for one that was not given, TILE_INVALID for one with another length,
 *          PROOF_RANGE for a node beyond the log.
 * Source:  c2sp.org/tlog-tiles.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { HASH_BYTES, readHash, writeHash } from '../merkle/hash-bytes.ts';
import type { NodeHashes, ProofPlan, TreeNode } from '../merkle/nodes.ts';
import { hashNode, hashNodeAt } from '../merkle/tree.ts';
import { TILE_HEIGHT, TILE_WIDTH, type Tile, tilePath, widthAt } from './tile.ts';

/** The bytes of a tile, or undefined when it is not at hand. More hashes than the tile's width are no harm. */
export type TileBytes = (tile: Tile) => Uint8Array | undefined;

/** The tiles that hold every node of a plan in a log of `size` leaves, each once. */
export function tilesOfPlan(plan: ProofPlan, size: number): Tile[] {
  const tiles = new Map<string, Tile>();
  for (const node of plan.flat()) {
    const { tile } = placeOf(node, size);
    tiles.set(tilePath(tile), tile);
  }
  return [...tiles.values()];
}

/** Hashes of complete subtrees, read from the tiles of a log of `size` leaves. */
export function hashesOfTiles(tiles: TileBytes, size: number): NodeHashes {
  return (node) => {
    const { tile, first, count } = placeOf(node, size);
    const bytes = tiles(tile);
    if (bytes === undefined) {
      throw new IndelibleError('TILE_MISSING', `the tile ${tilePath(tile)} is not there`);
    }
    checkTileBytes(bytes, tile);
    return hashWithin(bytes, first, count);
  };
}

/** The hash that a full tile has in the tile above. */
export function tileRoot(bytes: Uint8Array): string {
  checkTileBytes(bytes, { level: 0, index: 0, width: TILE_WIDTH });
  return hashWithin(bytes, 0, TILE_WIDTH);
}

/** The bytes of a tile with these hashes. */
export function encodeTile(hashes: readonly string[]): Uint8Array {
  if (hashes.length < 1 || hashes.length > TILE_WIDTH) {
    throw new IndelibleError('TILE_INVALID', 'a tile has 1 to 256 hashes');
  }
  const bytes = new Uint8Array(hashes.length * HASH_BYTES);
  hashes.forEach((hash, i) => {
    writeHash(hash, bytes, i * HASH_BYTES);
  });
  return bytes;
}

/** The hashes in a tile that must be exactly `width` wide. */
export function decodeTile(bytes: Uint8Array, width: number): string[] {
  if (bytes.length !== width * HASH_BYTES || width < 1 || width > TILE_WIDTH) {
    throw new IndelibleError('TILE_INVALID', `expected a tile of ${width} hashes, got ${bytes.length} bytes`);
  }
  return Array.from({ length: width }, (_, i) => readHash(bytes, i * HASH_BYTES));
}

/** Where the hashes below a node are: `count` of them in one tile, from `first` on. */
function placeOf({ level, index }: TreeNode, size: number): { tile: Tile; first: number; count: number } {
  const tile_level = Math.floor(level / TILE_HEIGHT);
  const count = 2 ** (level % TILE_HEIGHT);
  const tile_index = Math.floor((index * count) / TILE_WIDTH);
  const first = (index * count) % TILE_WIDTH;
  const width = widthAt(tile_level, tile_index, size);
  if (first + count > width) {
    throw new IndelibleError(
      'PROOF_RANGE',
      `the log of ${size} leaves has no node ${index} at level ${level}`,
    );
  }
  return { tile: { level: tile_level, index: tile_index, width }, first, count };
}

/** The hash over `count` neighbours, a power of two. */
function hashWithin(bytes: Uint8Array, first: number, count: number): string {
  if (count === 1) return readHash(bytes, first * HASH_BYTES);
  if (count === 2) return hashNodeAt(bytes, first * HASH_BYTES);
  const half = count / 2;
  return hashNode(hashWithin(bytes, first, half), hashWithin(bytes, first + half, half));
}

function checkTileBytes(bytes: Uint8Array, tile: Tile): void {
  const hashes = bytes.length / HASH_BYTES;
  if (!Number.isInteger(hashes) || hashes < tile.width || hashes > TILE_WIDTH) {
    throw new IndelibleError('TILE_INVALID', `the tile ${tilePath(tile)} has ${bytes.length} bytes`);
  }
}
