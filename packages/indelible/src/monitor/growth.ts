/**
 * Whether one signed state of a log extends another: from the log's tiles, computed here.
 *
 * Errors:  REMOTE_FAILED, TILE_MISSING when tiles cannot be had: then nothing was shown.
 * Source:  RFC 6962 §2.1.2, c2sp.org/tlog-tiles.
 */
import {
  consistencyProof,
  EMPTY_ROOT,
  hashesOfTiles,
  IndelibleError,
  type NodeHashes,
  nodesOfRoot,
  type ProofPlan,
  planConsistency,
  rootOf,
  tilePath,
  tilesOfPlan,
  verifyConsistency,
} from '@indelible/core';
import type { LogSource } from './log-source.ts';

/** A tree that somebody committed to. */
export interface TreeHead {
  readonly size: number;
  readonly root: string;
}

export type GrowthVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly kind: 'fork' | 'tile_mismatch'; readonly detail: string };

const HELD: GrowthVerdict = { ok: true };

/** Whether the tiles of the log make the root that it signed. */
export async function checkRoot(
  head: TreeHead,
  source: LogSource,
  signal?: AbortSignal,
): Promise<GrowthVerdict> {
  if (head.size === 0) return head.root === EMPTY_ROOT ? HELD : notItsTree(head);
  return onTiles(async () => {
    const hashes = await hashesFor([nodesOfRoot(head.size)], head.size, source, signal);
    return rootOf(head.size, hashes) === head.root ? HELD : notItsTree(head);
  });
}

/** Whether the tree of `to`, at least as large, begins with the tree of `from`. */
export async function checkGrowth(
  from: TreeHead,
  to: TreeHead,
  source: LogSource,
  signal?: AbortSignal,
): Promise<GrowthVerdict> {
  if (from.size === to.size) return from.root === to.root ? HELD : contradiction(from, to);
  if (from.size === 0)
    return from.root === EMPTY_ROOT ? checkRoot(to, source, signal) : contradiction(from, to);
  return onTiles(async () => {
    const plan = planConsistency(from.size, to.size);
    // With the roots' own nodes, so that a failure tells a false tile from a second history.
    const nodes = [...plan, nodesOfRoot(from.size), nodesOfRoot(to.size)];
    const hashes = await hashesFor(nodes, to.size, source, signal);
    const proof = consistencyProof(from.size, to.size, hashes);
    const claim = { from: from.size, from_root: from.root, to: to.size, to_root: to.root, proof };
    const whole = rootOf(to.size, hashes) === to.root;
    if (verifyConsistency(claim).ok) return whole ? HELD : notItsTree(to);
    return whole ? contradiction(from, to) : notItsTree(to);
  });
}

/** A tile of the wrong length is as false as one with wrong hashes. */
async function onTiles(check: () => Promise<GrowthVerdict>): Promise<GrowthVerdict> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof IndelibleError) || error.code !== 'TILE_INVALID') throw error;
    return { ok: false, kind: 'tile_mismatch', detail: error.message };
  }
}

async function hashesFor(
  plan: ProofPlan,
  size: number,
  source: LogSource,
  signal?: AbortSignal,
): Promise<NodeHashes> {
  const tiles = new Map<string, Uint8Array>();
  // At most two edges of at most seven levels: all at once.
  await Promise.all(
    tilesOfPlan(plan, size).map(async (tile) => {
      tiles.set(tilePath(tile), await source.tile(tile, signal));
    }),
  );
  return hashesOfTiles((tile) => tiles.get(tilePath(tile)), size);
}

function notItsTree({ size, root }: TreeHead): GrowthVerdict {
  return {
    ok: false,
    kind: 'tile_mismatch',
    detail: `the tiles do not make the root ${root} that was signed for ${size} records`,
  };
}

function contradiction(from: TreeHead, to: TreeHead): GrowthVerdict {
  return {
    ok: false,
    kind: 'fork',
    detail:
      from.size === to.size
        ? `two roots were signed for ${to.size} records: ${from.root} and ${to.root}`
        : `the signed tree of ${to.size} records does not begin with the signed tree of ${from.size}`,
  };
}
