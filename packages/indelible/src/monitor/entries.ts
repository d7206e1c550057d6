/**
 * Checking the records themselves: every entry is hashed into a tree of our own, which must get the signed root.
 *
 * Errors:  REMOTE_FAILED, TILE_MISSING when the log does not give what is needed.
 * Source:  c2sp.org/tlog-tiles, "Log entries".
 */
import {
  decodeBundle,
  decodeTile,
  GrowingTiles,
  IndelibleError,
  leafHash,
  TILE_WIDTH,
  type Tile,
  tilePath,
  widthAt,
} from '@indelible/core';
import type { TreeHead } from './growth.ts';
import type { LogSource } from './log-source.ts';

/** Bundles asked for at the same time; each may have 16 MiB. */
const AHEAD = 4;

export type EntriesVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly kind: 'entry_mismatch'; readonly detail: string };

/** Whether the entries from `from` on lead from its tree, known to be the log's, to the tree of `to`. */
export async function checkEntries(
  from: TreeHead,
  to: TreeHead,
  source: LogSource,
  signal?: AbortSignal,
): Promise<EntriesVerdict> {
  try {
    return await growWithEntries(from, to, source, signal);
  } catch (error) {
    if (!(error instanceof IndelibleError) || error.code !== 'TILE_INVALID') throw error;
    return mismatch(error.message);
  }
}

async function growWithEntries(
  from: TreeHead,
  to: TreeHead,
  source: LogSource,
  signal?: AbortSignal,
): Promise<EntriesVerdict> {
  const growing = await resumeAt(from, to.size, source, signal);
  if (growing.root() !== from.root) return mismatch(`the tiles do not make the root of ${from.size} records`);
  const bundles = bundlesFrom(from.size, to.size, source, signal);
  for await (const { index, entries } of bundles) {
    const start = index * TILE_WIDTH;
    for (const [i, entry] of entries.entries()) {
      if (start + i >= from.size) growing.append(leafHash(entry));
    }
    // Only the root is wanted: full tiles are not kept.
    growing.takeFull();
  }
  if (growing.root() === to.root) return { ok: true };
  const seq = await firstOther(from.size, to.size, source, signal);
  return mismatch(
    seq === null
      ? `the records up to ${to.size} do not make the signed root, and the tiles were altered with them`
      : `record ${seq} is not the one in the tree`,
  );
}

/** The tree at `from`, from the tiles at its edge. */
async function resumeAt(
  { size }: TreeHead,
  log_size: number,
  source: LogSource,
  signal?: AbortSignal,
): Promise<GrowingTiles> {
  const tiles = new Map<string, Uint8Array>();
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const index = Math.floor(size / TILE_WIDTH ** (level + 1));
    const width = widthAt(level, index, size);
    if (width === 0) continue;
    // The log need not have this width any longer, but has one at least as large.
    const larger: Tile = { level, index, width: widthAt(level, index, log_size) };
    const bytes = await source.tile(larger, signal);
    tiles.set(tilePath({ level, index, width }), bytes.subarray(0, width * 32));
  }
  return GrowingTiles.resume(size, (tile) => tiles.get(tilePath(tile)));
}

/** The bundles that hold [from, to), in order, a few of them on their way at any time. */
async function* bundlesFrom(
  from: number,
  to: number,
  source: LogSource,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly index: number; readonly entries: readonly Uint8Array[] }> {
  const last = Math.ceil(to / TILE_WIDTH);
  const coming: Promise<readonly Uint8Array[]>[] = [];
  let next = Math.floor(from / TILE_WIDTH);
  const ask = (): void => {
    const asked = bundleAt(next++, to, source, signal);
    // It is awaited later; until then a failure is nobody's.
    asked.catch(() => {});
    coming.push(asked);
  };
  for (let index = next; index < last; index++) {
    while (coming.length < AHEAD && next < last) ask();
    yield { index, entries: await coming.shift()! };
  }
}

async function bundleAt(
  index: number,
  size: number,
  source: LogSource,
  signal?: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const width = widthAt('entries', index, size);
  const bytes = await source.tile({ level: 'entries', index, width }, signal);
  try {
    return decodeBundle(bytes, width);
  } catch (error) {
    // The full bundle in place of the partial one.
    if (width === TILE_WIDTH || !(error instanceof IndelibleError)) throw error;
    return decodeBundle(bytes, TILE_WIDTH).slice(0, width);
  }
}

/** The first entry that is not the one its tile says; null when all are. */
async function firstOther(
  from: number,
  to: number,
  source: LogSource,
  signal?: AbortSignal,
): Promise<number | null> {
  for await (const { index, entries } of bundlesFrom(from, to, source, signal)) {
    const bytes = await source.tile({ level: 0, index, width: widthAt(0, index, to) }, signal);
    const leaves = decodeTile(bytes.subarray(0, entries.length * 32), entries.length);
    const other = entries.findIndex(
      (entry, i) => index * TILE_WIDTH + i >= from && leafHash(entry) !== leaves[i],
    );
    if (other >= 0) return index * TILE_WIDTH + other;
  }
  return null;
}

function mismatch(detail: string): EntriesVerdict {
  return { ok: false, kind: 'entry_mismatch', detail };
}
