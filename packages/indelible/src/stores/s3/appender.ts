/**
 * Compare-and-append: a batch takes the slot behind the head that it was sealed upon, and no other batch can.
 *
 * A head that was seen is there for ever, so that a batch upon it needs no further look: whether anything followed it
 * meanwhile is what the server decides when the slot is taken. A batch may be put while those before it are still on
 * their way; it takes its slot once they have theirs.
 *
 * When no answer comes, the slot itself tells what happened. When that cannot be asked either, the next append asks
 * before it does anything; should the batch land as late as that, it is the next one that finds its slot taken.
 *
 * Errors:  HEAD_MOVED; those of the bucket.
 */
import { IndelibleError, isLine, lineHash } from '@indelible/core';
import type { Head, LineBatch } from '../contract.ts';
import type { Candidate, Commits, Prepared } from './commits.ts';
import { type HeadTracker, headOf } from './head.ts';
import type { Commit } from './layout.ts';

export class Appender {
  readonly #commits: Commits;
  readonly #head: HeadTracker;
  readonly #onCommit: () => void;
  /** Resolves when the last append has settled: true if it succeeded. */
  #last: Promise<boolean> = Promise.resolve(true);
  /** The head when all that is under way succeeds; undefined when that is not known. */
  #planned: Head | null | undefined;
  #under_way = 0;

  constructor(commits: Commits, head: HeadTracker, onCommit: () => void) {
    this.#commits = commits;
    this.#head = head;
    this.#onCommit = onCommit;
  }

  append(batch: LineBatch, expected: Head | null): Promise<void> {
    const candidate = this.#candidate(batch, expected);
    const before = this.#last;
    const planned = isSame(this.#planned, expected);
    if (planned) {
      mustFollow(candidate, expected);
      this.#planned = { seq: candidate.last_seq, hash: candidate.hash };
    }
    this.#under_way++;
    const append = planned
      ? this.#appendBehind(candidate, before)
      : before.then(() => this.#appendUpon(candidate, expected));
    const settled = append.finally(() => {
      this.#under_way--;
    });
    this.#last = settled.then(
      () => true,
      () => {
        this.#planned = undefined;
        return false;
      },
    );
    return settled;
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    await this.#last;
  }

  /** Upon a head that is known, or that an append under way will make. */
  async #appendBehind(candidate: Candidate, before: Promise<boolean>): Promise<void> {
    // Only what can be put ahead of its turn is.
    const ahead = this.#commits.in_flight > 1 ? this.#commits.prepare(candidate) : null;
    ahead?.catch(() => {}); // Met below, unless the append before failed.
    if (!(await before)) throw await this.#moved();
    await this.#commit(candidate, await (ahead ?? this.#commits.prepare(candidate)));
  }

  /** Upon a head that must be looked at first. */
  async #appendUpon(candidate: Candidate, expected: Head | null): Promise<void> {
    const head = headOf(await this.#head.fresh());
    if (!isSame(head, expected)) throw moved(head);
    mustFollow(candidate, expected);
    await this.#commit(candidate, await this.#commits.prepare(candidate));
    if (this.#under_way === 1) this.#planned = { seq: candidate.last_seq, hash: candidate.hash };
  }

  async #commit(candidate: Candidate, prepared: Prepared): Promise<void> {
    let commit: Commit | null;
    try {
      commit = await prepared.claim();
    } catch (error) {
      commit = await this.#commits.at(candidate.slot).catch(() => null);
      if (commit === null) throw error;
    }
    // Taken: perhaps by ourselves, in an attempt whose answer was lost.
    commit ??= await this.#commits.at(candidate.slot);
    if (commit?.nonce !== prepared.nonce) throw await this.#moved();
    this.#head.note(commit);
    this.#onCommit();
  }

  async #moved(): Promise<IndelibleError> {
    return moved(headOf(await this.#head.fresh()));
  }

  /** A copy of the batch: the caller goes on using its buffer. */
  #candidate({ first_seq, bytes, ends }: LineBatch, expected: Head | null): Candidate {
    let start = 0;
    for (let i = 0; i < ends.length; i++) {
      const end = ends[i] as number;
      if (!isLine(bytes, start, end))
        throw new IndelibleError('INTERNAL', `line ${i} of the batch is not a line`);
      if (i + 1 < ends.length) start = end;
    }
    return {
      slot: expected === null ? 0 : first_seq,
      first_seq,
      last_seq: first_seq + ends.length - 1,
      hash: lineHash(bytes, start),
      bytes: bytes.slice(0, ends[ends.length - 1]),
      confirmed_seq: this.#head.last?.last_seq ?? -1,
    };
  }
}

function mustFollow({ first_seq }: Candidate, head: Head | null): void {
  if (head !== null && first_seq !== head.seq + 1)
    throw new IndelibleError('INTERNAL', `a batch from ${first_seq} cannot follow record ${head.seq}`);
}

function moved(head: Head | null): IndelibleError {
  return new IndelibleError('HEAD_MOVED', 'another writer appended first', { details: { head } });
}

function isSame(a: Head | null | undefined, b: Head | null): boolean {
  if (a === undefined) return false;
  return a === null || b === null ? a === b : a.seq === b.seq && a.hash === b.hash;
}
