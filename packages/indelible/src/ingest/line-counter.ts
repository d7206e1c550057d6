/**
 * Counts how often each line has been seen, in about 24 bytes a distinct line: a million lines are no burden.
 *
 * Open addressing over 52 bits of the line's SHA-256. Two lines that share those bits share a count; that is
 * harmless, because the count only tells apart lines that are also told apart by their whole digest.
 *
 * Pure:    no I/O.
 */

/** Slots to begin with; always a power of two. */
const SLOTS_MIN = 1024;

export class LineCounter {
  // 0 marks an empty slot, so keys are shifted by one.
  #keys = new Float64Array(SLOTS_MIN);
  #counts = new Uint32Array(SLOTS_MIN);
  #used = 0;

  /** How many lines with this digest came before this one. */
  seen(digest: string): number {
    if (this.#used * 2 >= this.#keys.length) this.#grow();
    // 13 digits are 52 bits: a double holds them exactly.
    const key = Number.parseInt(digest.slice(0, 13), 16) + 1;
    const slot = findSlot(this.#keys, key);
    if (this.#keys[slot] === 0) {
      this.#keys[slot] = key;
      this.#used++;
    }
    return this.#counts[slot]!++;
  }

  #grow(): void {
    const keys = new Float64Array(this.#keys.length * 2);
    const counts = new Uint32Array(keys.length);
    this.#keys.forEach((key, i) => {
      if (key === 0) return;
      const slot = findSlot(keys, key);
      keys[slot] = key;
      counts[slot] = this.#counts[i]!;
    });
    this.#keys = keys;
    this.#counts = counts;
  }
}

function findSlot(keys: Float64Array, key: number): number {
  // The key is part of a SHA-256: its low bits are as good as any hash of it.
  let slot = key % keys.length;
  while (keys[slot] !== 0 && keys[slot] !== key) slot = (slot + 1) % keys.length;
  return slot;
}
