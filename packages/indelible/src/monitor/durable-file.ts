/**
 * Writing a small file as a whole: after a crash there is the old one or the new one, and nothing in between.
 *
 * Errors:  those of Node.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Puts these bytes in place of whatever is at `path`. Readable by the owner alone; durable when it returns. */
export function replaceFile(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}.tmp`;
  const fd = openSync(fresh, 'w', 0o600);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } catch (error) {
    closeSync(fd);
    rmSync(fresh, { force: true });
    throw error;
  }
  closeSync(fd);
  renameSync(fresh, path);
  syncFolder(dirname(path));
}

/** Makes a new name durable. */
function syncFolder(folder: string): void {
  // Windows cannot open folders, and needs no such call.
  if (process.platform === 'win32') return;
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
