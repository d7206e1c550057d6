/**
 * From what was found to a verdict in words.
 */
import { CHAIN_DAMAGE, type ChainFinding, type GradedVerdict, gradeVerdict } from '@indelible/core';
import type { StoreFinding } from '../stores/contract.ts';
import type { Finding, ProofFindings, VerifyReport } from './types.ts';
import type { AttachmentComparison } from './verify-attachments.ts';
import type { ChainVerdict } from './verify-chain.ts';
import type { IndexComparison } from './verify-index.ts';

const FINDINGS_MAX = 100;

const NOT_ATTACHED =
  'It does not prove that the attachments its records refer to are there, and unaltered: they were not checked.';

function attachmentsUnchecked(parts: {
  readonly chain: ChainVerdict;
  readonly attached: AttachmentComparison | null;
}): boolean {
  return parts.attached === null && parts.chain.attachments.length > 0;
}

/** A missing segment explains missing records; what the index says follows from the records; the rest has no place. */
const RANK: Partial<Record<Finding['damage'], number>> = {
  segment_missing: 0,
  index_mismatch: 2,
};
const RANK_OF_RECORDS = 1;

const KIND_OF_STORE: Partial<Record<StoreFinding['code'], Finding['damage']>> = {
  segment_missing: 'segment_missing',
  column_altered: 'column_mismatch',
};

export function composeReport(parts: {
  readonly chain: ChainVerdict;
  /** Null when nothing but the chain was looked at. */
  readonly proved: ProofFindings | null;
  readonly store_notes: readonly StoreFinding[];
  readonly compared: IndexComparison | null;
  readonly attached: AttachmentComparison | null;
  readonly duration_ms: number;
}): VerifyReport {
  const { chain, proved, compared, attached } = parts;
  const store_notes = [...parts.store_notes, ...(attached?.notes ?? [])];
  const store = store_notes.filter(({ damage }) => damage);
  const unread = unreadByIndexAlone(parts);
  const placed: Finding[] = [
    ...chain.findings,
    ...unread,
    ...(attached?.findings ?? []),
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
  // What was signed or kept elsewhere says that something is wrong, and less exactly where.
  const findings = [...placed, ...unplaced, ...(proved?.findings ?? [])];
  const first = findings[0];
  const graded = gradedWith(proved?.graded ?? gradeChain(chain), first !== undefined);
  const verdict =
    first !== undefined ? 'damaged' : graded.result === 'verified' ? 'consistent' : 'not_checked';
  return {
    ok: verdict === 'consistent',
    verdict,
    ledger: chain.ledger,
    records_checked: chain.records,
    first_seq: chain.first_seq,
    head: chain.head,
    first_bad_seq: first?.seq ?? null,
    damage: first?.damage ?? null,
    detail:
      first?.detail ??
      (verdict === 'not_checked' ? unchecked(graded) : null) ??
      `${chain.records} records link from ${chain.first_seq} to ${chain.head?.seq}`,
    findings: findings.slice(0, FINDINGS_MAX),
    findings_total:
      chain.findings_total +
      unread.length +
      store.length +
      (compared?.findings_total ?? 0) +
      (attached?.findings_total ?? 0) +
      (proved?.findings_total ?? 0),
    store_notes,
    does_not_prove: attachmentsUnchecked(parts)
      ? [...graded.does_not_prove, NOT_ATTACHED]
      : graded.does_not_prove,
    index: compared === null ? null : { checked: compared.checked, lag: compared.lag },
    attachments:
      attached === null ? null : { checked: attached.checked, unreferenced: attached.unreferenced },
    graded,
    proofs: proved?.compared ?? null,
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

/** The verdict of a chain that was compared with nothing. */
function gradeChain(chain: ChainVerdict): GradedVerdict {
  return gradeVerdict({
    chain: chainFacts(chain, chain.first_seq),
    tree: { size: (chain.head?.seq ?? -1) + 1, roots: new Map() },
    tree_problem: null,
    checkpoints: [],
    policy: null,
    anchors: [],
  });
}

/** The chain as the grading takes it. */
export function chainFacts(chain: ChainVerdict, first_seq: number): GradedVerdict['chain'] {
  const kinds: readonly string[] = CHAIN_DAMAGE;
  return {
    checked: 'fully',
    records: chain.records,
    first_seq,
    findings: chain.findings.filter((one): one is ChainFinding => kinds.includes(one.damage)),
    findings_total: chain.findings_total,
  };
}

/** Damage that the grading knows nothing of (an attachment, the index) is damage all the same. */
function gradedWith(graded: GradedVerdict, damaged: boolean): GradedVerdict {
  return damaged ? { ...graded, result: 'tampering', grade: null } : graded;
}

function unchecked({ findings }: GradedVerdict): string | null {
  return findings.find(({ severity }) => severity === 'incomplete')?.detail ?? null;
}

function storeFinding(note: StoreFinding, first_seq: number): Finding {
  const damage = KIND_OF_STORE[note.code] ?? 'store_altered';
  return { damage, seq: note.seq ?? first_seq, detail: note.detail };
}

function rank(finding: Finding): number {
  return RANK[finding.damage] ?? RANK_OF_RECORDS;
}
