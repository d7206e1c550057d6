/**
 * Where a chain stands, and whether a line continues it.
 *
 * Errors:  KEY_UNKNOWN when the log itself, under a key at hand, moves on to one that is not.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import type { LineReader } from './line-reader.ts';
import { type LedgerNotice, readNotice } from './notice.ts';

/** Where a stretch of chain begins, told by its first record. */
export interface ChainBeginning {
  readonly seq: number;
  readonly prev_hash: string;
  readonly recorded_at: string;
  readonly ledger: string;
  readonly key_id: string | null;
}

/** Where a stretch of chain ends. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
  readonly recorded_at: string;
  /** The key that the next record must be sealed with. */
  readonly key_id: string | null;
}

export class ChainState {
  beginning: ChainBeginning | null = null;
  /** The number that the next record must have. */
  next = 0;
  /** The hashes that the next record may name as its predecessor's; empty when nothing is known about it. */
  links: string[] = [];
  recorded_at = '';
  key_id: string | null = null;
  records = 0;
  /** Key rotations and truncations that the ledger recorded. */
  readonly notices: LedgerNotice[] = [];

  /** Begins at the record in `reader`, whatever its number. */
  beginAt(reader: LineReader): void {
    this.beginning = {
      seq: reader.seq,
      prev_hash: reader.prev_hash(),
      recorded_at: reader.recorded_at(),
      ledger: reader.ledger(),
      key_id: reader.key_id,
    };
    this.next = reader.seq;
    this.links = [this.beginning.prev_hash];
    this.recorded_at = this.beginning.recorded_at;
    this.key_id = reader.key_id;
  }

  /** Goes on from where another stretch ended. */
  continueFrom(beginning: ChainBeginning, end: ChainEnd): void {
    this.beginning = beginning;
    this.next = end.seq + 1;
    this.links = [end.hash];
    this.recorded_at = end.recorded_at;
    this.key_id = end.key_id;
  }

  /** True when the line is the next record, in every respect. */
  fits(reader: LineReader): boolean {
    return (
      reader.problem === null &&
      reader.seq === this.next &&
      this.linksFit(reader) &&
      reader.hasOwnHash() &&
      reader.isOf(this.beginning!.ledger) &&
      reader.key_id === this.key_id &&
      reader.compareTime(this.recorded_at) >= 0
    );
  }

  linksFit(reader: LineReader): boolean {
    const { links } = this;
    if (links.length === 1) return reader.linksTo(links[0]!);
    return links.length === 0 || links.some((hash) => reader.linksTo(hash));
  }

  /** Moves past a record that fits, or that is taken as the one in this place. */
  accept(reader: LineReader): void {
    this.next = reader.seq + 1;
    if (this.links.length === 1) this.links[0] = reader.hash;
    else this.links = [reader.hash];
    if (reader.compareTime(this.recorded_at) > 0) this.recorded_at = reader.recorded_at();
    this.records++;
    if (!reader.is_ledger_action) return;
    const notice = readNotice(reader.body());
    if (notice === null) return;
    this.notices.push(notice);
    if (notice.next_key_id === undefined) return;
    if (!reader.hasKey(notice.next_key_id)) {
      throw new IndelibleError(
        'KEY_UNKNOWN',
        `from record ${this.next} on the ledger uses key ${notice.next_key_id}, which was not given`,
        {
          details: { key_id: notice.next_key_id, seq: this.next },
        },
      );
    }
    this.key_id = notice.next_key_id;
  }

  /** Where the chain ends; null before the first record. */
  end(): ChainEnd | null {
    if (this.records === 0 || this.links.length === 0) return null;
    return { seq: this.next - 1, hash: this.links[0]!, recorded_at: this.recorded_at, key_id: this.key_id };
  }
}
