/**
 * Roots of a growing tree at the sizes that somebody asked for.
 *
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { MerkleRange, type RangeState } from '../merkle/range.ts';
import { EMPTY_ROOT } from '../merkle/tree.ts';
import type { LeafSink } from './stretch.ts';

export class TreeRoots implements LeafSink {
  readonly #range: MerkleRange;
  readonly #wanted = new Set<number>();
  /** The wanted sizes still to come, largest first; null when it must be sorted anew. */
  #queue: number[] | null = null;
  readonly #roots = new Map<number, string>([[0, EMPTY_ROOT]]);

  /** With `from`, goes on behind leaves whose hashes are already there. */
  constructor(from?: RangeState) {
    this.#range = from === undefined ? new MerkleRange() : MerkleRange.from(from);
    this.#note();
  }

  get size(): number {
    return this.#range.end;
  }

  get roots(): ReadonlyMap<number, string> {
    return this.#roots;
  }

  /** Asks for the root of a size that has not been passed yet. */
  want(size: number): void {
    if (size === this.size) this.#note();
    if (this.#roots.has(size)) return;
    if (size < this.size) {
      throw new IndelibleError(
        'PROOF_RANGE',
        `the root of ${size} records was asked for behind record ${this.size - 1}`,
      );
    }
    this.#wanted.add(size);
    this.#queue = null;
  }

  append(leaf: string): void {
    this.#range.append(leaf);
    this.#queue ??= [...this.#wanted].sort((a, b) => b - a);
    if (this.#queue.at(-1) !== this.#range.end) return;
    this.#wanted.delete(this.#queue.pop()!);
    this.#note();
  }

  /** The root so far. */
  note(): string {
    this.#note();
    return this.#roots.get(this.size)!;
  }

  state(): RangeState {
    return this.#range.state();
  }

  #note(): void {
    this.#roots.set(this.size, this.#range.root());
  }
}
