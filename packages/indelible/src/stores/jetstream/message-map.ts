/**
 * What is known about which message holds which records. Incomplete on purpose: what is not here is looked for in the
 * stream (locate.ts).
 *
 * Pure:    no I/O.
 */

/** Where some records lie. */
export interface Place {
  /** The message. */
  readonly number: number;
  readonly first_seq: number;
  readonly count: number;
}

/** About 1 MB. */
const PLACES_MAX = 20_000;

export class MessageMap {
  /** In order, both of messages and of records. */
  #places: Place[] = [];

  add(place: Place): void {
    const at = this.#upTo(place.first_seq);
    const before = this.#places[at - 1];
    const after = this.#places[at];
    if (before?.first_seq === place.first_seq) return;
    // A log that was tampered with may not be in order; then what is known stays as it is.
    if ((before?.number ?? 0) >= place.number || (after?.number ?? Number.POSITIVE_INFINITY) <= place.number)
      return;
    this.#places.splice(at, 0, place);
    if (this.#places.length > PLACES_MAX) this.#places = this.#places.filter((_, i) => i % 2 === 0);
  }

  /** The last place that begins at `seq` or before, and the first that begins behind it. */
  around(seq: number): { readonly before: Place | null; readonly after: Place | null } {
    const at = this.#upTo(seq);
    return { before: this.#places[at - 1] ?? null, after: this.#places[at] ?? null };
  }

  /** How many places begin at `seq` or before. */
  #upTo(seq: number): number {
    let low = 0;
    let high = this.#places.length;
    // Nearly always it is the end that is asked for.
    if (high > 0 && this.#places[high - 1]!.first_seq <= seq) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#places[middle]!.first_seq <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
