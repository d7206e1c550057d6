/**
 * The writing side of the file store: appends batches to the active segment, one after the other, while the sync of
 * the one before is still under way.
 *
 * After a failed write or sync nobody knows what is on the medium, and a second sync of the same open file proves
 * nothing: the kernel may have dropped the pages and forgotten the error (https://lwn.net/Articles/752063/). So the
 * store counts such a batch as lost, whatever became of it: it opens the file anew, cuts it back to the last
 * acknowledged byte, syncs that, and only then names its head. Nothing that was cut was ever acknowledged.
 *
 * Errors:  HEAD_MOVED, STORE_FULL, STORE_READ_ONLY, STORE_UNAVAILABLE, LEDGER_DAMAGED, RECORD_INVALID.
 */
import { IndelibleError, isLine, lineHash } from '@indelible/core';
import type { Head, LineBatch } from '../contract.ts';
import { type Acknowledged, segmentsDirectory } from './extent.ts';
import { damaged, writeFault } from './fault.ts';
import { type FileSystem, OPEN, syncDirectory, writeAll } from './file-system.ts';
import { createSegment, cutToAcknowledged, type RecoveredLog } from './recovery.ts';
import type { Segment } from './segments.ts';
import { sameHead, seqOfLine } from './stored-line.ts';

/**
 * Appends whose bytes are being synced at once. Each uses a descriptor of its own: Linux reports a failed write-back
 * to the first sync of each descriptor, so that with a common one the wrong append might hear of it.
 */
export const APPENDS_IN_FLIGHT = 2;

/** In a burst another hand is looked for this often: looking each time costs as much as hashing. */
const APPENDS_UNCHECKED_MAX = 16;

interface ActiveSegment {
  readonly segment: Segment;
  readonly fds: readonly number[];
  /** Acknowledged bytes. */
  length: number;
}

/** Where the next append goes: behind everything that was written, acknowledged or not. */
interface Tip {
  readonly head: Head | null;
  readonly length: number;
}

export interface WriterOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  readonly segment_bytes_max: number;
}

export class SegmentWriter {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #segment_bytes_max: number;
  #head: Head | null;
  #active: ActiveSegment | null = null;
  #tip: Tip;
  /** Syncs under way, oldest first. Each tells whether its append, and all before it, became durable. */
  #syncs: Promise<boolean>[] = [];
  #appends = 0;
  /** True from a failed append until `settle` has succeeded. */
  #uncertain = false;

  constructor(options: WriterOptions, log: RecoveredLog) {
    this.#fs = options.fs;
    this.#directory = options.directory;
    this.#segment_bytes_max = options.segment_bytes_max;
    this.#head = log.head;
    if (log.active) this.#active = { ...log.active, fds: this.#openAll(log.active.segment) };
    this.#tip = { head: log.head, length: log.active?.length ?? 0 };
  }

  get uncertain(): boolean {
    return this.#uncertain;
  }

  /** False while bytes are in the file that are not acknowledged yet. */
  get at_rest(): boolean {
    return this.#syncs.length === 0 && !this.#uncertain;
  }

  /** The last acknowledged record. After a failed append, call `settle` first. */
  get head(): Head | null {
    return this.#head;
  }

