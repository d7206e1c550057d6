/**
 * Gunzip by the slice: push some bytes, get what they decompress to, see whether the stream ended or failed.
 *
 * Not a pipeline, because an error destroys a stream together with what it had still buffered.
 *
 * Source:  RFC 1952; several members in a row are one stream (§2.2).
 */
import { createGunzip } from 'node:zlib';

export class Gunzipper {
  /** Set once the stream is corrupt. What failed together with earlier bytes of its slice takes those with it. */
  fault: (Error & { code?: string }) | null = null;
  bytes_in = 0;
  bytes_out = 0;
  // Not with rejectGarbageAfterEnd: that also rejects a second member.
  readonly #stream = createGunzip();
  #output: Uint8Array[] = [];
  #ended = false;
  #settle = () => {};

  constructor() {
    this.#stream.on('data', (bytes: Uint8Array) => {
      this.bytes_out += bytes.length;
      this.#output.push(bytes);
    });
    this.#stream.on('error', (error) => {
      this.fault = error;
      this.#settle();
    });
    this.#stream.once('end', () => {
      this.#ended = true;
      this.#settle();
    });
  }

  /** Decompresses the next bytes. Deflate expands at most 1,032 times: small slices bound the memory. */
  async push(slice: Uint8Array): Promise<Uint8Array[]> {
    if (!this.#ended) await this.#until((done) => this.#stream.write(slice, done));
    // Padding with zeros, as tapes and block devices add it, loses nothing; anything else must be said.
    const unused = slice.subarray(Math.max(0, this.#stream.bytesWritten - this.bytes_in));
    if (this.fault === null && unused.some((byte) => byte !== 0))
      this.fault = new Error('bytes behind its end');
    this.bytes_in += slice.length;
    return this.#taken();
  }

  /** What is left when there is no more input; `fault` is set when the stream was cut short. */
  async finish(): Promise<Uint8Array[]> {
    if (!this.#ended && this.fault === null) await this.#until(() => this.#stream.end());
    return this.#taken();
  }

  close(): void {
    this.#stream.destroy();
  }

  #until(start: (done: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      start(() => resolve());
    });
  }

  #taken(): Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }
}
