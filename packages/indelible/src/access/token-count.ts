/**
 * How a start finds every token record without reading the whole log, and without believing the index.
 *
 * Now and then the ledger records how many token records there are and a digest of their hashes. The index may say
 * where they lie: when those it names give this digest, none was withheld, and the log is read from there on. An index
 * that was edited can only make a start slower.
 *
 * Pure:    no I/O.
 */
import { type Event, type LedgerRecord, sha256Hex } from '@indelible/core';
import { isLedgersOwn, LEDGER_ACTOR } from '../ledger/config.ts';

/** The action of that record. */
export const TOKENS_COUNTED = 'access.tokens_counted';
/** A start reads at most about so many records of the log: some tenths of a second. */
export const COUNT_EVERY = 100_000;

/** What a count says: of the token records with `from` <= seq < `below`. */
export interface TokenCount {
  readonly from: number;
  readonly below: number;
  readonly count: number;
  /** SHA-256, over their hashes one behind the other, oldest first. */
  readonly digest: string;
}

/** A token record by its place. */
export interface TokenPlace {
  readonly seq: number;
  readonly hash: string;
}

const encoder = new TextEncoder();

export function countOf(places: readonly TokenPlace[], from: number, below: number): TokenCount {
  const counted = places.filter(({ seq }) => seq >= from && seq < below);
  const digest = sha256Hex(encoder.encode(counted.map(({ hash }) => hash).join('')));
  return { from, below, count: counted.length, digest };
}

/** The record of a count. */
export function countedEvent(count: TokenCount): Event {
  return { action: TOKENS_COUNTED, actor: LEDGER_ACTOR, data: { ...count } };
}

/** The count in a record, or null when it holds none. Applications cannot write what passes here. */
export function countIn(record: LedgerRecord): TokenCount | null {
  if (record.action !== TOKENS_COUNTED || !isLedgersOwn(record.actor)) return null;
  const { from, below, count, digest } = (record.data ?? {}) as Partial<TokenCount>;
  if (![from, below, count].every((number) => Number.isSafeInteger(number)) || typeof digest !== 'string')
    return null;
  return below! <= record.seq ? { from: from!, below: below!, count: count!, digest } : null;
}
