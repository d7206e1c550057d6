/**
 * The ends of a segment file: its first line, its last whole line, and what is torn off behind that.
 * Reads some kilobytes from the end, however large the file is.
 */
import { type FileSystem, OPEN, readPiece } from './file-system.ts';
import { LINE_BYTES_MAX } from './line-cutter.ts';

const NEWLINE = 0x0a;
const STEP_BYTES = 64 * 1024;
const HOLE_STEP_BYTES = 1024 * 1024;

export interface Tail {
  /** Just past the last newline; 0 when there is none. */
  readonly end: number;
  /** Bytes behind `end`: a line whose writing was interrupted. */
  readonly torn_bytes: number;
  /** The last whole line with its newline; null when there is none, or it is longer than any line can be. */
  readonly line: Uint8Array | null;
}

/** Reads the end of the first `size` bytes of a file. */
export function readTail(fs: FileSystem, fd: number, size: number): Tail {
  const end = newlineBefore(fs, fd, size, 0) + 1;
  if (end === 0) return { end: 0, torn_bytes: size, line: null };
  const start = newlineBefore(fs, fd, end - 1, Math.max(0, end - 1 - LINE_BYTES_MAX)) + 1;
  const line = end - start <= LINE_BYTES_MAX ? readPiece(fs, fd, start, end - start) : null;
  return { end, torn_bytes: size - end, line };
}

/**
 * Where the first line begins that has a hole in it: NUL bytes, which no record can hold, and which a crash of the
 * machine leaves where a later page reached the medium and an earlier one did not. -1 when there is none. Looks at the
 * last `window` bytes of `size`.
 */
export function lineWithHole(fs: FileSystem, fd: number, size: number, window: number): number {
  for (let at = Math.max(0, size - window); at < size; at += HOLE_STEP_BYTES) {
    const found = readPiece(fs, fd, at, Math.min(HOLE_STEP_BYTES, size - at)).indexOf(0);
    if (found >= 0) return newlineBefore(fs, fd, at + found, 0) + 1;
  }
  return -1;
}

/** The offset of the last newline in [`floor`, `before`), or -1. */
function newlineBefore(fs: FileSystem, fd: number, before: number, floor: number): number {
  let to = before;
  while (to > floor) {
    const from = Math.max(floor, to - STEP_BYTES);
    const found = readPiece(fs, fd, from, to - from).lastIndexOf(NEWLINE);
    if (found >= 0) return from + found;
    to = from;
  }
  return -1;
}

/** The first line of a file with its newline; null when there is none within the longest line. */
export function readFirstLine(fs: FileSystem, fd: number, size: number): Uint8Array | null {
  for (let length = STEP_BYTES; ; length *= 4) {
    const piece = readPiece(fs, fd, 0, Math.min(length, size, LINE_BYTES_MAX));
    const newline = piece.indexOf(NEWLINE);
    if (newline >= 0) return piece.subarray(0, newline + 1);
    if (length >= Math.min(size, LINE_BYTES_MAX)) return null;
  }
}

/** Opens a file for reading for as long as `use` runs. */
export function reading<T>(fs: FileSystem, path: string, use: (fd: number, size: number) => T): T {
  const fd = fs.open(path, OPEN.read);
  try {
    return use(fd, fs.stat(fd).size);
  } finally {
    fs.close(fd);
  }
}
