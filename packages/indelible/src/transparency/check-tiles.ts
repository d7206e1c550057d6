/**
 * Whether the tiles of a tree are those under a signed root: asked before they go with a copy, or are shown for good.
 *
 * The root alone speaks for the tree's right edge. So every full tile is hashed again, too: it must have the hash that
 * the tile above holds of it.
 *
 * Errors:  TREE_DAMAGED; those of reading.
 */
import {
  IndelibleError,
  nodesOfRoot,
  rootOf,
  TILE_WIDTH,
  tilePath,
  tilesBetween,
  widthAt,
} from '@indelible/core';
import { writeTileRoot } from './full-tile.ts';
import { HASH_BYTES } from './leaf-hashes.ts';
import { type HashTile, hashesOfPlan, type ReadTile } from './stored-tree.ts';

/** Checks the tiles that a tree with this root has beyond those of its first `from` records. */
export async function checkTiles(
  read: ReadTile,
  from: number,
  { size, root }: { readonly size: number; readonly root: string },
): Promise<void> {
  if (rootOf(size, await hashesOfPlan(read, [nodesOfRoot(size)], size)) !== root)
    throw damaged(`the stored tree has another root than the signed one`, size);
  const own = Buffer.alloc(HASH_BYTES);
  let above: { path: string; bytes: Uint8Array } = { path: '', bytes: own };
  for (const tile of tilesBetween(from, size)) {
    if (tile.width < TILE_WIDTH) continue;
    const parent = tileAbove(tile, size);
    const path = tilePath(parent);
    if (above.path !== path) above = { path, bytes: await read(parent) };
    const at = (tile.index % TILE_WIDTH) * HASH_BYTES;
    writeTileRoot(await read(tile), 0, own, 0);
    if (own.compare(above.bytes, at, at + HASH_BYTES) !== 0)
      throw damaged(
        `${tilePath(tile)} of the stored tree is not the one that ${path} holds the hash of`,
        size,
      );
  }
}

function tileAbove({ level, index }: HashTile, size: number): HashTile {
  const above = { level: level + 1, index: Math.floor(index / TILE_WIDTH) };
  return { ...above, width: widthAt(above.level, above.index, size) };
}

function damaged(message: string, size: number): IndelibleError {
  return new IndelibleError('TREE_DAMAGED', message, { details: { size } });
}
