/**
 * The tree in front of a record, out of what is stored: at most 255 hashes a level.
 *
 * Nothing shows that they are right but a root that was signed: whoever uses this must compare one.
 */
import { MerkleRange, type RangeState, TILE_WIDTH } from '@indelible/core';
import type { StoredProofs } from './types.ts';

const HASH_BYTES = 32;
const LEVELS = 7;

/** Null when the stored tree is shorter. */
export async function storedRange(
  tree: NonNullable<StoredProofs['tree']>,
  size: number,
): Promise<RangeState | null> {
  const range = new MerkleRange();
  for (let level = LEVELS - 1; level >= 0; level--) {
    const each = TILE_WIDTH ** level;
    const count = Math.floor((size - range.end) / each);
    if (count === 0) continue;
    const stored = await tree.read(level, range.end / each, count);
    if (stored.length !== count * HASH_BYTES) return null;
    for (let at = 0; at < stored.length; at += HASH_BYTES) {
      const hashes = stored.subarray(at, at + HASH_BYTES);
      range.join(MerkleRange.from({ begin: range.end, end: range.end + each, hashes }));
    }
  }
  return range.state();
}
