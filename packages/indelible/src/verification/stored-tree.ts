/**
 * Comparing the stored tree with the hashes of the records: every level, byte by byte.
 *
 * The tree is derived: where it differs, proofs drawn from it would not hold, and nothing is said about the records.
 * What lies behind the newest checkpoint may be left over from a crash, and is written again by whoever goes on.
 */
import { TILE_WIDTH } from '@indelible/core';
import type { Leaves } from '../ledger/leaf-tiles.ts';
import type { Finding } from '../ledger/types.ts';
import { rangeOver } from './tree-roots.ts';
import type { StoredProofs } from './types.ts';

const HASH_BYTES = 32;
const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
const FINDINGS_MAX = 100;

export interface TreeComparison {
  readonly checked: number;
  readonly lag: number;
  readonly findings: readonly Finding[];
  readonly findings_total: number;
}

type StoredTree = NonNullable<StoredProofs['tree']>;

export class TreeComparer {
  readonly #tree: StoredTree;
  readonly #width: number;
  /** Leaves that differ, by the first of each run of leaves that was compared. */
  readonly #differing = new Set<number>();
  #checked = 0;
  #comparing: Promise<void> = Promise.resolve();
  #fault: unknown = null;

  /** Before the log is looked at: a tree that somebody else lets grow meanwhile must not seem to be ahead. */
  static async begin(tree: StoredTree): Promise<TreeComparer> {
    return new TreeComparer(tree, await tree.width(0));
  }

  private constructor(tree: StoredTree, width: number) {
    this.#tree = tree;
    this.#width = width;
  }

  /** Compares leaves, some time. */
  take(leaves: Leaves): void {
    this.#comparing = this.#comparing
      .then(() => this.#compareLeaves(leaves))
      .catch((error: unknown) => {
        this.#fault ??= error;
      });
  }

  /** The verdict on all leaves, and on the levels above; `signed` is the size of the newest checkpoint. */
  async finish(tiles: Uint8Array, first_tile: number, size: number, signed: number): Promise<TreeComparison> {
    await this.#comparing;
    if (this.#fault !== null) throw this.#fault;
    const findings: Finding[] = [...this.#differing]
      .sort((a, b) => a - b)
      .filter((seq) => seq < signed)
      .map((seq) => ({
        damage: 'tree_mismatch',
        seq,
        detail: `the stored tree has another hash for record ${seq}`,
      }));
    await this.#compareAbove(tiles, first_tile, signed, findings);
    if (this.#width > size && signed > size) {
      findings.push({
        damage: 'tree_mismatch',
        seq: size,
        detail: `the stored tree has hashes of ${this.#width} records, and the log has ${size}`,
      });
    }
    if (this.#width < signed) {
      findings.push({
        damage: 'tree_mismatch',
        seq: this.#width,
        detail: `the stored tree has hashes of ${this.#width} of the ${signed} records that were signed`,
      });
    }
    return {
      checked: this.#checked,
      lag: Math.max(0, size - this.#width),
      findings: findings.slice(0, FINDINGS_MAX),
      findings_total: findings.length,
    };
  }

  async #compareLeaves({ first, hashes }: Leaves): Promise<void> {
    const stored = await this.#tree.read(0, first, hashes.length / HASH_BYTES);
    const ours = hashes.subarray(0, stored.length);
    this.#checked += stored.length / HASH_BYTES;
    if (Buffer.compare(stored, ours) === 0) return;
    let run = false;
    for (let at = 0; at < stored.length; at += HASH_BYTES) {
      const same = differ(stored, ours, at) === false;
      if (!same && !run && this.#differing.size <= FINDINGS_MAX) this.#differing.add(first + at / HASH_BYTES);
      run = !same;
    }
  }

  /** Level 1 holds the roots of the tiles; each level above, the roots of the tiles of the one below. */
  async #compareAbove(
    tiles: Uint8Array,
    first_tile: number,
    signed: number,
    findings: Finding[],
  ): Promise<void> {
    let hashes = tiles;
    let first = first_tile;
    for (let level = 1; hashes.length > 0; level++) {
      const leaves_each = TILE_WIDTH ** level;
      const due = Math.max(0, Math.min(hashes.length / HASH_BYTES, Math.floor(signed / leaves_each) - first));
      const stored = await this.#tree.read(level, first, due);
      const ours = hashes.subarray(0, due * HASH_BYTES);
      if (Buffer.compare(stored, ours) !== 0) {
        let at = 0;
        while (at < stored.length && !differ(stored, ours, at)) at += HASH_BYTES;
        const seq = (first + at / HASH_BYTES) * leaves_each;
        const detail = `level ${level} of the stored tree has another hash for the ${leaves_each} records from ${seq} on`;
        findings.push({ damage: 'tree_mismatch', seq, detail });
      }
      this.#checked += stored.length / HASH_BYTES;
      // The next level, from the first tile that lies wholly in here.
      const skipped = (TILE_WIDTH - (first % TILE_WIDTH)) % TILE_WIDTH;
      const above: Uint8Array[] = [];
      for (let at = skipped * HASH_BYTES; at + TILE_BYTES <= hashes.length; at += TILE_BYTES)
        above.push(rangeOver(hashes.subarray(at, at + TILE_BYTES)).hashes);
      first = (first + skipped) / TILE_WIDTH;
      hashes = Buffer.concat(above);
    }
  }
}

function differ(a: Uint8Array, b: Uint8Array, at: number): boolean {
  return Buffer.compare(a.subarray(at, at + HASH_BYTES), b.subarray(at, at + HASH_BYTES)) !== 0;
}
