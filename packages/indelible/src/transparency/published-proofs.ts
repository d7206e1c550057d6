/**
 * Tree and checkpoints of a log as they were published: what a verifier has who knows the published place alone.
 *
 * The tree is that of the newest published checkpoint. A tile that is gone reads as zeros, which no hash is, so that the
 * verifier names the place.
 *
 * Errors:  those of the place.
 */
import {
  IndelibleError,
  isIndelibleError,
  parseCheckpoint,
  parseNote,
  TILE_WIDTH,
  tilePath,
  widthAt,
} from '@indelible/core';
import { HASH_BYTES } from './leaf-hashes.ts';

/** Where the files are. */
export interface PublishedFiles {
  read(path: string): Promise<Uint8Array | null>;
  /** The names in a folder, in order. */
  list(folder: string): AsyncIterable<string>;
  readAll(
    paths: AsyncIterable<string>,
  ): AsyncIterable<{ readonly path: string; readonly bytes: Uint8Array | null }>;
}

export interface PublishedProofs {
  readonly tree: {
    width(level: number): Promise<number>;
    read(level: number, from: number, count: number): Promise<Uint8Array>;
  };
  /** Those over more than `size` records, default all, smallest first. */
  checkpoints(
    size?: number,
  ): AsyncIterable<{ readonly size: number; readonly root: string; readonly note: string }>;
}

const TILES_AT_ONCE = 16;

/** Null where nothing was published. */
export async function openPublishedProofs(files: PublishedFiles): Promise<PublishedProofs | null> {
  const note = await files.read('checkpoint');
  if (note === null) return null;
  const size = sizeOf(note);
  return {
    tree: {
      width: async (level) => Math.floor(size / TILE_WIDTH ** level),
      read: (level, from, count) => readHashes(files, size, level, from, count),
    },
    checkpoints: (above = 0) => readCheckpoints(files, above),
  };
}

function sizeOf(note: Uint8Array): number {
  try {
    return parseCheckpoint(parseNote(note).text).size;
  } catch (error) {
    if (isIndelibleError(error)) throw new IndelibleError('TREE_DAMAGED', 'the published checkpoint is none');
    throw error;
  }
}

async function readHashes(
  files: PublishedFiles,
  size: number,
  level: number,
  from: number,
  count: number,
): Promise<Uint8Array> {
  const there = Math.max(0, Math.min(count, Math.floor(size / TILE_WIDTH ** level) - from));
  const hashes = new Uint8Array(there * HASH_BYTES);
  if (there === 0) return hashes;
  const first = Math.floor(from / TILE_WIDTH);
  const last = Math.floor((from + there - 1) / TILE_WIDTH);
  const tiles = Array.from({ length: last - first + 1 }, (_, i) => first + i).values();
  const work = async (): Promise<void> => {
    for (const index of tiles) {
      const bytes = await files.read(tilePath({ level, index, width: widthAt(level, index, size) }));
      if (bytes === null) continue;
      const begin = index * TILE_WIDTH;
      const skipped = Math.max(0, from - begin);
      const end = Math.min(TILE_WIDTH, from + there - begin);
      hashes.set(
        bytes.subarray(skipped * HASH_BYTES, end * HASH_BYTES),
        (begin + skipped - from) * HASH_BYTES,
      );
    }
  };
  await Promise.all(Array.from({ length: TILES_AT_ONCE }, work));
  return hashes;
}

async function* readCheckpoints(
  files: PublishedFiles,
  above: number,
): ReturnType<PublishedProofs['checkpoints']> & AsyncGenerator {
  const decoder = new TextDecoder();
  for await (const { path, bytes } of files.readAll(largerThan(above, files.list('checkpoints')))) {
    const size = namedSize(path);
    if (bytes === null || !Number.isSafeInteger(size)) continue;
    const note = decoder.decode(bytes);
    yield { size, root: rootOf(note), note };
  }
}

async function* largerThan(size: number, paths: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const path of paths) if (!(namedSize(path) <= size)) yield path;
}

/** The size as the name says it, so that a note that says something else is noticed. */
function namedSize(path: string): number {
  return Number(/(\d{1,16})$/.exec(path)?.[1] ?? Number.NaN);
}

function rootOf(note: string): string {
  try {
    return parseCheckpoint(parseNote(note).text).root;
  } catch (error) {
    if (isIndelibleError(error)) return '';
    throw error;
  }
}
