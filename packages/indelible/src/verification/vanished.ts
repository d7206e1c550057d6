/**
 * A ledger that is not there: what was kept of it elsewhere tells that it was.
 */
import { EMPTY_ROOT, gradeVerdict } from '@indelible/core';
import type { Finding, VerifyReport } from '../ledger/types.ts';
import { askAnchor, decidingClaims, keptClaim } from './anchor-claims.ts';
import { judgeDeciding, readNote } from './checkpoints.ts';
import { findingsOf } from './findings.ts';
import type { VerifyTrust } from './types.ts';

/** The report on a ledger that should be there and is not; null when nothing tells that there was one. */
export async function verifyVanished(
  trust: VerifyTrust,
  origin: string | null,
): Promise<VerifyReport | null> {
  const { anchors = [], kept = [], keys = [], policy = null } = trust;
  const started = performance.now();
  const notes = kept.map(({ note }) => readNote(note)).filter((note) => note !== null);
  const name = origin ?? notes[0]?.origin ?? null;
  if (name === null) return null;
  const given = keys.length > 0 ? keys : null;
  const claims = [
    ...kept.map((one) => keptClaim(one, name)),
    ...(await Promise.all(anchors.map((anchor) => askAnchor(anchor, name, given)))).flat(),
  ];
  const tree = { size: 0, roots: new Map([[0, EMPTY_ROOT]]) };
  const graded = gradeVerdict({
    chain: { checked: 'fully', records: 0, first_seq: null, findings: [], findings_total: 0 },
    tree,
    tree_problem: null,
    checkpoints: given === null ? [] : judgeDeciding(notes, tree, { origin: name, log_keys: keys, policy }),
    policy,
    anchors: decidingClaims(claims, tree),
  });
  const findings: readonly Finding[] = findingsOf(graded);
  const first = findings.at(-1);
  if (first === undefined) return null;
  return {
    ok: false,
    verdict: 'damaged',
    ledger: name,
    records_checked: 0,
    first_seq: 0,
    head: null,
    first_bad_seq: 0,
    damage: first.damage,
    detail: `the ledger is not there: ${first.detail}`,
    findings,
    findings_total: findings.length,
    store_notes: [],
    does_not_prove: graded.does_not_prove,
    index: null,
    attachments: null,
    graded,
    proofs: {
      verified_from: 0,
      tree: null,
      checkpoints: notes.length,
      keys,
      keys_from: given === null ? null : 'given',
    },
    duration_ms: Math.round(performance.now() - started),
  };
}
