/**
 * What the verification of a chain found: the first findings, how many there are, and which records are missed.
 *
 * Pure:    no I/O.
 */
import type { ChainDamage, ChainFinding } from './damage.ts';

const FINDINGS_MAX = 100;
const GAPS_MAX = 10_000;

interface Gap {
  from: number;
  readonly to: number;
}

export class ChainFindings {
  readonly #kept: ChainFinding[] = [];
  readonly #gaps: Gap[] = [];
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** Lowest number first, at most 100, or 101 with one that was added in front. */
  sorted(): ChainFinding[] {
    return [...this.#kept].sort((a, b) => a.seq - b.seq);
  }

  add(damage: ChainDamage, seq: number, detail: string): void {
    this.#total++;
    if (this.#kept.length < FINDINGS_MAX) this.#kept.push({ damage, seq, detail });
  }

  /** The limit never hides this one. */
  addInFront(damage: ChainDamage, seq: number, detail: string): void {
    this.#total++;
    this.#kept.unshift({ damage, seq, detail });
  }

  /** Records `from` up to and with `to` are gone, or turn up later. */
  miss(from: number, to: number): void {
    const range = from === to ? `record ${from} is` : `records ${from} to ${to} are`;
    this.add('missing', from, `${range} not there`);
    if (this.#gaps.length < GAPS_MAX) this.#gaps.push({ from, to });
  }

  /** A record turned up. True if it was missed; what is still missed behind the first of its gap is told anew. */
  turnedUp(seq: number): boolean {
    const gap = this.#gaps.find(({ from, to }) => seq >= from && seq <= to);
    if (gap === undefined) return false;
    if (seq !== gap.from) return true;
    const told = this.#kept.findIndex(({ damage, seq }) => damage === 'missing' && seq === gap.from);
    if (told >= 0) this.#kept.splice(told, 1);
    this.#total--;
    gap.from++;
    if (gap.from <= gap.to) this.add('missing', gap.from, `records up to ${gap.to} are not there`);
    return true;
  }
}
