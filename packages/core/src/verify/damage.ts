/**
 * The kinds of damage that a chain can show, and one finding.
 *
 * Pure:    no I/O.
 */

/** Kinds of damage, as reports name them. */
export const CHAIN_DAMAGE = [
  /** The record is not the one that was sealed: its bytes, its hash, or what its successor commits to, differ. */
  'mutated',
  /** Records are gone between two that are there. */
  'missing',
  /** A record stands where the chain has no place for it. */
  'inserted',
  /** A record stands there twice. */
  'duplicated',
  /** Records stand in another order than they were sealed in. */
  'reordered',
  /** Two records follow the same one. */
  'forked',
  /** Two neighbours do not belong together, and nothing tells which of them is false. */
  'relinked',
  /** A line that is no line. */
  'unreadable',
  /** Bytes that are hashed but are no canonical record: two readers could read two things, or none could read it. */
  'not_canonical',
  /** The number under which the store files the record is not the record's own. */
  'column_mismatch',
  /** The log does not begin at its beginning, and no recorded truncation says why. */
  'head_missing',
  /** A record of another ledger. */
  'wrong_ledger',
  /** A record claims to be older than the one before it. */
  'time_reversed',
  /** A record is sealed with a key whose turn it was not. */
  'key_out_of_turn',
] as const;

export type ChainDamage = (typeof CHAIN_DAMAGE)[number];

export interface ChainFinding {
  readonly damage: ChainDamage;
  /** The first record concerned. */
  readonly seq: number;
  readonly detail: string;
}
