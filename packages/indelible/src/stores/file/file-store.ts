/**
 * The file store: a ledger as JSON Lines in a folder, `file:DIR`.
 *
 *     DIR/segments/00000000000000000000.jsonl   records, in files named for their first one
 *     DIR/recovered/…                           torn last lines that a recovery cut off
 *     DIR/lock.db, DIR/lock.pid                 one writing process at a time
 *
 * Everything else in DIR is left alone. Readers take no lock and see what another process writes; they may see a
 * batch shortly before it is acknowledged, and see it go again if its sync fails.
 *
 * Errors:  those of the contract; LEDGER_NOT_FOUND when there is nothing to open and `create` is false.
 */
import { dirname, resolve } from 'node:path';
import { IndelibleError } from '@indelible/core';
import type { Head, LineBatch, LogStore, Shard, StoreFinding } from '../contract.ts';
import { AppendSignal, waitForChange } from './append-signal.ts';
import { type Acknowledged, readHead, segmentsDirectory } from './extent.ts';
import { readFault, systemCode, writeFault } from './fault.ts';
import { type FileSystem, nodeFileSystem, syncDirectory } from './file-system.ts';
import { inspectSegments } from './inspect.ts';
import { type LedgerLock, lockLedger } from './lock.ts';
import { getLines, type ReaderContext, readLines } from './reader.ts';
import { recoveredDirectory, recoverLog } from './recovery.ts';
import { listSegments } from './segments.ts';
import { planShards } from './shard-plan.ts';
import { evictSegments, truncationDue } from './truncation.ts';
import { APPENDS_IN_FLIGHT, SegmentWriter } from './writer.ts';

const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;

export interface FileStoreOptions {
  readonly dir: string;
  /** No lock, no recovery, no append. */
  readonly read_only?: boolean;
  /** Make the folder when it is missing (default), or raise LEDGER_NOT_FOUND. */
  readonly create?: boolean;
  /** A segment that has reached this size is left for a new one; default 64 MiB. A batch is never split. */
  readonly segment_bytes_max?: number;
  /** Evict the oldest segments beyond this number; default: keep all. */
  readonly segments_max?: number;
  /** For tests that make calls fail. */
  readonly fs?: FileSystem;
  /** Told what recovery did. */
  readonly log?: { warn(facts: Record<string, unknown>, message: string): void };
}

export async function openFileStore(options: FileStoreOptions): Promise<LogStore> {
  const { dir, segments_max, segment_bytes_max, read_only = false, fs = nodeFileSystem } = options;
  for (const [name, bound] of Object.entries({ segments_max, segment_bytes_max })) {
    if (bound !== undefined && !(Number.isSafeInteger(bound) && bound > 0)) {
      throw new IndelibleError('USAGE', `${name} must be a whole number above 0.`);
    }
  }
  await prepareFolders(fs, dir, !read_only && options.create !== false, read_only);
  if (read_only) return new FileStore(options, fs, null);
  const lock = await lockLedger(fs, dir);
  try {
    const log = await recoverLog(fs, dir);
    for (const finding of log.findings) options.log?.warn({ ...finding, dir }, finding.detail);
    const writer = new SegmentWriter(
      { fs, directory: dir, segment_bytes_max: segment_bytes_max ?? SEGMENT_BYTES_MAX },
      log,
    );
    return new FileStore(options, fs, { writer, lock, findings: log.findings });
  } catch (error) {
    lock.release();
    throw writeFault(error, `open ${dir} for writing`);
  }
}

/** Makes sure that the folders exist, with their names durable if they had to be made. */
async function prepareFolders(
  fs: FileSystem,
  dir: string,
  create: boolean,
  read_only: boolean,
): Promise<void> {
  try {
    if (!create) listSegments(fs, segmentsDirectory(dir));
    if (read_only) return;
    for (const folder of [segmentsDirectory(dir), recoveredDirectory(dir)]) {
      const topmost = fs.makeDirectory(folder);
      if (topmost === undefined) continue;
      const outermost = dirname(resolve(topmost));
      for (let parent = dirname(resolve(folder)); ; parent = dirname(parent)) {
        await syncDirectory(fs, parent);
        if (parent === outermost) break;
      }
    }
  } catch (error) {
    const missing = ['ENOENT', 'ENOTDIR'].includes(systemCode(error));
    if (!create && missing) throw new IndelibleError('LEDGER_NOT_FOUND', `There is no ledger in ${dir}.`);
    throw read_only ? readFault(error, `open ${dir}`) : writeFault(error, `open ${dir} for writing`);
  }
}

