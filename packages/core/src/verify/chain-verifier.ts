/**
 * Verification of a whole chain: every line is checked, and what does not fit is named.
 *
 * Lines that fit pass at once. At one that does not, the verifier holds back a window of lines, decides from what
 * stands around it what was done, reports it, and goes on behind it: one finding for one act, and no damage hides the
 * next. It takes bytes and keys only, and shares nothing with the code that wrote them but the hash functions.
 *
 * Shapes:  lines are the stored JSON Lines form; `seq` in findings is the record's number.
 * Errors:  KEY_UNKNOWN when the ledger moves on to a key that was not given: that is no verdict about the records.
 * Source:  docs/format/record.md; the kinds are in `damage.ts`.
 * Pure:    no I/O.
 */

import { ChainFindings } from './chain-findings.ts';
import { type ChainBeginning, type ChainEnd, ChainState } from './chain-state.ts';
import type { ChainDamage, ChainFinding } from './damage.ts';
import { type HashByKey, LineReader } from './line-reader.ts';
import { RecentHashes } from './recent-hashes.ts';
import type { LeafSink } from './stretch.ts';
import { type Suspect, suspectOf } from './suspect.ts';

/** How many lines are looked at to decide what happened to the first of them. */
const WINDOW_LINES = 256;

export interface ChainReport {
  readonly records: number;
  readonly beginning: ChainBeginning | null;
  readonly end: ChainEnd | null;
  /** Lowest number first, at most 100. */
  readonly findings: readonly ChainFinding[];
  readonly findings_total: number;
}

export class ChainVerifier {
  readonly #reader: LineReader;
  readonly #leaves: LeafSink | undefined;
  readonly #state = new ChainState();
  readonly #recent = new RecentHashes();
  readonly #findings = new ChainFindings();
  #window: Suspect[] = [];
  #seen = 0;
  /** Tips of branches that left the chain: a record that follows one of them is no news. */
  #branches: { readonly seq: number; readonly hash: string }[] = [];

  /**
   * With `from`, goes on behind a stretch that is already verified. `leaves` gets the leaf hash of every line, as they
   * stand there, also of those that do not fit.
   */
  constructor(
    hashByKey: HashByKey,
    from?: { readonly beginning: ChainBeginning; readonly end: ChainEnd },
    leaves?: LeafSink,
  ) {
    this.#reader = new LineReader(hashByKey);
    this.#leaves = leaves;
    if (from === undefined) return;
    this.#state.continueFrom(from.beginning, from.end);
    this.#recent.add(from.end.seq, from.end.hash);
  }

  /** Lines looked at so far. */
  get records(): number {
    return this.#seen;
  }

  /** Takes consecutive lines; `stored_seqs` are the numbers under which the store files them, if it keeps such. */
  push(bytes: Uint8Array, ends: ArrayLike<number>, stored_seqs?: ArrayLike<number>): void {
    let start = 0;
    for (let i = 0; i < ends.length; i++) {
      const end = ends[i]!;
      this.#seen++;
      this.#reader.read(bytes, start, end);
      this.#leaves?.append(this.#reader.leaf());
      const stored_seq = stored_seqs?.[i];
      if (this.#window.length > 0 || !this.#passes(stored_seq)) {
        this.#window.push(suspectOf(this.#reader, stored_seq));
        if (this.#window.length >= WINDOW_LINES) this.#settle(false);
      }
      start = end;
    }
  }

  /** No more lines: decides what is still open and reports. */
  finish(): ChainReport {
    this.#settle(true);
    this.#checkBeginning();
    return {
      records: this.#seen,
      beginning: this.#state.beginning,
      end: this.#state.end(),
      findings: this.#findings.sorted(),
      findings_total: this.#findings.total,
    };
  }

  /** Accepts the line in the reader if it is the next record. */
  #passes(stored_seq: number | undefined): boolean {
    const state = this.#state;
    const reader = this.#reader;
    if (state.beginning === null) {
      if (reader.problem !== null || reader.seq !== 0 || !reader.linksTo(GENESIS)) return false;
      state.beginAt(reader);
    }
    if (!state.fits(reader) || (stored_seq !== undefined && stored_seq !== reader.seq)) return false;
    this.#accept();
    return true;
  }

