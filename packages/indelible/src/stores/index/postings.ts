/**
 * Postings under construction: for every term, which of some consecutive records have it.
 *
 * One open-addressing table in typed arrays: no object per term or posting, because a batch has millions.
 * `start` comes first. Offsets must be added in ascending order; a term repeated within one record counts once.
 *
 * Pure:    no I/O.
 */

const EMPTY = -1;
const NONE = -1;

export class Postings {
  #mask = 0;
  #keys = new Float64Array(0);
  /** Per slot: the newest posting, or NONE. */
  #last = new Int32Array(0);
  #length = new Int32Array(0);
  /** Per posting: its offset and the posting before it. */
  #offset = new Uint32Array(0);
  #previous = new Int32Array(0);
  #postings = 0;
  #terms = 0;

  /** Empties it for another use. Guesses at what is to come spare it growing; wrong ones only cost time. */
  start(terms: number, postings: number): void {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(terms, 64) * 2));
    // Tables are kept, because garbage this large outruns the collector; but emptying a huge one for a few terms is slow.
    if (this.#keys.length < slots || this.#keys.length > slots * 64) {
      this.#keys = new Float64Array(slots);
      this.#last = new Int32Array(slots);
      this.#length = new Int32Array(slots);
    }
    if (this.#offset.length < postings) {
      this.#offset = new Uint32Array(postings);
      this.#previous = new Int32Array(postings);
    }
    this.#keys.fill(EMPTY);
    this.#mask = this.#keys.length - 1;
    this.#postings = 0;
    this.#terms = 0;
  }

  /** How many different terms there are. */
  get terms(): number {
    return this.#terms;
  }

  /** How many postings there are. */
  get size(): number {
    return this.#postings;
  }

  add(term: number, offset: number): void {
    let slot = this.#slot(term);
    if (this.#keys[slot] === EMPTY) {
      if (this.#terms * 2 > this.#mask) {
        this.#grow();
        slot = this.#slot(term);
      }
      this.#keys[slot] = term;
      this.#last[slot] = NONE;
      this.#length[slot] = 0;
      this.#terms++;
    }
    const last = this.#last[slot]!;
    if (last !== NONE && this.#offset[last] === offset) return;
    if (this.#postings === this.#offset.length) {
      this.#offset = doubled(this.#offset, new Uint32Array(Math.max(64, this.#offset.length * 2)));
      this.#previous = doubled(this.#previous, new Int32Array(this.#previous.length * 2));
    }
    this.#offset[this.#postings] = offset;
    this.#previous[this.#postings] = last;
    this.#last[slot] = this.#postings++;
    this.#length[slot]!++;
  }

  /** All terms, ascending. */
  sorted(): Float64Array {
    const terms = new Float64Array(this.#terms);
    let next = 0;
    for (const key of this.#keys) if (key !== EMPTY) terms[next++] = key;
    return terms.sort();
  }

  /** Writes a term's offsets, ascending, to the start of `into`; returns how many. */
  offsets(term: number, into: Uint32Array): number {
    const slot = this.#slot(term);
    if (this.#keys[slot] === EMPTY) return 0;
    const length = this.#length[slot]!;
    let posting = this.#last[slot]!;
    for (let i = length - 1; i >= 0; i--) {
      into[i] = this.#offset[posting]!;
      posting = this.#previous[posting]!;
    }
    return length;
  }

  #slot(term: number): number {
    let slot = (term | 0) & this.#mask;
    while (this.#keys[slot] !== term && this.#keys[slot] !== EMPTY) slot = (slot + 1) & this.#mask;
    return slot;
  }

  #grow(): void {
    const keys = this.#keys;
    const last = this.#last;
    const length = this.#length;
    const size = keys.length * 2;
    this.#mask = size - 1;
    this.#keys = new Float64Array(size).fill(EMPTY);
    this.#last = new Int32Array(size);
    this.#length = new Int32Array(size);
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === EMPTY) continue;
      const slot = this.#slot(keys[i]!);
      this.#keys[slot] = keys[i]!;
      this.#last[slot] = last[i]!;
      this.#length[slot] = length[i]!;
    }
  }
}

function doubled<T extends Uint32Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
