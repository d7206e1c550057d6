/**
 * The head, and the batches before it that this process has seen.
 *
 * A batch that took its slot stays for ever, so that the head is found from the last one known: by asking whether the
 * slot behind it is taken. One request, while nobody else appends.
 *
 * Errors:  those of `Commits`.
 */
import type { Head } from '../contract.ts';
import type { Commits } from './commits.ts';
import { lastSlot } from './find-slots.ts';
import type { Commit } from './layout.ts';

/** Neighbouring batches that are kept in mind. */
const KEPT_MAX = 4096;
/** When so many have been appended by others, the head is looked for instead of walked to. */
const STEPS_MAX = 8;

export class HeadTracker {
  readonly #commits: Commits;
  /** Neighbours, in order; the last one is the last that is known. */
  #known: Commit[] = [];
  #running: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | null = null;

  constructor(commits: Commits) {
    this.#commits = commits;
  }

  /** The head when it was last looked at. */
  get last(): Commit | null {
    return this.#known.at(-1) ?? null;
  }

  /** The head now. */
  async fresh(): Promise<Commit | null> {
    // A look that is under way may have passed what was appended since: it does for those who came before it.
    this.#waiting ??= this.#running.then(() => {
      this.#waiting = null;
      const run = this.#advance();
      this.#running = run.catch(() => {});
      return run;
    });
    await this.#waiting;
    return this.last;
  }

  /** This batch took its slot. */
  note(commit: Commit): void {
    const { last } = this;
    if (last !== null && commit.slot <= last.slot) return;
    if (last !== null && commit.slot !== last.last_seq + 1) this.#known = [];
    this.#known.push(commit);
    if (this.#known.length > 2 * KEPT_MAX) this.#known = this.#known.slice(-KEPT_MAX);
  }

  /** The known batches from the one with this record on; null when that one is not among them. */
  from(seq: number): readonly Commit[] | null {
    const [first] = this.#known;
    if (first === undefined || seq < first.first_seq) return null;
    let low = 0;
    let high = this.#known.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#known[middle]!.first_seq <= seq) low = middle;
      else high = middle - 1;
    }
    return this.#known.slice(low);
  }

  async #advance(): Promise<void> {
    for (let steps = 0; ; steps++) {
      const { last } = this;
      if (last === null || (steps > 0 && steps % STEPS_MAX === 0)) {
        const slot = await lastSlot(this.#commits, last?.slot ?? -1);
        if (slot === null || slot === last?.slot) return;
        const commit = await this.#commits.at(slot);
        if (commit !== null) this.note(commit);
        else return;
      }
      const next = await this.#commits.at(this.last!.last_seq + 1);
      if (next === null) return;
      this.note(next);
    }
  }
}

export function headOf(commit: Commit | null): Head | null {
  return commit === null ? null : { seq: commit.last_seq, hash: commit.hash };
}
