/**
 * The few file system calls that the file store makes, so that tests can make any of them fail.
 *
 * Calls that wait for the disk are asynchronous. Opening, listing, and reads and writes of some kilobytes are
 * synchronous: they are answered from the page cache in microseconds, a trip through the thread pool takes longer than
 * many a sync.
 *
 * Errors:  whatever Node raises; fault.ts gives it our codes.
 */
import fs from 'node:fs';

export interface DirectoryEntry {
  readonly name: string;
  /** False for folders, symbolic links, sockets and the like. */
  readonly is_file: boolean;
}

export interface FileSystem {
  /** `flags` as in open(2). Never follows a symbolic link in the last part of the path. */
  open(path: string, flags: number): number;
  close(fd: number): void;
  stat(fd: number): { readonly size: number; readonly links: number };
  read(fd: number, into: Uint8Array, position: number): Promise<number>;
  readNow(fd: number, into: Uint8Array, position: number): number;
  /** May write less than asked, like write(2). */
  write(fd: number, bytes: Uint8Array, position: number): Promise<number>;
  /** fdatasync(2): the bytes, and the size of the file. */
  syncData(fd: number): Promise<void>;
  /** fsync(2); of a folder: its entries. */
  sync(fd: number): Promise<void>;
  truncate(fd: number, length: number): Promise<void>;
  list(directory: string): DirectoryEntry[];
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Makes it and its parents; returns the topmost one that it had to make. */
  makeDirectory(path: string): string | undefined;
}

/** What the page cache takes in some 0.1 ms. */
const SMALL_BYTES = 256 * 1024;

/** Only the owner may read what was recorded. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC } = fs.constants;
// Absent on Windows, where opening does not follow links to begin with.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;

export const OPEN = {
  read: O_RDONLY,
  write: O_RDWR,
  create: O_CREAT,
  exclusive: O_EXCL,
  empty: O_TRUNC,
} as const;

function call<T>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value as T)));
  });
}

export const nodeFileSystem: FileSystem = {
  open: (path, flags) => fs.openSync(path, flags | O_NOFOLLOW, FILE_MODE),
  close: (fd) => fs.closeSync(fd),
  stat(fd) {
    const stats = fs.fstatSync(fd);
    return { size: stats.size, links: stats.nlink };
  },
  read: (fd, into, position) => call((done) => fs.read(fd, into, 0, into.length, position, done)),
  readNow: (fd, into, position) => fs.readSync(fd, into, 0, into.length, position),
  async write(fd, bytes, position) {
    if (bytes.length <= SMALL_BYTES) return fs.writeSync(fd, bytes, 0, bytes.length, position);
    return call((done) => fs.write(fd, bytes, 0, bytes.length, position, done));
  },
  syncData: (fd) => call((done) => fs.fdatasync(fd, done)),
  sync: (fd) => call((done) => fs.fsync(fd, done)),
  truncate: (fd, length) => call((done) => fs.ftruncate(fd, length, done)),
  list: (directory) =>
    fs
      .readdirSync(directory, { withFileTypes: true })
      .map((entry) => ({ name: entry.name, is_file: entry.isFile() })),
  rename: (from, to) => fs.renameSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  makeDirectory: (path) => fs.mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE }),
};

/** Makes the entries of a folder durable: a new file is lost with its name if only the file was synced. */
export async function syncDirectory(fs: FileSystem, directory: string): Promise<void> {
  // Windows cannot open folders, and needs no such call.
  if (process.platform === 'win32') return;
  const fd = fs.open(directory, OPEN.read);
  try {
    await fs.sync(fd);
  } finally {
    fs.close(fd);
  }
}

/** Writes all of `bytes`: write(2) may stop early, for one when the disk fills up. */
export async function writeAll(
  fs: FileSystem,
  fd: number,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const written = await fs.write(fd, done === 0 ? bytes : bytes.subarray(done), position + done);
    if (written <= 0) throw Object.assign(new Error('the file system took no bytes'), { code: 'EIO' });
    done += written;
  }
}

/** Reads [`position`, `position` + `length`) or as much of it as there is. For small pieces. */
export function readPiece(fs: FileSystem, fd: number, position: number, length: number): Buffer {
  const piece = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const count = fs.readNow(fd, done === 0 ? piece : piece.subarray(done), position + done);
    if (count === 0) break;
    done += count;
  }
  return piece.subarray(0, done);
}
