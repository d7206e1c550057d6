/**
 * From what was found to a verdict in words.
 */
import type { StoreFinding } from '../stores/contract.ts';
import type { Finding, VerifyReport } from './types.ts';
import type { ChainVerdict } from './verify.ts';
import type { IndexComparison } from './verify-index.ts';

const FINDINGS_MAX = 100;

/** What a chain without anchors cannot show, however carefully it is checked. */
const DOES_NOT_PROVE = [
  'That the end of the log was not cut off: records missing from the tail cannot be seen without an anchor elsewhere.',
  'That the whole log was not rewritten by somebody who could write the store (and, if it is keyed, had the secret).',
  "That the recorded times are true: they are this ledger's own clock.",
];

/** A missing segment explains missing records; what the index says follows from the records; the rest has no place. */
const RANK: Partial<Record<Finding['damage'], number>> = { segment_missing: 0, index_mismatch: 2 };
const RANK_OF_RECORDS = 1;

export function composeReport(parts: {
  readonly chain: ChainVerdict;
  readonly store_notes: readonly StoreFinding[];
  readonly compared: IndexComparison | null;
  readonly duration_ms: number;
}): VerifyReport {
  const { chain, store_notes, compared } = parts;
  const store = store_notes.filter(({ damage }) => damage);
  const unread = unreadByIndexAlone(parts);
  const placed: Finding[] = [
    ...chain.findings,
    ...unread,
    ...store.filter(({ seq }) => seq !== undefined).map((note) => storeFinding(note, chain.first_seq)),
    ...(compared?.findings ?? []).map(
      ({ seq, detail }): Finding => ({ damage: 'index_mismatch', seq, detail }),
    ),
  ];
  placed.sort((a, b) => a.seq - b.seq || rank(a) - rank(b));
  // An altered schema is no record; named first, it would hide which record is bad.
  const unplaced = store
    .filter(({ seq }) => seq === undefined)
    .map((note) => storeFinding(note, chain.first_seq));
  const findings = [...placed, ...unplaced];
  const first = findings[0];
  return {
    ok: first === undefined,
    verdict: first === undefined ? 'consistent' : 'damaged',
    ledger: chain.ledger,
    records_checked: chain.records,
    first_seq: chain.first_seq,
    head: chain.head,
    first_bad_seq: first?.seq ?? null,
    damage: first?.damage ?? null,
    detail: first?.detail ?? `${chain.records} records link from ${chain.first_seq} to ${chain.head?.seq}`,
    findings: findings.slice(0, FINDINGS_MAX),
    findings_total: chain.findings_total + unread.length + store.length + (compared?.findings_total ?? 0),
    store_notes,
    does_not_prove: DOES_NOT_PROVE,
    index: compared === null ? null : { checked: compared.checked, lag: compared.lag },
    duration_ms: Math.round(parts.duration_ms),
  };
}

/** The log could not be read for the comparison. When the chain met the same place, that says it better. */
function unreadByIndexAlone(parts: {
  readonly chain: ChainVerdict;
  readonly compared: IndexComparison | null;
}): Finding[] {
  const unreadable = parts.compared?.unreadable ?? null;
  if (unreadable === null || parts.chain.findings.some(({ damage }) => damage === 'unreadable')) return [];
  return [{ damage: 'unreadable', ...unreadable }];
}

function storeFinding(note: StoreFinding, first_seq: number): Finding {
  const damage = note.code === 'segment_missing' ? 'segment_missing' : 'store_altered';
  return { damage, seq: note.seq ?? first_seq, detail: note.detail };
}

function rank(finding: Finding): number {
  return RANK[finding.damage] ?? RANK_OF_RECORDS;
}
