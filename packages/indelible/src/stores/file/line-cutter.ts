/**
 * Cuts a stream of bytes into whole lines, in memory of constant size.
 *
 * A line is whatever lies between newlines: damaged ones come through as they are, because it is the verifier
 * that judges them. Two things no reader may mistake for a line get a NUL as their last character, which no
 * canonical record contains: lines longer than the memory (cut short), and an end without newline.
 *
 * Shapes:  what it returns lies in its own memory and is valid until the next call.
 * Pure:    no I/O.
 */

/** Longer than any line that was ever written (core's LIMITS.record_bytes and the frame). */
export const LINE_BYTES_MAX = 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

export interface CutLines {
  readonly bytes: Uint8Array;
  readonly ends: number[];
}

export class LineCutter {
  readonly #memory: Buffer;
  /** [#start, #end) is read but not yet given out: the beginning of a line. */
  #start = 0;
  #end = 0;
  /** Inside an over-long line, whose beginning was given out. */
  #skipping = false;

  /** `bytes_max`: all that will ever come. Megabytes for a few records would have the garbage collector run all the time. */
  constructor(bytes_max = Number.POSITIVE_INFINITY) {
    this.#memory = Buffer.allocUnsafe(Math.min(CHUNK_BYTES + LINE_BYTES_MAX, bytes_max) + 2);
  }

  /** Where to put the next bytes. Invalidates what was given out before. */
  room(): Uint8Array {
    if (this.#start > 0) {
      this.#memory.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#memory.subarray(this.#end, this.#end + CHUNK_BYTES);
  }

  /** Takes note of `count` bytes put into `room()`; returns the lines that are whole now, if any. */
  take(count: number): CutLines | null {
    let from = this.#end;
    this.#end += count;
    if (this.#skipping) {
      const newline = this.#find(0);
      if (newline < 0) {
        this.#end = 0;
        return null;
      }
      this.#skipping = false;
      this.#start = from = newline + 1;
    }
    const begin = this.#start;
    const ends: number[] = [];
    for (let newline = this.#find(from); newline >= 0; newline = this.#find(newline + 1)) {
      ends.push(newline + 1 - begin);
    }
    if (ends.length > 0) {
      this.#start = begin + ends[ends.length - 1]!;
      return { bytes: this.#memory.subarray(begin, this.#start), ends };
    }
    if (this.#end - begin < LINE_BYTES_MAX) return null;
    this.#skipping = true;
    return this.#giveUp(begin, begin + LINE_BYTES_MAX - 2);
  }

  /** At the end of the stream: the last line if it lacks its newline. */
  rest(): CutLines | null {
    const { length } = this.#memory.subarray(this.#start, this.#end);
    if (length === 0 || this.#skipping) return null;
    return this.#giveUp(this.#start, this.#end);
  }

  #giveUp(begin: number, end: number): CutLines {
    this.#memory[end] = 0;
    this.#memory[end + 1] = NEWLINE;
    this.#start = this.#end = 0;
    const bytes = this.#memory.subarray(begin, end + 2);
    return { bytes, ends: [bytes.length] };
  }

  #find(from: number): number {
    const newline = this.#memory.indexOf(NEWLINE, from);
    return newline < this.#end ? newline : -1;
  }
}
