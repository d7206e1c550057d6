/**
 * A tree in memory, for ledgers that are.
 *
 * Errors:  TREE_DAMAGED for a write behind the end of a level.
 */
import { IndelibleError, TILE_WIDTH } from '@indelible/core';
import type { TreeStorage } from './contract.ts';
import { HASH_BYTES } from './leaf-hashes.ts';

/** A new, empty tree. */
export function openMemoryTree(): TreeStorage {
  const levels: { bytes: Uint8Array; length: number }[] = [];
  return {
    async width(level) {
      return (levels[level]?.length ?? 0) / HASH_BYTES;
    },
    async read(level, from, count) {
      const held = levels[level];
      return (
        held?.bytes.slice(from * HASH_BYTES, Math.min((from + count) * HASH_BYTES, held.length)) ??
        new Uint8Array()
      );
    },
    async write(level, from, hashes) {
      const held = (levels[level] ??= { bytes: new Uint8Array(TILE_WIDTH * HASH_BYTES), length: 0 });
      const start = from * HASH_BYTES;
      const end = start + hashes.length;
      if (start > held.length) throw behindTheEnd(level, from);
      if (end > held.bytes.length) {
        const larger = new Uint8Array(Math.max(end, 2 * held.bytes.length));
        larger.set(held.bytes.subarray(0, held.length));
        held.bytes = larger;
      }
      held.bytes.set(hashes, start);
      held.length = Math.max(held.length, end);
    },
    async sync() {},
    async cut(leaves) {
      for (const [level, held] of levels.entries()) {
        held.length = Math.min(held.length, hashesAt(level, leaves) * HASH_BYTES);
      }
    },
    async close() {},
  };
}

/** How many hashes a level has in a tree of so many leaves. */
export function hashesAt(level: number, leaves: number): number {
  return Math.floor(leaves / TILE_WIDTH ** level);
}

/** Somebody cut the tree meanwhile: a write here would leave a hole. */
export function behindTheEnd(level: number, from: number): IndelibleError {
  return new IndelibleError('TREE_DAMAGED', `level ${level} of the stored tree ends before hash ${from}`);
}
