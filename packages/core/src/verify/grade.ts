/**
 * Puts a graded verdict together from facts: the chain's report, the roots of the tree, checkpoints and anchors.
 *
 * Facts may come from one pass over bytes (`LogVerifier`) or from threads that each saw a part; what they amount to is
 * decided here alone.
 *
 * Pure:    no I/O, no clock.
 */
import type { JudgedCheckpoint } from '../tlog/judge-checkpoint.ts';
import type { Policy } from '../tlog/policy.ts';
import { judgeQuorum } from '../tlog/quorum.ts';
import { whatIsNotProved } from './does-not-prove.ts';
import { type AnchorClaim, compareAnchors } from './judge-anchors.ts';
import {
  type ComparedCheckpoints,
  compareCheckpoints,
  isWitnessed,
  type TreeFacts,
} from './judge-checkpoints.ts';
import type {
  AnchorVerdict,
  ChainVerdict,
  GradedVerdict,
  Severity,
  TimeVerdict,
  VerdictFinding,
  VerdictLevel,
} from './verdict.ts';

const FINDINGS_MAX = 100;
/** The last second of the year 9999: no later time can be written down. */
const TIME_MAX = 253_402_300_799;

/** Everything that was established. */
export interface VerdictFacts {
  readonly chain: ChainVerdict;
  readonly tree: TreeFacts;
  /** Why roots are not known; null when they are. */
  readonly tree_problem: string | null;
  readonly checkpoints: readonly JudgedCheckpoint[];
  /** The policy that the checkpoints were judged by. */
  readonly policy: Policy | null;
  readonly anchors: readonly AnchorClaim[];
  /** What was found besides: in the history of checkpoints, say. */
  readonly findings?: readonly VerdictFinding[];
}

/** Grades. */
export function gradeVerdict(facts: VerdictFacts): GradedVerdict {
  const { chain, tree, policy } = facts;
  const checkpoints = compareCheckpoints(facts.checkpoints, tree);
  const { anchors, findings: anchor_findings } = compareAnchors(facts.anchors, tree);
  const consistent = consistentLevel(chain, tree.size);
  const signed = signedLevel(checkpoints, tree, facts.tree_problem);
  const witnessed = witnessedLevel(checkpoints, policy);
  const anchored = anchoredLevel(anchors);
  const covered = Math.max(signed.size, anchored.size);
  const all = [
    ...checkpoints.findings,
    ...anchor_findings,
    ...(facts.findings ?? []),
    ...gaps(facts, checkpoints, signed, covered),
  ].sort(bySeverity);
  const result = resultOf(chain, all);
  const levels = { consistent, signed, witnessed, anchored };
  const time = timeOf(checkpoints.witnessed, policy, anchors);
  return {
    result,
    grade: result === 'tampering' ? null : gradeOf(levels),
    size: tree.size,
    root: tree.roots.get(tree.size) ?? null,
    ...levels,
    anchors,
    time,
    chain,
    checkpoint: checkpointOf(checkpoints.newest),
    findings: all.slice(0, FINDINGS_MAX),
    findings_total: all.length,
    does_not_prove: whatIsNotProved({ ...levels, chain, time, size: tree.size, covered }),
  };
}

function consistentLevel(chain: ChainVerdict, size: number): VerdictLevel {
  const { findings_total, checked, records, first_seq } = chain;
  if (findings_total > 0) {
    const first = chain.findings[0];
    const many = findings_total === 1 ? 'one finding' : `${findings_total} findings, the first`;
    const detail = `${many} at record ${first?.seq ?? 0}: ${first?.detail ?? ''}`;
    return { status: 'fails', size: 0, detail };
  }
  if (checked !== 'fully') {
    const what = checked === 'links' ? 'no hash of the chain was' : 'not all hashes of the chain were';
    return {
      status: 'unchecked',
      size: 0,
      detail: `${what} recomputed: a key, or where the chain stood before, was not given`,
    };
  }
  const detail =
    records === 0 ? 'there are no records' : `records ${first_seq ?? 0} to ${size - 1} agree with each other`;
  return { status: 'holds', size, detail };
}

function signedLevel(
  { findings, newest, signed }: ComparedCheckpoints,
  tree: TreeFacts,
  problem: string | null,
): VerdictLevel {
  const size = newest?.checkpoint?.size ?? 0;
  const contradiction = findings.find(({ severity }) => severity === 'tampering');
  if (contradiction !== undefined) return { status: 'fails', size, detail: contradiction.detail };
  if (newest !== null && (size > 0 || tree.size === 0)) {
    const by = newest.signed_by.join(', ');
    return { status: 'holds', size, detail: `the first ${size} records are those that ${by} signed` };
  }
  if (signed > 0 && newest === null)
    return { status: 'unchecked', size: 0, detail: problem ?? 'no root is known' };
  return {
    status: 'unchecked',
    size: 0,
    detail: 'no checkpoint over records, signed by a key of the log, was given',
  };
}

function witnessedLevel(
  { contradicted, newest, witnessed }: ComparedCheckpoints,
  policy: Policy | null,
): VerdictLevel {
  const size = witnessed?.checkpoint?.size ?? 0;
  if (contradicted.some(isWitnessed)) {
    return { status: 'fails', size, detail: 'witnesses cosigned other records than there are' };
  }
  if (witnessed !== null && size > 0) {
    return { status: 'holds', size, detail: `the first ${size} records: ${witnessed.quorum!.detail}` };
  }
  if (policy === null || policy.quorum === 'none') {
    return { status: 'unchecked', size: 0, detail: 'no policy asks for a witness' };
  }
  return { status: 'unchecked', size: 0, detail: newest?.quorum?.detail ?? 'no checkpoint holds' };
}

