/**
 * The root at any size of a log that was hashed in one pass, from the roots of its tiles.
 *
 * Within a tile its leaves are needed, and fetched again: whatever fetches them, they count only if they have the root
 * that the pass found.
 *
 * Pure:    no I/O but that of the sources.
 */
import { MerkleRange, type RangeState, TILE_HEIGHT, TILE_WIDTH } from '@indelible/core';
import type { HashedStretch } from '../ledger/leaf-tiles.ts';

const HASH_BYTES = 32;

/** The 256 leaves of a complete tile, 32 bytes each; null when they cannot be had there. */
export type LeavesOf = (tile: number) => Promise<Uint8Array | null>;

/** The tree in front of the stretch (null: it begins at 0), and the stretch. */
export interface HashedLog {
  readonly before: RangeState | null;
  readonly stretch: HashedStretch;
}

/** Roots for those sizes that can be known; the leaves of a tile come from the first source that has the right ones. */
export async function rootsAt(
  { before, stretch }: HashedLog,
  sizes: Iterable<number>,
  sources: readonly LeavesOf[],
): Promise<Map<number, string>> {
  const roots = new Map<number, string>();
  const range = before === null ? new MerkleRange() : MerkleRange.from(before);
  if (range.end !== stretch.begin) return roots;
  const first_tile = stretch.begin + stretch.head.length / HASH_BYTES;
  const tail = first_tile + (stretch.tiles.length / HASH_BYTES) * TILE_WIDTH;
  const wanted = [...new Set(sizes)].filter((size) => size >= stretch.begin && size <= stretch.end);
  const within: Within = { first: -1, leaves: null, range: new MerkleRange() };
  for (const size of wanted.sort((a, b) => a - b)) {
    appendLeaves(range, stretch.head, stretch.begin, Math.min(size, first_tile));
    while (range.end >= first_tile && range.end < tail && range.end + TILE_WIDTH <= size)
      appendTile(range, stretch.tiles, (range.end - first_tile) / TILE_WIDTH);
    if (size >= tail) appendLeaves(range, stretch.tail, tail, size);
    if (range.end === size) {
      roots.set(size, range.root());
      continue;
    }
    if (within.first !== range.end) {
      within.first = range.end;
      const at = ((range.end - first_tile) / TILE_WIDTH) * HASH_BYTES;
      within.leaves = await leavesUnder(
        stretch.tiles.subarray(at, at + HASH_BYTES),
        range.end / TILE_WIDTH,
        sources,
      );
      within.range = MerkleRange.from(range.state());
    }
    if (within.leaves === null) continue;
    appendLeaves(within.range, within.leaves, within.first, size);
    roots.set(size, within.range.root());
  }
  return roots;
}

/** What the tree amounts to over the first `stretch.end` records, for going on from there. */
export function rangeOf({ before, stretch }: HashedLog): RangeState | null {
  const range = before === null ? new MerkleRange() : MerkleRange.from(before);
  if (range.end !== stretch.begin) return null;
  appendLeaves(range, stretch.head, stretch.begin, stretch.end);
  for (let tile = 0; tile < stretch.tiles.length / HASH_BYTES; tile++) appendTile(range, stretch.tiles, tile);
  appendLeaves(range, stretch.tail, range.end, stretch.end);
  return range.state();
}

/** A tile that some size lies within, and the tree up to the last such size. */
interface Within {
  first: number;
  leaves: Uint8Array | null;
  range: MerkleRange;
}

/** Appends those of `leaves`, the first of which is number `first`, that the range lacks up to `end`. */
function appendLeaves(range: MerkleRange, leaves: Uint8Array, first: number, end: number): void {
  const last = Math.min(end, first + leaves.length / HASH_BYTES);
  while (range.end >= first && range.end < last) range.appendBytes(leaves, (range.end - first) * HASH_BYTES);
}

function appendTile(range: MerkleRange, tiles: Uint8Array, tile: number): void {
  range.appendSubtree(tiles, tile * HASH_BYTES, TILE_HEIGHT);
}

async function leavesUnder(
  root: Uint8Array,
  tile: number,
  sources: readonly LeavesOf[],
): Promise<Uint8Array | null> {
  for (const leavesOf of sources) {
    const leaves = await leavesOf(tile);
    if (leaves?.length === TILE_WIDTH * HASH_BYTES && Buffer.compare(rangeOver(leaves).hashes, root) === 0)
      return leaves;
  }
  return null;
}

/** The complete subtrees over leaves of which the first has an even place. */
export function rangeOver(leaves: Uint8Array): RangeState {
  const range = new MerkleRange();
  for (let at = 0; at < leaves.length; at += HASH_BYTES) range.appendBytes(leaves, at);
  return range.state();
}
