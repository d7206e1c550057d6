/**
 * The file itself: reading its lines, and adding one so that it is on the disk.
 *
 * No lock is taken. A line goes to the end of the file in one write(2) with O_APPEND, so that lines of two processes
 * never mix; and each line is void, whole, or the last.
 *
 * Errors:  those of Node; ANCHOR_DAMAGED for a line that is too long.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IndelibleError } from '@indelible/core';
import { LINE_BYTES_MAX, TORN_END } from './lines.ts';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_APPEND } = constants;
// Absent on Windows, where opening does not follow links to begin with.
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;
const PIECE_BYTES = 64 * 1024;
const FILE_MODE = 0o600;
const NEWLINE = 0x0a;

/** A line and where it begins. */
export interface FileLine {
  readonly offset: number;
  /** With its newline, if it has one. */
  readonly bytes: Uint8Array;
  /** False for what stands behind the last newline. */
  readonly whole: boolean;
}

/** The lines of the file from a byte on; none when it is not there. */
export async function* readLines(path: string, from = 0): AsyncGenerator<FileLine> {
  const file = await openIfThere(path);
  if (file === null) return;
  try {
    if (!(await file.stat()).isFile()) throw new IndelibleError('ANCHOR_UNAVAILABLE', `${path} is no file`);
    let rest = Buffer.alloc(0);
    let offset = from;
    for (;;) {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      const { bytesRead } = await file.read(piece, 0, piece.length, offset + rest.length);
      if (bytesRead === 0) break;
      rest = Buffer.concat([rest, piece.subarray(0, bytesRead)]);
      for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
        yield { offset, bytes: rest.subarray(0, end + 1), whole: true };
        rest = rest.subarray(end + 1);
        offset += end + 1;
      }
      if (rest.length > LINE_BYTES_MAX) throw tooLong();
    }
    if (rest.length > 0) yield { offset, bytes: rest, whole: false };
  } finally {
    await file.close();
  }
}

/** Adds a line, on the disk when this resolves. `torn`: the file ends in a line without an end, which becomes void. */
export async function addLine(path: string, line: string, torn: boolean): Promise<void> {
  const { file, made } = await openOrMake(path);
  try {
    const bytes = Buffer.from(torn ? TORN_END + line : line);
    const { bytesWritten } = await file.write(bytes);
    if (bytesWritten < bytes.length) {
      throw Object.assign(new Error('only part of the line was written'), { code: 'ENOSPC' });
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (made) await syncFolder(dirname(path));
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, O_RDONLY | O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // A folder that is not there is another matter: then nobody can say what the anchor holds.
    await (await open(dirname(path), O_RDONLY)).close();
    return null;
  }
}

async function openOrMake(path: string): Promise<{ file: FileHandle; made: boolean }> {
  const flags = O_WRONLY | O_APPEND | O_NOFOLLOW;
  try {
    return { file: await open(path, flags | O_CREAT | O_EXCL, FILE_MODE), made: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { file: await open(path, flags), made: false };
  }
}

/** A new file is lost with its name if only the file was synced. */
async function syncFolder(path: string): Promise<void> {
  // Windows cannot open folders, and needs no such call.
  if (process.platform === 'win32') return;
  const folder = await open(path, O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function tooLong(): IndelibleError {
  return new IndelibleError('ANCHOR_DAMAGED', `a line is longer than ${LINE_BYTES_MAX} bytes`);
}
