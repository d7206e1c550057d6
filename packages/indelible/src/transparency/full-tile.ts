/**
 * The root of a full tile, as the tile above holds it: what a growing log computes most.
 *
 * Each node is hashed where it lies and its hash written to where its parent reads it: with a view for each node made
 * once, this takes half the time of the same from hashes in hex (core's `tileRoot`).
 *
 * Source:  RFC 6962 §2.1; c2sp.org/tlog-tiles.
 */
import { hash } from 'node:crypto';
import { TILE_WIDTH } from '@indelible/core';
import { HASH_BYTES } from './leaf-hashes.ts';

const NODES = TILE_WIDTH / 2;
const NODE_BYTES = 1 + 2 * HASH_BYTES;

/** Node i: 0x01 ‖ left ‖ right. */
const nodes = Buffer.alloc(NODES * NODE_BYTES);
const views: Uint8Array[] = [];
for (let i = 0; i < NODES; i++) {
  nodes[i * NODE_BYTES] = 0x01;
  views.push(nodes.subarray(i * NODE_BYTES, (i + 1) * NODE_BYTES));
}

/** Writes the root of the 256 hashes in `source` from byte `from` on to `target` at byte `at`. */
export function writeTileRoot(source: Uint8Array, from: number, target: Buffer, at: number): void {
  for (let node = 0; node < NODES; node++) {
    const to = node * NODE_BYTES + 1;
    const start = from + node * 2 * HASH_BYTES;
    for (let i = 0; i < 2 * HASH_BYTES; i++) nodes[to + i] = source[start + i]!;
  }
  // A parent never lies behind its children, so nothing is overwritten before it was read.
  for (let count = NODES; count > 1; count /= 2) {
    for (let node = 0; node < count; node++) {
      const place = (node >> 1) * NODE_BYTES + 1 + HASH_BYTES * (node & 1);
      nodes.write(hash('sha256', views[node]!, 'binary'), place, HASH_BYTES, 'latin1');
    }
  }
  target.write(hash('sha256', views[0]!, 'binary'), at, HASH_BYTES, 'latin1');
}