interface WritingSide {
  readonly writer: SegmentWriter;
  readonly lock: LedgerLock;
  readonly findings: readonly StoreFinding[];
}

class FileStore implements LogStore {
  readonly url: string;
  readonly read_only: boolean;
  readonly appends_in_flight = APPENDS_IN_FLIGHT;
  readonly truncation?: NonNullable<LogStore['truncation']>;
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #writing: WritingSide | null;
  readonly #reader: ReaderContext;
  readonly #signal = new AppendSignal();
  readonly #closing = new AbortController();
  /** The end of the queue of writes; they run one after the other. Their syncs overlap. */
  #last: Promise<unknown> = Promise.resolve();
  #queued = 0;

  constructor(options: FileStoreOptions, fs: FileSystem, writing: WritingSide | null) {
    this.url = `file:${options.dir}`;
    this.read_only = writing === null;
    this.#fs = fs;
    this.#directory = options.dir;
    this.#writing = writing;
    this.#reader = { fs, directory: options.dir, acknowledged: () => this.#acknowledged() };
    const { segments_max } = options;
    if (segments_max !== undefined && writing) {
      this.truncation = {
        due: async () => truncationDue(this.#open(), options.dir, segments_max),
        // Only older segments are evicted, never the one that appends go to.
        truncate: (keep_from) => this.#serial(() => evictSegments(this.#open(), options.dir, keep_from)),
      };
    }
  }

  async head(): Promise<Head | null> {
    this.#open();
    const writer = this.#writing?.writer;
    if (!writer) return readHead(this.#fs, this.#directory);
    if (writer.uncertain) await this.#serial(() => writer.settle());
    return writer.head;
  }

  async append(batch: LineBatch, expected: Head | null): Promise<void> {
    this.#open();
    const writer = this.#writing?.writer;
    if (!writer) throw new IndelibleError('STORE_READ_ONLY', `${this.url} was opened for reading only.`);
    const { durable } = await this.#serial(() => writer.write(batch, expected));
    await durable;
    this.#signal.notify();
  }

  async *read(from: number, to = Number.POSITIVE_INFINITY): AsyncGenerator<LineBatch> {
    this.#open();
    yield* readLines(this.#reader, from, to);
  }

  async get(seqs: readonly number[]): Promise<{ seq: number; line: Uint8Array }[]> {
    this.#open();
    return getLines(this.#reader, seqs);
  }

  async firstSeq(): Promise<number> {
    this.#open();
    try {
      return listSegments(this.#fs, segmentsDirectory(this.#directory)).segments[0]?.first_seq ?? 0;
    } catch (error) {
      throw readFault(error, `list the segments of ${this.#directory}`);
    }
  }

  async waitForAppend(seq: number, signal: AbortSignal): Promise<void> {
    this.#open();
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const writer = this.#writing?.writer;
    if (writer) {
      if ((writer.head?.seq ?? -1) <= seq) await this.#signal.next(either);
      return;
    }
    await waitForChange(
      segmentsDirectory(this.#directory),
      either,
      () => (readHead(this.#fs, this.#directory)?.seq ?? -1) > seq,
    );
  }

  async shards(count: number): Promise<Shard[]> {
    return planShards(this.#open(), this.#directory, this.#acknowledged(), count);
  }

  async inspect(): Promise<StoreFinding[]> {
    const idle = this.#queued === 0 && this.#writing?.writer.at_rest !== false;
    const now = await inspectSegments(this.#open(), this.#directory, idle ? this.#acknowledged() : null);
    return [...(this.#writing?.findings ?? []), ...now];
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return void (await this.#last);
    this.#closing.abort();
    await this.#serial(async () => {
      await this.#writing?.writer.idle();
      this.#writing?.writer.close();
      this.#writing?.lock.release();
    });
  }

  #acknowledged(): Acknowledged | null {
    return this.#writing?.writer.acknowledged ?? null;
  }

  /** Raises LEDGER_CLOSED after `close`. */
  #open(): FileSystem {
    if (this.#closing.signal.aborted) throw new IndelibleError('LEDGER_CLOSED', `${this.url} was closed.`);
    return this.#fs;
  }

  #serial<T>(task: () => Promise<T>): Promise<T> {
    this.#queued++;
    const run = this.#last.then(task).finally(() => this.#queued--);
    // Each task's error goes to its own caller, not to the next in the queue.
    this.#last = run.catch(() => undefined);
    return run;
  }
}
