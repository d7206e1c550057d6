/**
 * Compares judged checkpoints with the records: which of them hold, and what contradicts.
 *
 * Pure:    no I/O.
 */
import type { JudgedCheckpoint } from '../tlog/judge-checkpoint.ts';
import type { VerdictFinding } from './verdict.ts';

/** What is known about the records. */
export interface TreeFacts {
  /** Records below this are there. */
  readonly size: number;
  /** The root over the first `size` records, for each size that was asked for; missing where it is not known. */
  readonly roots: ReadonlyMap<number, string>;
}

/** What the checkpoints amount to. */
export interface ComparedCheckpoints {
  readonly findings: readonly VerdictFinding[];
  /** The largest that is signed and that the records agree with. */
  readonly newest: JudgedCheckpoint | null;
  /** The largest of those that meets a policy that asks for somebody. */
  readonly witnessed: JudgedCheckpoint | null;
  /** Signed, and the records disagree. */
  readonly contradicted: readonly JudgedCheckpoint[];
  /** How many were signed by the log, whether the records agree or not. */
  readonly signed: number;
}

/** Compares every checkpoint with the root of its size. */
export function compareCheckpoints(
  judged: readonly JudgedCheckpoint[],
  tree: TreeFacts,
): ComparedCheckpoints {
  const findings: VerdictFinding[] = [];
  const holding: JudgedCheckpoint[] = [];
  const wrong: JudgedCheckpoint[] = [];
  const ahead: JudgedCheckpoint[] = [];
  const valid = bySize(judged.filter(({ problem }) => problem === null));
  for (const { problem, detail, checkpoint } of judged) {
    if (problem === null) continue;
    const severity = problem === 'signature_wrong' ? 'tampering' : 'incomplete';
    findings.push({ problem, severity, size: checkpoint?.size ?? 0, detail });
  }
  for (const one of valid) {
    const { size, root } = one.checkpoint!;
    const actual = tree.roots.get(size);
    if (size > tree.size) ahead.push(one);
    else if (actual === undefined) continue;
    else if (actual === root) holding.push(one);
    else wrong.push(one);
  }
  findings.push(...forks(valid));
  const first_wrong = wrong[0];
  if (first_wrong !== undefined) {
    const { size } = first_wrong.checkpoint!;
    const before = holding.findLast((one) => one.checkpoint!.size < size)?.checkpoint?.size ?? 0;
    findings.push({
      problem: 'root_mismatch',
      severity: 'tampering',
      size,
      detail: `records ${before} to ${size - 1} are not all those that the log signed (${wrong.length} of ${valid.length} checkpoints disagree)`,
    });
  }
  const furthest = ahead.at(-1);
  if (furthest !== undefined) {
    const { size } = furthest.checkpoint!;
    findings.push({
      problem: 'records_missing',
      severity: 'tampering',
      size,
      detail: `the log signed ${size} records and has ${tree.size}: records ${tree.size} to ${size - 1} are gone`,
    });
  }
  return {
    findings,
    newest: holding.at(-1) ?? null,
    witnessed: holding.filter(isWitnessed).at(-1) ?? null,
    contradicted: [...wrong, ...ahead],
    signed: valid.length,
  };
}

/** True when the policy asks for somebody, and has it. */
export function isWitnessed({ quorum }: JudgedCheckpoint): boolean {
  return quorum?.met === true && quorum.asked;
}

/** Two roots for one size, both signed: the log itself contradicts itself, whatever the records say. */
function forks(valid: readonly JudgedCheckpoint[]): VerdictFinding[] {
  const roots = new Map<number, string>();
  const forked = new Set<number>();
  for (const { checkpoint } of valid) {
    const { size, root } = checkpoint!;
    if ((roots.get(size) ?? root) !== root) forked.add(size);
    roots.set(size, root);
  }
  return [...forked].map((size) => ({
    problem: 'fork',
    severity: 'tampering',
    size,
    detail: `the log signed two different roots for ${size} records`,
  }));
}

function bySize(judged: readonly JudgedCheckpoint[]): JudgedCheckpoint[] {
  return [...judged].sort((a, b) => a.checkpoint!.size - b.checkpoint!.size);
}
