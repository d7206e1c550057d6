/**
 * The hashes of the last few thousand records, to recognise one that comes again.
 *
 * Pure:    no I/O.
 */
const SIZE = 4096;

export class RecentHashes {
  readonly #seqs = new Float64Array(SIZE).fill(-1);
  readonly #hashes = new Array<string>(SIZE).fill('');

  add(seq: number, hash: string): void {
    const slot = seq % SIZE;
    this.#seqs[slot] = seq;
    this.#hashes[slot] = hash;
  }

  get(seq: number): string | undefined {
    const slot = seq % SIZE;
    return this.#seqs[slot] === seq ? this.#hashes[slot] : undefined;
  }
}