  #accept(): void {
    this.#state.accept(this.#reader);
    this.#recent.add(this.#reader.seq, this.#reader.hash);
  }

  /** Works off the window: until it is empty, or, unless `final`, too short to decide about its first line. */
  #settle(final: boolean): void {
    while (this.#window.length > 0) {
      const [first] = this.#window;
      this.#reader.read(first!.line, 0, first!.line.length);
      if (this.#passes(first!.stored_seq)) {
        this.#window.shift();
      } else if (final || this.#window.length >= WINDOW_LINES) {
        this.#judge(first!);
      } else {
        return;
      }
    }
  }

  /** Says what happened to the first line of the window, and takes it, or leaves it in front with a state it fits. */
  #judge(first: Suspect): void {
    if (this.#state.beginning === null) {
      this.#begin(first);
      return;
    }
    const { next } = this.#state;
    if (first.problem === 'unreadable')
      return this.#take(first, 'unreadable', next, 'the line is not of the form {"hash":…,"record":…}');
    if (!first.intact) return this.#judgeMutated(first);
    if (first.problem === 'not_canonical') {
      return this.#take(
        first,
        'not_canonical',
        next,
        'its bytes have the right hash but are not a canonical record',
      );
    }
    if (first.ledger !== this.#state.beginning!.ledger) {
      return this.#take(first, 'wrong_ledger', next, `it belongs to the ledger ${first.ledger}`);
    }
    if (first.seq < next) return this.#judgeEarlier(first);
    if (first.seq > next) return this.#judgeLater(first);
    this.#judgeInPlace(first);
  }

  /** Begins the chain at the window's first record, or at record 0 when it stands further behind. */
  #begin(first: Suspect): void {
    const zero = this.#window.findIndex((line) => line.seq === 0 && line.intact && line.problem === null);
    if (zero > 0 && zero < WINDOW_LINES) {
      // Record 0 is there, only not in front: begin with it, and let what stands before it be judged afterwards.
      const [record] = this.#window.splice(zero, 1);
      this.#window.unshift(record!);
      this.#reader.read(record!.line, 0, record!.line.length);
      this.#state.beginAt(this.#reader);
      this.#state.links = [GENESIS];
      if (first.seq > 0) this.#findings.add('reordered', 0, `record 0 stands behind record ${first.seq}`);
      return;
    }
    if (first.problem !== null) {
      this.#findings.add(first.problem, 0, 'the first line is no record');
      this.#window.shift();
      return;
    }
    this.#reader.read(first.line, 0, first.line.length);
    this.#state.beginAt(this.#reader);
    if (first.seq === 0) this.#state.links = [GENESIS];
  }

  #judgeMutated(first: Suspect): void {
    const { next } = this.#state;
    const follower = this.#window[1];
    if (first.seq > next && follower?.seq === first.seq + 1) {
      this.#skipTo(first.seq);
      return;
    }
    const edited = first.seq === next || first.seq < 0 ? '' : `; it now says that it is number ${first.seq}`;
    const detail =
      first.hash === ''
        ? `it names key ${first.key_id ?? '(none)'}, which this ledger never announced${edited}`
        : `its bytes hash to ${short(first.hash)}, not to the stored ${short(first.stored_hash)}${edited}`;
    this.#take(first, 'mutated', next, detail);
  }

  /** A record whose number has been passed already. */
  #judgeEarlier(first: Suspect): void {
    const { next } = this.#state;
    const known = this.#recent.get(first.seq);
    this.#window.shift();
    if (this.#refill(first)) return;
    if (known === first.hash) {
      this.#findings.add('duplicated', first.seq, `it stands there again behind record ${next - 1}`);
      return;
    }
    const branch = this.#branches.findIndex(
      (tip) => tip.hash === first.prev_hash && tip.seq === first.seq - 1,
    );
    if (branch >= 0) {
      this.#branches[branch] = { seq: first.seq, hash: first.hash };
    } else if (known !== undefined && this.#recent.get(first.seq - 1) === first.prev_hash) {
      this.#findings.add(
        'forked',
        first.seq,
        `two records follow record ${first.seq - 1}: ${short(known)} and ${short(first.hash)}`,
      );
      this.#branches.push({ seq: first.seq, hash: first.hash });
    } else {
      this.#findings.add(
        'inserted',
        first.seq,
        `a record numbered ${first.seq} stands behind record ${next - 1}`,
      );
      return;
    }
    // Either branch may turn out to be the one that goes on.
    if (first.seq === next - 1) this.#state.links.push(first.hash);
  }

  /** A record whose turn has not come. */
  #judgeLater(first: Suspect): void {
    const { next } = this.#state;
    const due = this.#window.findIndex((line) => line.seq === next && line.intact && line.problem === null);
    if (due < 0) {
      this.#skipTo(first.seq);
      return;
    }
    const predecessor = this.#window.find(
      (line) => line.seq === first.seq - 1 && line.hash === first.prev_hash,
    );
    if (predecessor === undefined) {
      this.#window.shift();
      this.#findings.add(
        'inserted',
        next,
        `a record numbered ${first.seq} stands in front of record ${next}`,
      );
      return;
    }
    const [record] = this.#window.splice(due, 1);
    this.#window.unshift(record!);
    this.#findings.add('reordered', next, `record ${next} stands behind record ${first.seq}`);
  }

  /** A record with the right number that does not fit all the same. */
  #judgeInPlace(first: Suspect): void {
    const { next, key_id } = this.#state;
    this.#reader.read(first.line, 0, first.line.length);
    if (!this.#state.linksFit(this.#reader)) return this.#judgeUnlinked(first);
    if (first.key_id !== key_id) {
      return this.#take(
        first,
        'key_out_of_turn',
        next,
        `it is sealed with key ${first.key_id}, and it was the turn of ${key_id}`,
      );
    }
    if (first.stored_seq !== undefined && first.stored_seq !== first.seq) {
      return this.#take(
        first,
        'column_mismatch',
        next,
        `the store files it under number ${first.stored_seq}`,
      );
    }
    this.#take(first, 'time_reversed', next, `it claims to be older than record ${next - 1}`);
  }

  /** The record names another predecessor than the one that stands there. One of the two is false. */
  #judgeUnlinked(first: Suspect): void {
    const { next } = this.#state;
    const rival = this.#window
      .slice(1)
      .find((line) => line.seq === next && line.intact && this.#state.links.includes(line.prev_hash));
    if (rival !== undefined) {
      this.#window.shift();
      this.#findings.add(
        'inserted',
        next,
        `a record that links to nothing here stands in front of record ${next}`,
      );
      return;
    }
    const follower = this.#window[1];
    if (follower === undefined) {
      return this.#take(
        first,
        'relinked',
        next,
        `it does not link to record ${next - 1}; nothing behind it tells which of the two is false`,
      );
    }
    if (follower.prev_hash === first.hash) {
      // Everything behind commits to this record, so the one before it is not what was sealed.
      return this.#take(
        first,
        'mutated',
        Math.max(next - 1, 0),
        `record ${next} commits to another record in its place`,
      );
    }
    this.#take(
      first,
      'mutated',
      next,
      `it links to ${short(first.prev_hash)}, and record ${next + 1} commits to another in its place`,
    );
  }

  /** Reports the first line of the window and moves past it. */
  #take(first: Suspect, damage: ChainDamage, seq: number, detail: string): void {
    this.#window.shift();
    this.#findings.add(damage, seq, detail);
    const state = this.#state;
    const follower = this.#window[0];
    // Something put in between leaves the chain as it was: the next line continues from before it.
    const is_extra =
      follower?.seq === state.next && follower.intact && state.links.includes(follower.prev_hash);
    if (is_extra) return;
    if (first.intact && first.problem === null && first.seq === state.next) {
      // The record itself is whole: what it announces counts, and its successor must link to it.
      this.#reader.read(first.line, 0, first.line.length);
      this.#accept();
      if (follower !== undefined && follower.prev_hash !== first.hash) state.links = [];
      return;
    }
    this.#recent.add(state.next, first.hash);
    // What the follower names is the hash of the record that stood here, even if that record is gone.
    const known = [first.hash, first.stored_hash].filter((hash) => hash !== '');
    state.links = follower === undefined || known.includes(follower.prev_hash) ? known : [];
    state.next++;
    state.records++;
  }

  /** Records are gone: go on behind the gap. */
  #skipTo(seq: number): void {
    this.#findings.miss(this.#state.next, seq - 1);
    this.#state.next = seq;
    this.#state.links = [];
  }

  /** A record that was thought missing turns up elsewhere: then it was moved, or filed under another number. */
  #refill(found: Suspect): boolean {
    if (!found.intact || !this.#findings.turnedUp(found.seq)) return false;
    const misfiled = found.stored_seq !== undefined && found.stored_seq !== found.seq;
    const damage = misfiled ? 'column_mismatch' : 'reordered';
    const detail = misfiled
      ? `the store files it under number ${found.stored_seq}`
      : `it stands behind record ${this.#state.next - 1}`;
    this.#findings.add(damage, found.seq, detail);
    return true;
  }

  /** A log that begins later than at record 0 needs a recorded truncation that says so. */
  #checkBeginning(): void {
    const { beginning, notices } = this.#state;
    if (beginning === null || beginning.seq === 0) return;
    const sanctioned = notices.some(
      ({ truncation }) =>
        truncation?.keep_from === beginning.seq && truncation.prev_hash === beginning.prev_hash,
    );
    if (sanctioned) return;
    const detail = `the log begins at record ${beginning.seq}, and no recorded truncation says why`;
    this.#findings.addInFront('head_missing', 0, detail);
  }
}

const GENESIS = '0'.repeat(64);

function short(hash: string): string {
  return hash === '' ? '(unreadable)' : `${hash.slice(0, 12)}…`;
}
