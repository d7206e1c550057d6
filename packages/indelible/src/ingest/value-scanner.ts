/**
 * Finds where a JSON value ends without parsing it: counts brackets, minds strings.
 *
 * It accepts far more than JSON; a parser judges what it delimits. It can stop and resume anywhere, so chunk
 * boundaries do not matter.
 *
 * Pure:    no I/O.
 */

/** Deeper nesting counts as broken: no event may nest even a tenth of this. */
const DEPTH_MAX = 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

export type ScanStatus =
  /** The delimiter behind the value is reached: `,`, `]` or `}` on the value's own level. */
  | 'end'
  /** All bytes are used up and the value has not ended. */
  | 'more'
  /** A bracket closes what another kind opened, or nesting is too deep. */
  | 'broken';

export class ValueScanner {
  /** Index of the first byte not scanned; with `end` the delimiter, with `broken` the offending bracket. */
  index = 0;
  #closers: number[] = [];
  #in_string = false;
  #escaped = false;

  /** Scans on from `index`; `bytes` must be the bytes of the last call, with more at the end. */
  scan(bytes: Uint8Array): ScanStatus {
    let i = this.index;
    const end = bytes.length;
    while (i < end) {
      if (this.#in_string) {
        i = this.#scanString(bytes, i);
        continue;
      }
      const byte = bytes[i]!;
      if (byte === QUOTE) {
        this.#in_string = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (this.#closers.length === DEPTH_MAX) return this.#stop(i, 'broken');
        // In ASCII each closing bracket stands two behind its opening one.
        this.#closers.push(byte + 2);
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (this.#closers.length === 0) return this.#stop(i, 'end');
        if (this.#closers.at(-1) !== byte) return this.#stop(i, 'broken');
        this.#closers.pop();
      } else if (byte === COMMA && this.#closers.length === 0) {
        return this.#stop(i, 'end');
      }
      i++;
    }
    return this.#stop(i, 'more');
  }

  /** Tells the scanner that the first `count` bytes have been dropped. */
  dropped(count: number): void {
    this.index -= count;
  }

  #scanString(bytes: Uint8Array, from: number): number {
    let i = from;
    for (; i < bytes.length; i++) {
      if (this.#escaped) {
        this.#escaped = false;
      } else if (bytes[i] === BACKSLASH) {
        this.#escaped = true;
      } else if (bytes[i] === QUOTE) {
        this.#in_string = false;
        return i + 1;
      }
    }
    return i;
  }

  #stop(index: number, status: ScanStatus): ScanStatus {
    this.index = index;
    return status;
  }
}
