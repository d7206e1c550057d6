/**
 * A sliding window over a stream of bytes: grow it at the end, drop it from the front, know where it stands.
 *
 * A stream that fails is, for the reader of the window, a stream that ends: it works up what there is, and then
 * looks at `failure`.
 */
import { IndelibleError } from '@indelible/core';
import { decompressed } from './decompress.ts';

export class ByteWindow {
  /** Why the stream ended early, or null. */
  failure: IndelibleError | null = null;
  /** Where the window starts in the (decompressed) source. */
  offset = 0;
  readonly #source: AsyncIterator<Uint8Array>;
  #memory = new Uint8Array(65_536);
  #start = 0;
  #end = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = decompressed(source)[Symbol.asyncIterator]();
  }

  /** What the window holds. Valid until the next `more`. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(this.#start, this.#end);
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Appends the next bytes of the stream; false when there are none. */
  async more(): Promise<boolean> {
    if (this.failure !== null) return false;
    try {
      const next = await this.#source.next();
      if (next.done) return false;
      this.#append(next.value);
      return true;
    } catch (error) {
      if (!(error instanceof IndelibleError)) throw error;
      this.failure = error;
      return false;
    }
  }

  /** Moves the start of the window forward. */
  drop(count: number): void {
    this.#start += count;
    this.offset += count;
  }

  /** Skips a UTF-8 byte order mark at the very start. */
  async skipByteOrderMark(): Promise<void> {
    while (this.length < 3 && (await this.more())) {}
    const [a, b, c] = this.bytes;
    if (a === 0xef && b === 0xbb && c === 0xbf) this.drop(3);
  }

  /** Releases the source when the reader stops early. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  #append(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#memory.length) {
      const size = this.length + chunk.length;
      // Half empty after compaction, so that small chunks do not move the bytes again and again.
      const memory =
        size * 2 > this.#memory.length ? new Uint8Array(Math.max(size * 2, 65_536)) : this.#memory;
      memory.set(this.bytes, 0);
      this.#memory = memory;
      this.#end = this.length;
      this.#start = 0;
    }
    this.#memory.set(chunk, this.#end);
    this.#end += chunk.length;
  }
}