function anchoredLevel(anchors: readonly AnchorVerdict[]): VerdictLevel {
  const holding = anchors.filter(({ status }) => status === 'holds');
  const size = holding.reduce((most, anchor) => Math.max(most, anchor.size), 0);
  const failing = anchors.find(({ status }) => status === 'fails');
  if (failing !== undefined) return { status: 'fails', size, detail: failing.detail };
  if (size === 0) return { status: 'unchecked', size, detail: 'no anchor was compared' };
  const names = holding.filter((anchor) => anchor.size === size).map(({ name }) => name);
  return { status: 'holds', size, detail: `the first ${size} records are those kept by ${names.join(', ')}` };
}

/** What nothing contradicts, and yet was not shown. */
function gaps(
  { chain, tree, tree_problem, policy, checkpoints }: VerdictFacts,
  { newest, witnessed }: ComparedCheckpoints,
  signed: VerdictLevel,
  covered: number,
): VerdictFinding[] {
  const found: VerdictFinding[] = [];
  const find = (
    problem: VerdictFinding['problem'],
    severity: Severity,
    size: number,
    detail: string,
  ): void => {
    found.push({ problem, severity, size, detail });
  };
  if (tree_problem !== null && checkpoints.length > 0)
    find('tree_incomplete', 'incomplete', tree.size, tree_problem);
  if (chain.checked !== 'fully') {
    // A signature over the records says more than their chain does.
    const severity = signed.status === 'holds' ? 'note' : 'incomplete';
    find(
      'chain_unchecked',
      severity,
      tree.size,
      'the chain was not recomputed: a key, or where it stood before, was not given',
    );
  }
  if (newest?.quorum?.met === false) {
    find(
      'policy_not_met',
      witnessed === null ? 'incomplete' : 'note',
      newest.checkpoint!.size,
      newest.quorum.detail,
    );
  } else if (newest === null && policy !== null && policy.quorum !== 'none') {
    find('policy_not_met', 'incomplete', 0, judgeQuorum(policy, []).detail);
  }
  if (covered > 0 && covered < tree.size) {
    find('not_covered', 'note', tree.size, `records ${covered} to ${tree.size - 1} are in no checkpoint yet`);
  }
  return found;
}

function resultOf(chain: ChainVerdict, findings: readonly VerdictFinding[]): GradedVerdict['result'] {
  if (chain.findings_total > 0 || findings.some(({ severity }) => severity === 'tampering'))
    return 'tampering';
  return findings.some(({ severity }) => severity === 'incomplete') ? 'incomplete' : 'verified';
}

function gradeOf(
  levels: Pick<GradedVerdict, 'consistent' | 'signed' | 'witnessed' | 'anchored'>,
): GradedVerdict['grade'] {
  for (const grade of ['witnessed', 'anchored', 'signed', 'consistent'] as const) {
    if (levels[grade].status === 'holds') return grade;
  }
  return null;
}

/** The time that most is attested about; the earliest of those. */
function timeOf(
  witnessed: JudgedCheckpoint | null,
  policy: Policy | null,
  anchors: readonly AnchorVerdict[],
): TimeVerdict {
  const attested: Extract<TimeVerdict, { kind: 'attested' }>[] = [];
  const by_quorum = witnessed === null || policy === null ? null : quorumTime(witnessed, policy);
  if (by_quorum !== null)
    attested.push({ kind: 'attested', size: witnessed!.checkpoint!.size, ...by_quorum });
  for (const { name, status, size, time, anchored_at } of anchors) {
    if (status !== 'holds' || time !== 'attested' || anchored_at === null) continue;
    attested.push({ kind: 'attested', size, at: anchored_at, by: [name] });
  }
  attested.sort((a, b) => b.size - a.size || (a.at < b.at ? -1 : 1));
  return attested[0] ?? { kind: 'asserted' };
}

/** When so many witnesses had seen the checkpoint that the policy held: none of them alone decides it. */
function quorumTime({ times }: JudgedCheckpoint, policy: Policy): { at: string; by: string[] } | null {
  const by: string[] = [];
  const known = times
    .filter((one): one is { witness: string; time: number } => one.time !== null && one.time <= TIME_MAX)
    .sort((a, b) => a.time - b.time);
  for (const { witness, time } of known) {
    if (!by.includes(witness)) by.push(witness);
    if (judgeQuorum(policy, by).met) return { at: new Date(time * 1000).toISOString(), by };
  }
  return null;
}

function checkpointOf(newest: JudgedCheckpoint | null): GradedVerdict['checkpoint'] {
  if (newest?.checkpoint == null) return null;
  const { size, root } = newest.checkpoint;
  return { size, root, signed_by: newest.signed_by, cosigned_by: newest.quorum?.cosigned ?? [] };
}

const SEVERITIES: readonly Severity[] = ['tampering', 'incomplete', 'note'];

function bySeverity(a: VerdictFinding, b: VerdictFinding): number {
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || a.size - b.size;
}
