/**
 * Small files that commands write.
 *
 * Errors:  STORE_* when it cannot be written.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { fileFailure } from './file-failure.ts';

/** Writes beside the file and renames: whoever finds the name finds all of it, or what was there before. */
export async function writeOutput(path: string, text: string): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  let file: FileHandle | null = null;
  try {
    file = await open(partial, 'wx', 0o644);
    await file.writeFile(text);
    await file.sync();
    await file.close();
    await rename(partial, path);
  } catch (error) {
    await file?.close().catch(() => {});
    await rm(partial, { force: true });
    throw fileFailure(error, path);
  }
}
