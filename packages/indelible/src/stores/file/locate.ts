/**
 * Finds a record's line in a segment by its sequence number, without any table to build or keep.
 *
 * Lines are in order and of similar length, so that the first guess is mostly right to some kilobytes: one or two
 * small reads per record, also in a file of a million. Every second step halves the range instead, so that lines
 * of very different length cannot make it slow. In damaged files it may miss lines, never return a wrong one:
 * the numbers are those in the lines.
 */
import { type FileSystem, readPiece } from './file-system.ts';
import { seqOfLine } from './stored-line.ts';

const NEWLINE = 0x0a;
const WINDOW_BYTES = 16 * 1024;
/** More unreadable bytes in a row than this, and the search gives up. */
const WINDOW_BYTES_MAX = 4 * 1024 * 1024;

/** Where a line starts, and its sequence number. */
export interface Mark {
  readonly offset: number;
  readonly seq: number;
}

interface WindowLine {
  readonly start: number;
  readonly end: number;
  readonly seq: number;
  /** False: the number cannot be read; `seq` follows from the line before. */
  readonly readable: boolean;
}

/** Whole lines in memory. */
interface Window {
  readonly bytes: Buffer;
  readonly offset: number;
  readonly lines: readonly WindowLine[];
  /** The line behind the last one. */
  readonly next: Mark;
}

export class LineFinder {
  readonly #fs: FileSystem;
  readonly #fd: number;
  readonly #low: Mark;
  readonly #high: Mark;
  /** Neighbours are often asked for one after the other. */
  #window: Window | null = null;

  /** Searches the first `end` bytes of a segment, which hold about `first_seq` <= seq < `next_seq`. */
  constructor(fs: FileSystem, fd: number, first_seq: number, next_seq: number, end: number) {
    this.#fs = fs;
    this.#fd = fd;
    this.#low = { offset: 0, seq: first_seq };
    this.#high = { offset: end, seq: next_seq };
  }

  /** A copy of the line with this sequence number, or null. */
  line(seq: number): Uint8Array | null {
    const window = this.#windowAround(seq);
    const found = window?.lines.find((line) => line.seq === seq && line.readable);
    return found && window ? new Uint8Array(window.bytes.subarray(found.start, found.end)) : null;
  }

  /** The first line with this or a higher sequence number; the end when there is none. */
  mark(seq: number): Mark {
    const window = this.#windowAround(seq);
    if (!window) return this.#high;
    const found = window.lines.find((line) => line.seq >= seq);
    return found ? { offset: window.offset + found.start, seq: found.seq } : window.next;
  }

  /** The lines among which `seq` is, if it is anywhere; otherwise those before its place. */
  #windowAround(seq: number): Window | null {
    if (this.#window && spans(this.#window, seq)) return this.#window;
    let low = this.#low;
    let high = this.#high;
    let size = WINDOW_BYTES;
    for (let step = 0; size <= WINDOW_BYTES_MAX; step++) {
      if (high.offset - low.offset <= size) return this.#read(low.offset, high.offset, low.seq);
      const middle = low.offset + guess(low, high, seq, step) * (high.offset - low.offset);
      const start = Math.min(Math.max(low.offset, Math.floor(middle - size / 2)), high.offset - size);
      const window = this.#read(start, start + size, start === low.offset ? low.seq : null);
      const first = window.lines[0];
      if (!first) size *= 2;
      else if (spans(window, seq)) return window;
      else if (seq < first.seq) high = { offset: window.offset + first.start, seq: first.seq };
      else low = window.next;
    }
    return null;
  }

  /** `seq` is that of the line at `from`; null when `from` is anywhere in a line. */
  #read(from: number, to: number, seq: number | null): Window {
    const bytes = readPiece(this.#fs, this.#fd, from, to - from);
    const lines: WindowLine[] = [];
    let start = 0;
    let expected = seq ?? -1;
    if (seq === null) {
      const newline = bytes.indexOf(NEWLINE);
      start = newline < 0 ? bytes.length : newline + 1;
    }
    for (let newline = bytes.indexOf(NEWLINE, start); newline >= 0; newline = bytes.indexOf(NEWLINE, start)) {
      const end = newline + 1;
      const stated = seqOfLine(bytes, start, end);
      const readable = stated >= 0;
      if (readable || expected >= 0) {
        lines.push({ start, end, seq: readable ? stated : expected, readable });
        expected = (readable ? stated : expected) + 1;
      }
      start = end;
    }
    this.#window = { bytes, offset: from, lines, next: { offset: from + start, seq: expected } };
    return this.#window;
  }
}

function spans(window: Window, seq: number): boolean {
  const first = window.lines[0];
  return first !== undefined && first.seq <= seq && window.lines.at(-1)!.seq >= seq;
}

/** The part of the range, 0 to 1, where the line is to be expected. */
function guess(low: Mark, high: Mark, seq: number, step: number): number {
  if (step % 2 === 1 || high.seq <= low.seq) return 0.5;
  return Math.min(1, Math.max(0, (seq - low.seq) / (high.seq - low.seq)));
}
