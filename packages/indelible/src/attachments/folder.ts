/**
 * Attachments as files in a folder beside the log: `ab/<64 hex digits>`, named by the SHA-256 of their bytes. After the
 * first 256 there is hardly ever another folder to make.
 *
 * A file gets its name only when its bytes are on the disk, and a name counts only when its folders are: whatever a
 * crash leaves is a `.partial` file that nobody reads, or a whole attachment. The folder is made by the first `put`.
 *
 * Errors:  those of the contract.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fsync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  write,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { IndelibleError, isIndelibleError, LIMITS } from '@indelible/core';
import type { AttachmentFinding, AttachmentStore } from './contract.ts';
import { altered, digestOf, digestOfHex, hexOf, missing, tooLarge } from './digest.ts';
import { readFault, systemCode, writeFault } from './faults.ts';
import { inspectFolder, isName, PREFIX } from './inspect-folder.ts';
import { checkBytesMax } from './memory.ts';

export interface FolderOptions {
  readonly path: string;
  readonly read_only?: boolean;
  /** Default 16 MiB. */
  readonly bytes_max?: number;
}

/** Opens the folder; it need not be there. */
export function openFolderAttachments(options: FolderOptions): AttachmentStore {
  return new FolderAttachments(options);
}

class FolderAttachments implements AttachmentStore {
  readonly url: string;
  readonly read_only: boolean;
  readonly bytes_max: number;
  readonly #path: string;
  /** Puts under way, so that equal bytes are written once. */
  readonly #puts = new Map<string, Promise<void>>();
  /** Folders whose own names are known to be on the disk. */
  readonly #durable = new Set<string>();
  #closed = false;

  constructor({ path, read_only = false, bytes_max }: FolderOptions) {
    this.url = `file:${path}`;
    this.#path = path;
    this.read_only = read_only;
    this.bytes_max = checkBytesMax(bytes_max);
  }

  async put(bytes: Uint8Array): Promise<string> {
    this.#refuseClosed();
    if (this.read_only) throw new IndelibleError('STORE_READ_ONLY', `${this.url} was opened for reading`);
    if (bytes.length > this.bytes_max) throw tooLarge(bytes.length, this.bytes_max);
    // The caller's bytes may change while this waits.
    const copy = bytes.slice();
    const digest = await digestOf(copy);
    const hex = hexOf(digest);
    const under_way = this.#puts.get(hex);
    const put = under_way ?? this.#put(hex, copy).finally(() => this.#puts.delete(hex));
    if (under_way === undefined) this.#puts.set(hex, put);
    await put;
    return digest;
  }

  async get(digest: string): Promise<Uint8Array> {
    this.#refuseClosed();
    return this.#read(digest);
  }

  async #read(digest: string): Promise<Uint8Array> {
    const bytes = await readWhole(this.#pathOf(hexOf(digest)), digest);
    if ((await digestOf(bytes)) !== digest)
      throw altered(digest, 'has other bytes than those it is named by');
    return bytes;
  }

