/**
 * A log published into a folder.
 *
 * A file is written under another name first, so that no name ever stands for half a file.
 *
 * Errors:  STORE_FULL, STORE_READ_ONLY, STORE_UNAVAILABLE.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { Publication } from './publication.ts';

export async function openFolderPublication(folder: string): Promise<Publication> {
  await guarded(folder, () => mkdir(folder, { recursive: true }));
  const at = (path: string): string => join(folder, path);
  return {
    place: folder,
    files_at_once: 1,
    keeps_history: false,
    read: (path) => guarded(folder, () => readFile(at(path)).catch(ifThere)),
    has: async (path, bytes) => {
      const found = await guarded(at(path), () => stat(at(path)).catch(ifThere));
      return found?.isFile() === true && (bytes === null ? found.size > 0 : found.size === bytes);
    },
    // Tiles can be exported again, and a sync for each would take most of the time.
    keep: (path, bytes) => writeWhole(at(path), bytes, false),
    replace: (path, bytes) => writeWhole(at(path), bytes, true),
    close: async () => {},
  };
}

async function writeWhole(path: string, bytes: Uint8Array, durably: boolean): Promise<void> {
  await guarded(path, async () => {
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}.tmp`;
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(bytes);
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

function ifThere(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

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