  get acknowledged(): Acknowledged | null {
    if (!this.#active) return null;
    const { segment, length } = this.#active;
    return { segment, length, next_seq: this.#head ? this.#head.seq + 1 : segment.first_seq };
  }

  /**
   * Writes a batch behind all earlier ones and starts to sync it. Not to be called again before it resolves; what it
   * resolves to then settles with the append.
   */
  async write(batch: LineBatch, expected: Head | null): Promise<{ durable: Promise<void> }> {
    await this.settle();
    const head = headAfter(batch, expected, this.#tip.head);
    if (!head) return { durable: Promise.resolve() };
    const bytes = batch.bytes.subarray(0, batch.ends[batch.ends.length - 1]);
    if (this.#syncs.length >= APPENDS_IN_FLIGHT) await this.#syncs[0];
    try {
      const active = await this.#activeFor(batch.first_seq);
      // One before this may have failed while we waited for a turn.
      if (this.#uncertain) throw headMoved(this.#head);
      const before = this.#syncs.at(-1);
      const start = this.#tip.length;
      if (this.#syncs.length === 0 || this.#appends % APPENDS_UNCHECKED_MAX === 0)
        this.#checkUntouched(active, start);
      const fd = active.fds[this.#appends++ % APPENDS_IN_FLIGHT]!;
      this.#tip = { head, length: start + bytes.length };
      await writeAll(this.#fs, fd, bytes, start);
      return { durable: this.#sync(active, fd, this.#tip, before) };
    } catch (error) {
      this.#uncertain = true;
      throw writeFault(error, `append to ${this.#directory}`);
    }
  }

  /** `before` is the sync that was the last when the bytes found their place, also if it is over by now. */
  async #sync(active: ActiveSegment, fd: number, tip: Tip, before?: Promise<boolean>): Promise<void> {
    const { promise, resolve: settled } = Promise.withResolvers<boolean>();
    this.#syncs.push(promise);
    const [synced, in_order] = await Promise.allSettled([this.#fs.syncData(fd), before]);
    const durable =
      synced.status === 'fulfilled' && in_order.status === 'fulfilled' && in_order.value !== false;
    if (durable) {
      active.length = tip.length;
      this.#head = tip.head;
    } else this.#uncertain = true;
    this.#syncs.shift();
    settled(durable);
    if (durable) return;
    throw synced.status === 'rejected'
      ? writeFault(synced.reason, `append to ${this.#directory}`)
      : headMoved(this.#head);
  }

  /** Waits for every append under way. */
  async idle(): Promise<void> {
    while (this.#syncs.length > 0) await this.#syncs.at(-1);
  }

  /** Makes the medium agree with what was acknowledged, if that is in doubt. */
  async settle(): Promise<void> {
    if (!this.#uncertain) return;
    await this.idle();
    try {
      const active = this.#active;
      if (active) {
        const { segment, length } = active;
        const attempted = Math.max(length, this.#tip.length);
        await cutToAcknowledged(this.#fs, segment, { length, attempted, head: this.#head });
        const fds = this.#openAll(segment);
        this.#active = { segment, length, fds };
        this.#closeAll(active);
      }
      await syncDirectory(this.#fs, segmentsDirectory(this.#directory));
      this.#tip = { head: this.#head, length: this.#active?.length ?? 0 };
      this.#uncertain = false;
    } catch (error) {
      throw writeFault(error, `bring ${this.#directory} into a known state after a failed write`);
    }
  }

  close(): void {
    if (this.#active) this.#closeAll(this.#active);
    this.#active = null;
  }

  #openAll(segment: Segment): number[] {
    const fds: number[] = [];
    try {
      while (fds.length < APPENDS_IN_FLIGHT) fds.push(this.#fs.open(segment.path, OPEN.write));
      return fds;
    } catch (error) {
      for (const fd of fds) this.#fs.close(fd);
      throw error;
    }
  }

  #closeAll({ fds }: ActiveSegment): void {
    for (const fd of fds) this.#fs.close(fd);
  }

  /** The segment for a batch: a batch is never split, so that a full segment is left before writing. */
  async #activeFor(first_seq: number): Promise<ActiveSegment> {
    const before = this.#active;
    const { length } = this.#tip;
    if (before && (length === 0 || length < this.#segment_bytes_max)) return before;
    await this.idle();
    if (this.#uncertain) throw headMoved(this.#head);
    const segment = await createSegment(this.#fs, this.#directory, first_seq);
    this.#active = { segment, fds: this.#openAll(segment), length: 0 };
    this.#tip = { head: this.#tip.head, length: 0 };
    if (before) this.#closeAll(before);
    return this.#active;
  }

  /** Someone who truncates, replaces or appends to the file would make acknowledgements worthless. */
  #checkUntouched(active: ActiveSegment, length: number): void {
    const { size, links } = this.#fs.stat(active.fds[0]!);
    if (links === 0) throw damaged(`Segment ${active.segment.name} was removed while it was written to.`);
    if (size !== length) throw damaged(`Another hand wrote to segment ${active.segment.name}.`);
  }
}

function headMoved(head: Head | null): IndelibleError {
  return new IndelibleError(
    'HEAD_MOVED',
    `The log ends at ${head ? `record ${head.seq}` : 'its beginning'}.`,
    { details: { head } },
  );
}

/** The head once `batch` is appended; null for an empty batch. Refuses what would make the log unreadable. */
function headAfter(batch: LineBatch, expected: Head | null, head: Head | null): Head | null {
  const { first_seq, bytes, ends } = batch;
  const count = ends.length;
  const next_seq = head ? head.seq + 1 : first_seq;
  if (!sameHead(expected, head) || (count > 0 && first_seq !== next_seq)) {
    throw headMoved(head);
  }
  if (count === 0) return null;
  const start = count > 1 ? ends[count - 2]! : 0;
  const end = ends[count - 1]!;
  const seq = first_seq + count - 1;
  if (!isLine(bytes, start, end) || seqOfLine(bytes, start, end) !== seq) {
    throw new IndelibleError('RECORD_INVALID', `The last line of the batch is not that of record ${seq}.`);
  }
  return { seq, hash: lineHash(bytes, start) };
}
