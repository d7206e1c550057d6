/**
 * Writes a log as static files, for a web server, a bucket or a content network: the layout of c2sp.org/tlog-tiles,
 * with the log's verifier keys in `log.vkey`.
 *
 * May be repeated into the same folder: full tiles and bundles that are there are kept, and the checkpoint comes last,
 * so that whoever reads meanwhile sees a whole log. Partial tiles of the checkpoint before stay: a reader may still
 * hold that one.
 *
 * Errors:  CHECKPOINT_MISSING; TREE_DAMAGED, CHECKPOINT_FORK when the folder holds another log; STORE_*.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  IndelibleError,
  isIndelibleError,
  parseCheckpoint,
  parseNote,
  TILE_WIDTH,
  type Tile,
  tilePath,
  tilesBetween,
} from '@indelible/core';
import type { PublishedCheckpoint, TransparencyReader } from './contract.ts';
import { HASH_BYTES } from './leaf-hashes.ts';

export interface ExportLogOptions {
  readonly transparency: TransparencyReader;
  readonly folder: string;
  /** Writes hashes and checkpoint alone: bundles hold the records in clear. */
  readonly without_entries?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly files: number; readonly files_total: number }) => void;
}

export interface ExportedLog {
  readonly checkpoint: PublishedCheckpoint;
  readonly files_written: number;
  /** Full tiles and bundles that were there. */
  readonly files_kept: number;
  /** Bundles of records that were truncated, which the log has no more. */
  readonly bundles_truncated: number;
}

/** Exports the log as of its newest checkpoint. */
export async function exportLog(options: ExportLogOptions): Promise<ExportedLog> {
  const { transparency, folder, signal, onProgress, without_entries = false } = options;
  const checkpoint = await transparency.latest();
  if (checkpoint === null)
    throw new IndelibleError('CHECKPOINT_MISSING', 'there is no checkpoint to export yet');
  await guarded(folder, () => mkdir(folder, { recursive: true }));
  await refuseOtherLog(folder, transparency, checkpoint);
  // From the beginning, so that what an interrupted or partial export left out is made good.
  const tiles = [...tilesBetween(0, checkpoint.size)];
  const bundles = without_entries ? [] : tiles.filter(({ level }) => level === 0);
  const all: Tile[] = [...tiles, ...bundles.map((tile): Tile => ({ ...tile, level: 'entries' }))];
  const done = { files_written: 0, files_kept: 0, bundles_truncated: 0 };
  for (const [files, tile] of all.entries()) {
    signal?.throwIfAborted();
    onProgress?.({ files, files_total: all.length });
    await exportTile(transparency, folder, tile, done);
  }
  await writeWhole(join(folder, 'log.vkey'), encoder.encode(`${transparency.verifier_keys.join('\n')}\n`));
  // Last: it must not promise what is not there.
  await writeWhole(join(folder, 'checkpoint'), encoder.encode(checkpoint.note), true);
  onProgress?.({ files: all.length, files_total: all.length });
  return { checkpoint, ...done };
}

async function exportTile(
  transparency: TransparencyReader,
  folder: string,
  tile: Tile,
  done: { files_written: number; files_kept: number; bundles_truncated: number },
): Promise<void> {
  const path = join(folder, tilePath(tile));
  const { level, index, width } = tile;
  if (width === TILE_WIDTH && (await isThere(path, level === 'entries' ? null : TILE_WIDTH * HASH_BYTES))) {
    done.files_kept++;
    return;
  }
  try {
    const bytes =
      level === 'entries'
        ? await transparency.bundle(index, width)
        : await transparency.tile({ level, index, width });
    await writeWhole(path, bytes);
    done.files_written++;
  } catch (error) {
    if (level !== 'entries' || !isIndelibleError(error, 'TILE_MISSING')) throw error;
    done.bundles_truncated++;
  }
}

/** The folder may hold an earlier state of this log, and nothing else. */
async function refuseOtherLog(
  folder: string,
  transparency: TransparencyReader,
  newest: PublishedCheckpoint,
): Promise<void> {
  const text = await guarded(folder, () => readFile(join(folder, 'checkpoint'), 'utf8').catch(ifThere));
  if (text === null) return;
  const { origin, size, root } = parseCheckpoint(parseNote(text).text);
  if (origin !== transparency.origin) {
    throw new IndelibleError(
      'CHECKPOINT_OTHER_LOG',
      `${folder} holds the log ${origin}, not ${transparency.origin}`,
    );
  }
  if (size > newest.size) {
    throw new IndelibleError(
      'CHECKPOINT_FORK',
      `${folder} holds ${size} records of this log, which has ${newest.size}`,
    );
  }
  const ours = await transparency.covering(size - 1);
  if (ours?.size === size && ours.root !== root) {
    throw new IndelibleError(
      'CHECKPOINT_FORK',
      `${folder} holds a checkpoint of ${size} records with another root`,
    );
  }
}

/** A file is written under another name first, so that no name ever stands for half a file. */
async function writeWhole(path: string, bytes: Uint8Array, durably = false): Promise<void> {
  await guarded(path, async () => {
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}.tmp`;
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(bytes);
      // Tiles need it not: they can be exported again, and a sync for each would take most of the time.
      if (durably) await file.sync();
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    } finally {
      await file.close();
    }
  });
}

async function isThere(path: string, bytes: number | null): Promise<boolean> {
  const found = await guarded(path, () => stat(path).catch(ifThere));
  return found?.isFile() === true && (bytes === null ? found.size > 0 : found.size === bytes);
}

function ifThere(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

const encoder = new TextEncoder();

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isIndelibleError(error)) throw error;
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const known =
      code === 'ENOSPC' || code === 'EDQUOT'
        ? 'STORE_FULL'
        : code === 'EACCES' || code === 'EROFS'
          ? 'STORE_READ_ONLY'
          : 'STORE_UNAVAILABLE';
    throw new IndelibleError(known, `${path} cannot be exported (${code})`, { cause: error });
  }
}
