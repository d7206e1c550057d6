/**
 * Publishes a log as static files (c2sp.org/tlog-tiles), and goes on where it ended the last time.
 *
 * What never changes is kept first: tiles, bundles of entries, the checkpoint under its size, a manifest. `checkpoint`
 * comes last: it must not promise what is not there. So that the published checkpoint also says how far publishing got.
 *
 * Nothing is kept that does not lead to the signed root: it could not be taken back.
 *
 * Errors:  CHECKPOINT_MISSING; TREE_DAMAGED; LEDGER_DAMAGED for a record that is not the one in the tree;
 *          CHECKPOINT_FORK, CHECKPOINT_OTHER_LOG when the place holds another log; those of the place.
 */
import {
  decodeBundle,
  decodeTile,
  IndelibleError,
  isIndelibleError,
  leafHash,
  type NoteSigner,
  parseCheckpoint,
  parseNote,
  TILE_WIDTH,
  type Tile,
  tilePath,
  tilesBetween,
} from '@indelible/core';
import { checkTiles } from './check-tiles.ts';
import type { PublishedCheckpoint, TransparencyReader } from './contract.ts';
import { HASH_BYTES } from './leaf-hashes.ts';
import type { Publication } from './publication.ts';

export interface PublishOptions {
  readonly transparency: TransparencyReader;
  readonly to: Publication;
  /** Signs a manifest, where the place keeps manifests. */
  readonly signer?: NoteSigner;
  /** Hashes and checkpoint alone: bundles hold the records in clear. */
  readonly without_entries?: boolean;
  /** Looks at all files for records from this one on; default: those behind what is published. */
  readonly from?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly files: number; readonly files_total: number }) => void;
}

export interface PublishedLog {
  readonly checkpoint: PublishedCheckpoint;
  /** The records before this one were not looked at. */
  readonly from: number;
  readonly files_written: number;
  /** Files that were there. */
  readonly files_kept: number;
  /** Bundles of records that were truncated, which the log has no more. */
  readonly bundles_truncated: number;
}

const DIGITS = 16;
/** Where a place that keeps history has the checkpoint of a size. */
const checkpointPath = (size: number): string => `checkpoints/${String(size).padStart(DIGITS, '0')}`;

/** Publishes the log as of its newest checkpoint. */
export async function publishLog(options: PublishOptions): Promise<PublishedLog> {
  const { transparency, to, signal, onProgress, without_entries = false } = options;
  const checkpoint = await transparency.latest();
  if (checkpoint === null)
    throw new IndelibleError('CHECKPOINT_MISSING', 'there is no checkpoint to publish yet');
  const published = await publishedSize(to, transparency, checkpoint);
  const from = Math.min(options.from ?? published, checkpoint.size);
  const tiles = [...tilesBetween(from, checkpoint.size)];
  const bundles = without_entries ? [] : tiles.filter(({ level }) => level === 0);
  await checkTiles((tile) => transparency.tile(tile), from, checkpoint);
  const all: Tile[] = [...tiles, ...bundles.map((tile): Tile => ({ ...tile, level: 'entries' }))];
  const done = { files_written: 0, files_kept: 0, bundles_truncated: 0 };
  let files = 0;
  const next = all.values();
  const work = async (): Promise<void> => {
    for (const tile of next) {
      signal?.throwIfAborted();
      onProgress?.({ files: files++, files_total: all.length });
      await publishTile(transparency, to, tile, done);
    }
  };
  await Promise.all(Array.from({ length: to.files_at_once }, work));
  if (to.keeps_history) await publishHistory(options, checkpoint, published);
  const keys = encoder.encode(`${transparency.verifier_keys.join('\n')}\n`);
  if (Buffer.compare((await to.read('log.vkey')) ?? new Uint8Array(), keys) !== 0)
    await to.replace('log.vkey', keys);
  if (published !== checkpoint.size || !to.keeps_history)
    await to.replace('checkpoint', encoder.encode(checkpoint.note));
  onProgress?.({ files: all.length, files_total: all.length });
  return { checkpoint, from, ...done };
}

async function publishTile(
  transparency: TransparencyReader,
  to: Publication,
  tile: Tile,
  done: { files_written: number; files_kept: number; bundles_truncated: number },
): Promise<void> {
  const path = tilePath(tile);
  const { level, index, width } = tile;
  if (await to.has(path, level === 'entries' ? null : width * HASH_BYTES)) {
    done.files_kept++;
    return;
  }
  try {
    const bytes =
      level === 'entries'
        ? await checkedBundle(transparency, index, width)
        : await transparency.tile({ level, index, width });
    await to.keep(path, bytes);
    done.files_written++;
  } catch (error) {
    if (level !== 'entries' || !isIndelibleError(error, 'TILE_MISSING')) throw error;
    done.bundles_truncated++;
  }
}

/** The records as the tree has them. */
async function checkedBundle(
  transparency: TransparencyReader,
  index: number,
  width: number,
): Promise<Uint8Array> {
  const bytes = await transparency.bundle(index, width);
  const leaves = decodeTile(await transparency.tile({ level: 0, index, width }), width);
  const other = decodeBundle(bytes, width).findIndex((entry, i) => leafHash(entry) !== leaves[i]);
  if (other < 0) return bytes;
  const seq = index * TILE_WIDTH + other;
  throw new IndelibleError('LEDGER_DAMAGED', `record ${seq} is not the one that was signed`, {
    details: { seq },
  });
}

async function publishHistory(
  { transparency, to, signer, without_entries = false }: PublishOptions,
  checkpoint: PublishedCheckpoint,
  published: number,
): Promise<void> {
  const { size, root, note } = checkpoint;
  if (!(await to.has(checkpointPath(size), null))) await to.keep(checkpointPath(size), encoder.encode(note));
  if (signer === undefined) return;
  const from = published === size ? 0 : published;
  await to.keepManifest?.(
    { ledger: transparency.origin, from, size, root, entries: !without_entries },
    signer,
  );
}

/** How many records are published. The place may hold an earlier state of this log, and nothing else. */
async function publishedSize(
  to: Publication,
  transparency: TransparencyReader,
  newest: PublishedCheckpoint,
): Promise<number> {
  const text = await to.read('checkpoint');
  if (text === null) return 0;
  const { origin, size, root } = parseCheckpoint(parseNote(text).text);
  if (origin !== transparency.origin) {
    throw new IndelibleError(
      'CHECKPOINT_OTHER_LOG',
      `${to.place} holds the log ${origin}, not ${transparency.origin}`,
    );
  }
  if (size > newest.size) {
    throw new IndelibleError(
      'CHECKPOINT_FORK',
      `${to.place} holds ${size} records of this log, which has ${newest.size}`,
    );
  }
  const ours = size === 0 ? null : await transparency.covering(size - 1);
  if (ours?.size === size && ours.root !== root) {
    throw new IndelibleError(
      'CHECKPOINT_FORK',
      `${to.place} holds a checkpoint of ${size} records with another root`,
    );
  }
  return size;
}

const encoder = new TextEncoder();
