/**
 * Names below one folder, and nowhere else: no `..`, no symbolic link anywhere on the way.
 *
 * On Linux every step is taken from the open folder before it, so that a link put in the way meanwhile leads nowhere
 * either. Elsewhere the steps are looked at first, which leaves a moment in which they can be exchanged.
 *
 * Names and small files are looked at without a thread of their own: that takes some microseconds, and asking a thread
 * ten times as much. What waits for the disk, a sync, does not hold anybody else up.
 *
 * Errors:  CONNECTOR_PARAMS, TARGET_NOT_FOUND, TARGET_REFUSED.
 */
import { closeSync, constants, existsSync, fsync, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { IndelibleError } from '@indelible/core';

/** Names that begin so are the connector's own. */
export const OWN_PREFIX = '.indelible';
const PATH_LENGTH_MAX = 1024;
const BY_DESCRIPTOR = existsSync('/proc/self/fd');

/** An open folder below the root. */
export interface Folder {
  /** A path to what has this name in it. */
  at(name: string): string;
  /** Makes changes to the names in it durable. */
  sync(): Promise<void>;
  close(): void;
}

/** Resolves once everything written through the descriptor is on the disk. */
export const sync = promisify(fsync);

/** Raises CONNECTOR_PARAMS for a path that is not plainly below the root. */
export function checkPath(path: string): string[] {
  const parts = path.split('/');
  const odd = parts.find(
    (part) => part === '' || part === '.' || part === '..' || part.startsWith(OWN_PREFIX),
  );
  if (odd === undefined && !path.includes('\0') && path.length <= PATH_LENGTH_MAX) return parts;
  throw new IndelibleError(
    'CONNECTOR_PARAMS',
    `"${path.slice(0, 200)}" is not a path below the root: write it like folder/file, without . and ..`,
  );
}

/** The folder that a path lies in. The caller closes it. */
export function folderOf(root: string, path: string): { folder: Folder; name: string } {
  const parts = checkPath(path);
  const name = parts.pop()!;
  let handle = openFolder(root, root);
  let shown = root;
  for (const part of parts) {
    const parent = handle;
    shown = join(shown, part);
    try {
      handle = openFolder(BY_DESCRIPTOR ? `/proc/self/fd/${parent}/${part}` : shown, path);
    } finally {
      closeSync(parent);
    }
  }
  const base = BY_DESCRIPTOR ? `/proc/self/fd/${handle}` : shown;
  return {
    name,
    folder: { at: (file) => `${base}/${file}`, sync: () => sync(handle), close: () => closeSync(handle) },
  };
}

function openFolder(path: string, shown: string): number {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  try {
    if (!BY_DESCRIPTOR && lstatSync(path).isSymbolicLink()) throw symbolicLink(shown);
    return openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      throw new IndelibleError('TARGET_NOT_FOUND', `the folder of ${shown} does not exist`, { cause: error });
    }
    if (code === 'ELOOP' || code === 'ENOTDIR') throw symbolicLink(shown, error);
    throw fileFault(error, shown);
  }
}

function symbolicLink(shown: string, cause?: unknown): IndelibleError {
  return new IndelibleError('TARGET_REFUSED', `${shown} leads through something that is no folder`, {
    cause,
  });
}

const REFUSALS = [
  'EACCES',
  'EPERM',
  'EROFS',
  'ENAMETOOLONG',
  'EISDIR',
  'ENOTDIR',
  'EXDEV',
  'EEXIST',
  'ELOOP',
];

/** What the file system said, as an error of ours. Only before an effect does TARGET_REFUSED hold. */
export function fileFault(error: unknown, shown: string): IndelibleError {
  if (error instanceof IndelibleError) return error;
  const { code = 'an error' } = error as NodeJS.ErrnoException;
  return REFUSALS.includes(code)
    ? new IndelibleError('TARGET_REFUSED', `the file system refuses ${shown}: ${code}`, { cause: error })
    : new IndelibleError('CONNECTOR_UNAVAILABLE', `the file system failed at ${shown}: ${code}`, {
        cause: error,
      });
}