  async has(digest: string): Promise<boolean> {
    this.#refuseClosed();
    const file = await openToRead(this.#pathOf(hexOf(digest)), digest).catch((error: unknown) => {
      if (isIndelibleError(error, 'ATTACHMENT_MISSING')) return null;
      // Something is there, though it is no file.
      if (isIndelibleError(error, 'ATTACHMENT_ALTERED')) return 'something';
      throw error;
    });
    if (file !== null && file !== 'something') await file.close();
    return file !== null;
  }

  async *list(): AsyncGenerator<string> {
    this.#refuseClosed();
    for (const prefix of (await namesIn(this.#path)).filter((name) => isName(name, PREFIX))) {
      for (const hex of await namesIn(join(this.#path, prefix)))
        if (isName(hex, 64) && hex.startsWith(prefix)) yield digestOfHex(hex);
    }
  }

  async remove(digest: string): Promise<boolean> {
    this.#refuseClosed();
    if (this.read_only) throw new IndelibleError('STORE_READ_ONLY', `${this.url} was opened for reading`);
    const path = this.#pathOf(hexOf(digest));
    try {
      await unlink(path);
      await syncFolder(dirname(path));
      return true;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw writeFault(error, `remove ${path}`);
    }
  }

  async inspect(): Promise<AttachmentFinding[]> {
    this.#refuseClosed();
    return inspectFolder(this.#path);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#puts.values());
  }

  async #put(hex: string, bytes: Uint8Array): Promise<void> {
    const path = this.#pathOf(hex);
    try {
      const there = await this.#isThere(hex);
      if (there === 'altered') await rename(path, `${path}.${randomName()}.altered`);
      if (there !== 'right') {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        await this.#write(path, bytes);
      }
      await this.#makeNamed(path);
    } catch (error) {
      throw writeFault(error, `write the attachment ${path}`);
    }
  }

  /** Makes the names on the way to it durable, too: its own, which another process may have just given, and new folders'. */
  async #makeNamed(path: string): Promise<void> {
    const made: string[] = [];
    for (let folder = dirname(path); !this.#durable.has(folder); folder = dirname(folder)) {
      made.push(folder);
      if (folder === this.#path) break;
    }
    // Side by side: a file system writes them together.
    await Promise.all([dirname(path), ...made.map((folder) => dirname(folder))].map(syncFolder));
    for (const folder of made) this.#durable.add(folder);
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const partial = `${path}.${randomName()}.partial`;
    try {
      // What a ledger holds is nobody else's business.
      const file = openSync(partial, 'wx', 0o600);
      try {
        await writeWhole(file, bytes);
        await sync(file);
      } finally {
        closeSync(file);
      }
      renameSync(partial, path);
    } catch (error) {
      await rm(partial, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** An altered file must not stand in for bytes that are at hand; it is set aside as evidence, not overwritten. */
  async #isThere(hex: string): Promise<'right' | 'altered' | 'missing'> {
    if (lstatSync(this.#pathOf(hex), { throwIfNoEntry: false }) === undefined) return 'missing';
    try {
      await this.#read(digestOfHex(hex));
      return 'right';
    } catch (error) {
      if (isIndelibleError(error, 'ATTACHMENT_MISSING')) return 'missing';
      if (isIndelibleError(error, 'ATTACHMENT_ALTERED')) return 'altered';
      throw error;
    }
  }

  #pathOf(hex: string): string {
    return join(this.#path, hex.slice(0, PREFIX), hex);
  }

  #refuseClosed(): void {
    if (this.#closed) throw new IndelibleError('LEDGER_CLOSED', `${this.url} is closed`);
  }
}

async function openToRead(path: string, digest: string): Promise<FileHandle> {
  try {
    // A link could be pointed elsewhere at any time; a pipe would never end.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw altered(digest, 'is no regular file');
  } catch (error) {
    if (error instanceof IndelibleError) throw error;
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw missing(digest);
    if (code === 'ELOOP') throw altered(digest, 'is a link');
    throw readFault(error, `read the attachment ${path}`);
  }
}

async function readWhole(path: string, digest: string): Promise<Uint8Array> {
  const file = await openToRead(path, digest);
  try {
    const { size } = await file.stat();
    if (size > LIMITS.attachment_bytes) throw altered(digest, `has ${size} bytes, more than any may have`);
    return await file.readFile();
  } catch (error) {
    throw readFault(error, `read the attachment ${path}`);
  } finally {
    await file.close();
  }
}

async function namesIn(path: string): Promise<string[]> {
  return readdir(path).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error))) return [];
    throw readFault(error, `list ${path}`);
  });
}

/** Written without a thread. */
const SMALL_BYTES = 64 * 1024;

// Names are given and looked at without a thread: that takes some microseconds, and asking one ten times as much. What
// waits for the disk does not hold anybody else up.
const sync = promisify(fsync);
const writeSome = promisify(write);

async function writeWhole(file: number, bytes: Uint8Array): Promise<void> {
  if (bytes.length <= SMALL_BYTES) return writeFileSync(file, bytes);
  for (let at = 0; at < bytes.length; )
    at += (await writeSome(file, bytes, at, bytes.length - at, at)).bytesWritten;
}

async function syncFolder(path: string): Promise<void> {
  const folder = openSync(path, 'r');
  try {
    await sync(folder);
  } finally {
    closeSync(folder);
  }
}

function randomName(): string {
  return randomBytes(8).toString('hex');
}
