/**
 * Record ids and times: both grow with the sequence number.
 *
 * Source:  RFC 9562 §5.7 and §6.2 (method 1: a counter in the bits behind the time).
 */
import { randomFillSync } from 'node:crypto';

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const COUNTER_BITS = 26;

/** Makes UUIDs of version 7 that never go backwards within a process, also when the clock does. */
export class IdSource {
  #time = 0;
  #counter = 0;
  #prefix = '';
  readonly #pool = new Uint8Array(6 * 1024);
  #used = this.#pool.length;

  /** The next id for a record at `time` (milliseconds since 1970). */
  next(time: number): string {
    if (time > this.#time) {
      this.#startAt(time);
    } else if (++this.#counter >= 2 ** COUNTER_BITS) {
      this.#startAt(this.#time + 1);
    }
    const high = (this.#counter >>> 14).toString(16).padStart(3, '0');
    const low = (0x8000 | (this.#counter & 0x3fff)).toString(16);
    return `${this.#prefix}-7${high}-${low}-${this.#randomTail()}`;
  }

  #startAt(time: number): void {
    this.#time = time;
    const hex = time.toString(16).padStart(12, '0');
    this.#prefix = `${hex.slice(0, 8)}-${hex.slice(8)}`;
    // A random start keeps ids unguessable and leaves three quarters of the range for counting.
    this.#randomTail();
    this.#counter = (this.#pool[0]! << 16) | (this.#pool[1]! << 8) | this.#pool[2]!;
  }

  #randomTail(): string {
    if (this.#used === this.#pool.length) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    let tail = '';
    for (let i = 0; i < 6; i++) tail += HEX[this.#pool[this.#used + i]!];
    this.#used += 6;
    return tail;
  }
}

/** RFC 3339 texts of the ledger's clock, which never goes backwards. */
export class MonotonicClock {
  readonly #clock: () => number;
  #time = 0;
  #text = '';

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Never earlier than `recorded_at` from now on: the head's time after a restart or a foreign append. */
  advanceTo(recorded_at: string): void {
    const time = Date.parse(recorded_at);
    if (time > this.#time) this.#set(time);
  }

  now(): { readonly time: number; readonly text: string } {
    const time = this.#clock();
    if (time > this.#time) this.#set(time);
    return { time: this.#time, text: this.#text };
  }

  #set(time: number): void {
    this.#time = time;
    this.#text = new Date(time).toISOString();
  }
}

const pool = new Uint8Array(16 * 512);
let used = pool.length;

/** A random correlation id: a W3C trace id. */
export function newCorrelationId(): string {
  // One system call for many ids: asking for 16 bytes at a time costs more than all the rest of an event.
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let text = '';
  for (let i = 0; i < 16; i++) text += HEX[pool[used + i]!];
  used += 16;
  // All zeros would be an invalid trace id; one chance in 2^128.
  return /^0+$/.test(text) ? newCorrelationId() : text;
}
