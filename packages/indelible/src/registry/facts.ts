/**
 * What the registry knows of a ledger, and what it finds when it compares.
 *
 * Pure:    no I/O.
 */

/** A ledger as it is now. */
export interface LedgerFacts {
  /** What tells it from others: without credentials, and without options that a store only needs for opening. */
  readonly url: string;
  /** How it is opened, where that takes more than `url`; never with a password. */
  readonly open_url?: string;
  readonly name: string;
  /** Number of its last record plus one. */
  readonly size: number;
  /** Hash of the last record. */
  readonly head_hash: string;
  /** Hash of record 0; null when a recorded truncation has dropped it. */
  readonly first_hash: string | null;
  /** The newest signed checkpoint, where there are any. */
  readonly checkpoint?: string;
}

/** A ledger that can be asked, opened for reading. */
export interface OpenedLedger extends LedgerFacts {
  /** The hash of one record; null when it is no longer kept or cannot be read. */
  hashAt(seq: number): Promise<string | null>;
}

/** A ledger as it was last seen. */
export interface RegisteredLedger extends LedgerFacts {
  readonly first_seen_at: string;
  readonly last_seen_at: string;
  readonly retired: { readonly at: string; readonly reason: string } | null;
}

export const FINDING_KINDS = ['vanished', 'shrunk', 'replaced', 'rewritten', 'renamed'] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/** Something that does not fit what was known. */
export interface LedgerFinding {
  readonly kind: FindingKind;
  readonly url: string;
  readonly name: string;
  readonly detail: string;
}

/** A finding that the registry keeps, whatever the ledger looks like later. */
export interface KeptFinding extends LedgerFinding {
  readonly found_at: string;
}

/** Compares a ledger as it was last seen with what it is now; null when all is as it should be. */
export async function compareLedger(
  known: LedgerFacts,
  now: LedgerFacts & Partial<Pick<OpenedLedger, 'hashAt'>>,
): Promise<LedgerFinding | null> {
  const finding = (kind: FindingKind, detail: string): LedgerFinding => ({
    kind,
    url: known.url,
    name: known.name,
    detail,
  });
  const differs = known.first_hash !== null && now.first_hash !== null && known.first_hash !== now.first_hash;
  if (differs)
    return finding('replaced', 'another ledger lies in its place: its first record is not the one known');
  if (known.name !== now.name) return finding('renamed', `a ledger named ${now.name} lies in its place`);
  if (now.size < known.size)
    return finding('shrunk', `it had ${known.size} records, and now has ${now.size}: its end was cut off`);
  const hash = now.size === known.size ? now.head_hash : await now.hashAt?.(known.size - 1);
  if (hash != null && hash !== known.head_hash)
    return finding('rewritten', `record ${known.size - 1} has another hash than the one known`);
  return null;
}
