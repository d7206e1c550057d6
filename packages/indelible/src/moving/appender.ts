/**
 * Appends lines that are sealed already, in groups of a size that every store is used to.
 *
 * Lines are copied once, so that a group is written while the next is read. Nothing is written behind an append that
 * failed.
 *
 * Errors:  those of the store.
 */
import { lineHash } from '@indelible/core';
import type { Head, LineBatch, LogStore } from '../stores/contract.ts';

/** A quarter of what the ledger itself appends at once. */
const GROUP_RECORDS_MAX = 4096;
const GROUP_BYTES = 1 << 20;

export class Appender {
  readonly #store: LogStore;
  readonly #in_flight_max: number;
  /** Oldest first. */
  readonly #in_flight: Promise<void>[] = [];
  readonly #spare: Uint8Array[] = [];
  #tip: Head | null;
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;
  #ends: number[] = [];
  #first_seq = 0;
  #written = 0;

  /** `head` is the last record that the store has. */
  constructor(store: LogStore, head: Head | null) {
    this.#store = store;
    this.#tip = head;
    this.#in_flight_max = store.appends_in_flight ?? 1;
  }

  /** Records that are durable. */
  get written(): number {
    return this.#written;
  }

  /** Takes the lines from position `from` on; resolves when the batch's memory may be used again. */
  async add({ bytes, ends, first_seq }: LineBatch, from: number): Promise<void> {
    let start = from === 0 ? 0 : ends[from - 1]!;
    for (let i = from; i < ends.length; i++) {
      const end = ends[i]!;
      const full = this.#length + (end - start) > GROUP_BYTES || this.#ends.length >= GROUP_RECORDS_MAX;
      if (full && this.#ends.length > 0) await this.#flush();
      if (this.#ends.length === 0) this.#begin(first_seq + i, end - start);
      this.#bytes.set(bytes.subarray(start, end), this.#length);
      this.#ends.push((this.#length += end - start));
      start = end;
    }
  }

  /** Resolves with the last record, once everything is durable. */
  async finish(): Promise<Head | null> {
    if (this.#ends.length > 0) await this.#flush();
    while (this.#in_flight.length > 0) await this.#in_flight.shift();
    return this.#tip;
  }

  /** Waits for what is under way, whatever comes of it. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#in_flight.splice(0));
  }

  #begin(first_seq: number, line_bytes: number): void {
    this.#first_seq = first_seq;
    this.#bytes = this.#spare.pop() ?? new Uint8Array(GROUP_BYTES);
    // No store hands out a line of that size; one that did would still be copied.
    if (this.#bytes.length < line_bytes) this.#bytes = new Uint8Array(line_bytes);
  }

  async #flush(): Promise<void> {
    while (this.#in_flight.length >= this.#in_flight_max) await this.#in_flight.shift();
    const [memory, ends, first_seq] = [this.#bytes, this.#ends, this.#first_seq];
    const last_start = ends.length < 2 ? 0 : ends[ends.length - 2]!;
    const batch: LineBatch = { first_seq, bytes: memory.subarray(0, this.#length), ends };
    const expected = this.#tip;
    this.#tip = { seq: first_seq + ends.length - 1, hash: lineHash(memory, last_start) };
    [this.#ends, this.#length] = [[], 0];
    const appended = this.#store.append(batch, expected).then(() => {
      this.#written += ends.length;
      this.#spare.push(memory);
    });
    // Raised where it is waited for.
    appended.catch(() => {});
    this.#in_flight.push(appended);
  }
}
