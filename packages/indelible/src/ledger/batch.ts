/**
 * Sealing: prepared events become lines, each linked to the one before.
 *
 * The batch buffer is reused; a store must not keep it after `append` resolves.
 */
import {
  type BodyHash,
  GENESIS_HASH,
  IndelibleError,
  LIMITS,
  LINE_BODY_START,
  LINE_TAIL,
} from '@indelible/core';
import type { Head, LineBatch } from '../stores/contract.ts';
import { type Placement, type PreparedEvent, placeEvent } from './encode.ts';

/** Builds one batch of lines in a buffer that is used again for the next. */
export class BatchBuilder {
  #buffer = Buffer.allocUnsafeSlow(1 << 20);
  #length = 0;
  #ends: number[] = [];
  #first_seq = 0;
  #behind: Head | null = null;
  #last_hash = GENESIS_HASH;

  /** Starts over behind `head`. */
  begin(head: Head | null): void {
    this.#length = 0;
    this.#ends = [];
    this.#behind = head;
    this.#last_hash = head?.hash ?? GENESIS_HASH;
    this.#first_seq = head === null ? 0 : head.seq + 1;
  }

  /** The head once this batch is durable. */
  get head(): Head | null {
    return this.#ends.length === 0 ? this.#behind : { seq: this.next_seq - 1, hash: this.last_hash };
  }

  /** The hash that the next record links to. */
  get last_hash(): string {
    return this.#last_hash;
  }

  get next_seq(): number {
    return this.#first_seq + this.#ends.length;
  }

  get bytes(): number {
    return this.#length;
  }

  /** Adds one record and returns its hash; raises RECORD_TOO_LARGE and then leaves the batch as it was. */
  add(event: PreparedEvent, place: Placement, hash: BodyHash): string {
    const text = placeEvent(event, place);
    // UTF-8 needs at most three bytes per UTF-16 code unit.
    this.#reserve(LINE_BODY_START + 3 * text.length + LINE_TAIL);
    const start = this.#length;
    const body_start = start + LINE_BODY_START;
    const body_bytes = this.#buffer.write(text, body_start, 'utf8');
    if (body_bytes > LIMITS.record_bytes) {
      throw new IndelibleError(
        'RECORD_TOO_LARGE',
        `the record would have ${body_bytes} bytes; at most ${LIMITS.record_bytes}`,
      );
    }
    const body_end = body_start + body_bytes;
    const digest = hash(this.#buffer.subarray(body_start, body_end));
    this.#buffer.write(`{"hash":"${digest}","record":`, start, 'latin1');
    this.#buffer[body_end] = 0x7d;
    this.#buffer[body_end + 1] = 0x0a;
    this.#length = body_end + LINE_TAIL;
    this.#ends.push(this.#length);
    this.#last_hash = digest;
    return digest;
  }

  /** The lines so far. Valid until `begin`. */
  batch(): LineBatch {
    // Not a Buffer: its `slice` shares memory, where a Uint8Array's copies.
    const bytes = new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset, this.#length);
    return { first_seq: this.#first_seq, bytes, ends: this.#ends };
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + more));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
