/**
 * A tree in a folder: one file for each level, `level-0`, `level-1` …, each nothing but 32-byte hashes.
 *
 * Several processes may write it: the same log gives the same bytes in the same places. What was not synced may be
 * gone or zero after a crash of the machine; whoever resumes must check it or write it again (checkpointer.ts).
 *
 * Errors:  TREE_DAMAGED for a write behind the end of a level; STORE_* for faults of the disk.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorCode, IndelibleError, isIndelibleError } from '@indelible/core';
import type { TreeStorage } from './contract.ts';
import { HASH_BYTES } from './leaf-hashes.ts';
import { behindTheEnd, hashesAt } from './tree-memory.ts';

const LEVEL = /^level-([0-7])$/;

/** Opens the folder; for writing it is made when it is not there. */
export async function openTreeFolder(
  folder: string,
  { read_only = false }: { readonly read_only?: boolean } = {},
): Promise<TreeStorage> {
  if (!read_only) await guarded(folder, () => mkdir(folder, { recursive: true, mode: 0o700 }));
  return new TreeFolder(folder, read_only);
}

class TreeFolder implements TreeStorage {
  readonly #folder: string;
  readonly #read_only: boolean;
  readonly #files = new Map<number, Promise<FileHandle | null>>();
  readonly #unsynced = new Set<number>();
  /** A file was made: its name must be synced too. */
  #folder_unsynced = true;
  #closed = false;

  constructor(folder: string, read_only: boolean) {
    this.#folder = folder;
    this.#read_only = read_only;
  }

  width(level: number): Promise<number> {
    return guarded(this.#folder, async () => {
      const file = await this.#file(level);
      // A write that a crash cut short may have left a part of a hash.
      return file === null ? 0 : Math.floor((await file.stat()).size / HASH_BYTES);
    });
  }

  read(level: number, from: number, count: number): Promise<Uint8Array> {
    return guarded(this.#folder, async () => {
      const file = await this.#file(level);
      if (file === null) return new Uint8Array();
      const bytes = new Uint8Array(count * HASH_BYTES);
      const length = await readFully(file, bytes, from * HASH_BYTES);
      return bytes.subarray(0, length - (length % HASH_BYTES));
    });
  }

  write(level: number, from: number, hashes: Uint8Array): Promise<void> {
    return guarded(this.#folder, async () => {
      if (this.#read_only)
        throw new IndelibleError('STORE_READ_ONLY', 'the tree was opened for reading alone');
      if (from > (await this.width(level))) throw behindTheEnd(level, from);
      const file = (await this.#file(level))!;
      this.#unsynced.add(level);
      let done = 0;
      while (done < hashes.length) {
        const { bytesWritten } = await file.write(
          hashes,
          done,
          hashes.length - done,
          from * HASH_BYTES + done,
        );
        done += bytesWritten;
      }
    });
  }

  sync(): Promise<void> {
    return guarded(this.#folder, async () => {
      const levels = [...this.#unsynced];
      this.#unsynced.clear();
      try {
        await Promise.all(levels.map(async (level) => (await this.#file(level))?.datasync()));
        if (this.#folder_unsynced) await syncFolder(this.#folder);
        this.#folder_unsynced = false;
      } catch (error) {
        for (const level of levels) this.#unsynced.add(level);
        throw error;
      }
    });
  }

  cut(leaves: number): Promise<void> {
    return guarded(this.#folder, async () => {
      if (this.#read_only)
        throw new IndelibleError('STORE_READ_ONLY', 'the tree was opened for reading alone');
      for (const name of await readdir(this.#folder)) {
        const level = Number(LEVEL.exec(name)?.[1] ?? -1);
        if (level < 0) continue;
        const width = hashesAt(level, leaves);
        if ((await this.width(level)) <= width) continue;
        await (await this.#file(level))!.truncate(width * HASH_BYTES);
        this.#unsynced.add(level);
      }
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const files = await Promise.allSettled(this.#files.values());
    this.#files.clear();
    for (const file of files) if (file.status === 'fulfilled') await file.value?.close();
  }

  /** Null when there is nothing to read yet. */
  #file(level: number): Promise<FileHandle | null> {
    if (this.#closed) throw new IndelibleError('LEDGER_CLOSED', 'the tree is closed');
    let file = this.#files.get(level);
    if (file === undefined) {
      file = this.#open(level);
      this.#files.set(level, file);
      // What is not there now may be in a moment.
      const forget = (): void => void this.#files.delete(level);
      file.then((opened) => opened ?? forget(), forget);
    }
    return file;
  }

  async #open(level: number): Promise<FileHandle | null> {
    const path = join(this.#folder, `level-${level}`);
    const flags = this.#read_only ? constants.O_RDONLY : constants.O_RDWR | constants.O_CREAT;
    try {
      if (!this.#read_only) this.#folder_unsynced = true;
      return await open(path, flags, 0o600);
    } catch (error) {
      if (this.#read_only && (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }
}

async function readFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Makes names durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
  EACCES: 'STORE_READ_ONLY',
  EPERM: 'STORE_READ_ONLY',
  EROFS: 'STORE_READ_ONLY',
};

async function guarded<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isIndelibleError(error)) throw error;
    const code = CODES[(error as NodeJS.ErrnoException).code ?? ''] ?? 'STORE_UNAVAILABLE';
    throw new IndelibleError(code, `the tree in ${folder} cannot be read or written`, { cause: error });
  }
}
