/**
 * Compares what anchors keep with the records.
 *
 * Pure:    no I/O.
 */
import type { TreeFacts } from './judge-checkpoints.ts';
import type { AnchorVerdict, VerdictFinding } from './verdict.ts';

/** What an anchor keeps, and whether its evidence holds: established by whoever can ask that anchor. */
export interface AnchorClaim {
  readonly name: string;
  readonly size: number;
  readonly root: string;
  /** Whether the anchor's own evidence (a token, a file, a receipt) was found good; null when nobody could look at it. */
  readonly evidence_holds: boolean | null;
  readonly time: 'attested' | 'asserted';
  /** RFC 3339 in UTC; null when the anchor makes no statement about time. */
  readonly anchored_at: string | null;
  /** One sentence about the evidence. */
  readonly detail: string;
}

export interface ComparedAnchors {
  readonly anchors: readonly AnchorVerdict[];
  readonly findings: readonly VerdictFinding[];
}

/** Compares every anchored root with the root of its size. */
export function compareAnchors(claims: readonly AnchorClaim[], tree: TreeFacts): ComparedAnchors {
  const anchors: AnchorVerdict[] = [];
  const findings: VerdictFinding[] = [];
  for (const claim of claims) {
    const { name, size, root, time, anchored_at } = claim;
    const take = (status: AnchorVerdict['status'], detail: string): void => {
      anchors.push({ name, status, size, time, anchored_at, detail });
    };
    const find = (
      problem: VerdictFinding['problem'],
      severity: VerdictFinding['severity'],
      detail: string,
    ): void => {
      take(severity === 'tampering' ? 'fails' : 'unchecked', detail);
      findings.push({ problem, severity, size, detail });
    };
    const actual = tree.roots.get(size);
    if (claim.evidence_holds === false) find('anchor_invalid', 'incomplete', `${name}: ${claim.detail}`);
    else if (size > tree.size) {
      find(
        'anchor_ahead',
        'tampering',
        `${name} keeps the root of ${size} records, and the log has ${tree.size}`,
      );
    } else if (actual === undefined) take('unchecked', `${name}: the root of ${size} records is not known`);
    else if (actual !== root) {
      find('anchor_mismatch', 'tampering', `${name} keeps another root of the first ${size} records`);
    } else take(claim.evidence_holds === null ? 'unchecked' : 'holds', claim.detail);
  }
  return { anchors, findings };
}
