/**
 * The writing side of the file store: appends batches to the active segment, one after the other.
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
import { type FileSystem, OPEN, syncDirectory, WRITE_THROUGH, writeAll } from './file-system.ts';
import { createSegment, cutToAcknowledged, type RecoveredLog } from './recovery.ts';
import type { Segment } from './segments.ts';
import { sameHead, seqOfLine } from './stored-line.ts';

interface ActiveSegment {
  readonly segment: Segment;
  readonly fd: number;
  /** Acknowledged bytes. */
  length: number;
}

export interface WriterOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  readonly segment_bytes_max: number;
  /** Sync by the write itself instead of by a call of its own. */
  readonly write_through: boolean;
}

export class SegmentWriter {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #segment_bytes_max: number;
  readonly #open_flags: number;
  #head: Head | null;
  #active: ActiveSegment | null = null;
  /** True from a failed append until `settle` has succeeded. */
  #uncertain = false;
  /** Up to where a failed append of ours may have written. */
  #attempted = 0;

  constructor(options: WriterOptions, log: RecoveredLog) {
    this.#fs = options.fs;
    this.#directory = options.directory;
    this.#segment_bytes_max = options.segment_bytes_max;
    this.#open_flags = options.write_through ? WRITE_THROUGH : 0;
    this.#head = log.head;
    if (log.active) this.#active = { ...log.active, fd: this.#reopen(log.active.segment) };
  }

  get uncertain(): boolean {
    return this.#uncertain;
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

  async append(batch: LineBatch, expected: Head | null): Promise<void> {
    await this.settle();
    const head = headAfter(batch, expected, this.#head);
    if (!head) return;
    const bytes = batch.bytes.subarray(0, batch.ends[batch.ends.length - 1]);
    this.#attempted = this.#active?.length ?? 0;
    try {
      const active = await this.#activeFor(batch.first_seq);
      this.#attempted = active.length;
      this.#checkUntouched(active);
      this.#attempted = active.length + bytes.length;
      await writeAll(this.#fs, active.fd, bytes, active.length);
      if (this.#open_flags === 0) await this.#fs.syncData(active.fd);
      active.length += bytes.length;
      this.#head = head;
    } catch (error) {
      this.#uncertain = true;
      throw writeFault(error, `append to ${this.#directory}`);
    }
  }

  /** Makes the medium agree with what was acknowledged, if that is in doubt. */
  async settle(): Promise<void> {
    if (!this.#uncertain) return;
    try {
      const active = this.#active;
      if (active) {
        const { segment, length } = active;
        await cutToAcknowledged(this.#fs, segment, { length, attempted: this.#attempted, head: this.#head });
        const fd = this.#reopen(segment);
        this.#active = { segment, length, fd };
        this.#fs.close(active.fd);
      }
      await syncDirectory(this.#fs, segmentsDirectory(this.#directory));
      this.#uncertain = false;
    } catch (error) {
      throw writeFault(error, `bring ${this.#directory} into a known state after a failed write`);
    }
  }

  close(): void {
    if (this.#active) this.#fs.close(this.#active.fd);
    this.#active = null;
  }

  #reopen(segment: Segment): number {
    return this.#fs.open(segment.path, OPEN.write | this.#open_flags);
  }

  /** The segment for a batch: a batch is never split, so that a full segment is left before writing. */
  async #activeFor(first_seq: number): Promise<ActiveSegment> {
    const before = this.#active;
    if (before && (before.length === 0 || before.length < this.#segment_bytes_max)) return before;
    const created = await createSegment(this.#fs, this.#directory, first_seq, this.#open_flags);
    this.#active = { ...created, length: 0 };
    if (before) this.#fs.close(before.fd);
    return this.#active;
  }

  /** Someone who truncates, replaces or appends to the file would make acknowledgements worthless. */
  #checkUntouched(active: ActiveSegment): void {
    const { size, links } = this.#fs.stat(active.fd);
    if (links === 0) throw damaged(`Segment ${active.segment.name} was removed while it was written to.`);
    if (size !== active.length) throw damaged(`Another hand wrote to segment ${active.segment.name}.`);
  }
}

/** The head once `batch` is appended; null for an empty batch. Refuses what would make the log unreadable. */
function headAfter(batch: LineBatch, expected: Head | null, head: Head | null): Head | null {
  const { first_seq, bytes, ends } = batch;
  const count = ends.length;
  const next_seq = head ? head.seq + 1 : first_seq;
  if (!sameHead(expected, head) || (count > 0 && first_seq !== next_seq)) {
    throw new IndelibleError(
      'HEAD_MOVED',
      `The log ends at ${head ? `record ${head.seq}` : 'its beginning'}.`,
      {
        details: { head_seq: head?.seq ?? null },
      },
    );
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
