/**
 * One file as it is: content, mode, owner, and a token that changes with every change.
 *
 * Errors:  as place.ts; CONNECTOR_LIMIT for a file that is too large, TARGET_REFUSED for what is no plain file.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
} from 'node:fs';
import { IndelibleError, type JsonObject, sha256Hex } from '@indelible/core';
import type { TargetState } from '../contract.ts';
import { stateOf } from '../shared/state.ts';
import { fileFault, folderOf } from './place.ts';

/** A file and how it was found. */
export interface FoundFile {
  readonly content: Uint8Array;
  readonly state: TargetState;
  readonly version: string;
  readonly inode: string;
}

const READ_TRIES = 5;

/** null: there is nothing of this name. */
export function readFileAt(root: string, path: string, bytes_max: number): FoundFile | null {
  const { folder, name } = folderOf(root, path);
  try {
    for (let tries = 1; ; tries++) {
      const found = readOnce(folder.at(name), path, bytes_max);
      if (found !== 'changing') return found;
      if (tries === READ_TRIES) {
        throw new IndelibleError('CONNECTOR_UNAVAILABLE', `${path} is being written all the time`);
      }
    }
  } finally {
    folder.close();
  }
}

function readOnce(at: string, path: string, bytes_max: number): FoundFile | null | 'changing' {
  let file: number;
  try {
    const named = lstatSync(at, { bigint: true });
    // Looked at before it is opened: opening a pipe would wait.
    if (!named.isFile()) throw new IndelibleError('TARGET_REFUSED', `${path} is not a plain file`);
    file = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fileFault(error, path);
  }
  try {
    const before = fstatSync(file, { bigint: true });
    if (!before.isFile()) throw new IndelibleError('TARGET_REFUSED', `${path} is not a plain file`);
    if (before.size > BigInt(bytes_max)) {
      throw new IndelibleError('CONNECTOR_LIMIT', `${path} has ${before.size} bytes, more than ${bytes_max}`);
    }
    const content = readFileSync(file);
    const after = fstatSync(file, { bigint: true });
    if (before.ctimeNs !== after.ctimeNs || BigInt(content.length) !== after.size) return 'changing';
    const sha256 = sha256Hex(content);
    return {
      content,
      state: stateOf(factsOf(sha256, after), {
        inode: String(after.ino),
        links: Number(after.nlink),
        modified_at: new Date(Number(after.mtimeMs)).toISOString(),
      }),
      version: `${after.dev}-${after.ino}-${after.ctimeNs}-${formatMode(after.mode)}-${sha256}`,
      inode: String(after.ino),
    };
  } catch (error) {
    throw fileFault(error, path);
  } finally {
    closeSync(file);
  }
}

function factsOf(sha256: string, { size, mode, uid, gid }: BigIntStats): JsonObject {
  return fileFacts({
    sha256,
    size: Number(size),
    mode: formatMode(mode),
    uid: Number(uid),
    gid: Number(gid),
  });
}

/** What is compared and restored of a file. */
export interface FileFacts {
  readonly sha256: string;
  readonly size: number;
  /** Octal, four digits. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
}

export function fileFacts({ sha256, size, mode, uid, gid }: FileFacts): JsonObject {
  return { sha256, size, mode, uid, gid };
}

function formatMode(mode: bigint): string {
  return Number(mode & 0o7777n)
    .toString(8)
    .padStart(4, '0');
}
