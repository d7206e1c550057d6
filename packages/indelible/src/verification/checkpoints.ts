/**
 * Which of many checkpoints need a look at their signatures, and what is wrong with the rest.
 *
 * A log may keep one for each of its records. Their roots are all compared; signatures are verified where they decide
 * something: of the newest that the records agree with (it covers all before it), of those that disagree, and of what
 * the verifier kept.
 *
 * Errors:  those of keys.
 */
import {
  CheckpointJudge,
  isIndelibleError,
  type JudgedCheckpoint,
  type LogTrust,
  parseCheckpoint,
  parseNote,
  type VerdictFinding,
} from '@indelible/core';
import type { StoredCheckpoint } from './types.ts';

/** So many of the newest are looked at until one satisfies the policy. */
const AGREEING_MAX = 64;
/** So many of those that disagree are looked at from either end. */
const DISAGREEING_MAX = 32;

/** A checkpoint as its note states it, whatever the history says beside it. */
export interface ReadCheckpoint {
  readonly size: number;
  readonly root: string;
  readonly note: string;
}

export interface ReadCheckpoints {
  readonly checkpoints: readonly ReadCheckpoint[];
  readonly findings: readonly VerdictFinding[];
}

/** Reads a history. What is no checkpoint in it, or states something else than its row, is a finding. */
export async function readHistory(history: AsyncIterable<StoredCheckpoint>): Promise<ReadCheckpoints> {
  const checkpoints: ReadCheckpoint[] = [];
  const findings: VerdictFinding[] = [];
  for await (const { size, root, note } of history) {
    const stated = readNote(note);
    if (stated !== null) checkpoints.push(stated);
    if (stated?.size === size && stated.root === root) continue;
    const detail = `the history of checkpoints was altered: its row for ${size} records is not what its note says`;
    if (findings.length < DISAGREEING_MAX)
      findings.push({ problem: 'checkpoint_unreadable', severity: 'incomplete', size, detail });
  }
  return { checkpoints, findings };
}

/** Null for what is no checkpoint. */
export function readNote(note: string): (ReadCheckpoint & { readonly origin: string }) | null {
  try {
    const { origin, size, root } = parseCheckpoint(parseNote(note).text);
    return { origin, size, root, note };
  } catch (error) {
    if (isIndelibleError(error)) return null;
    throw error;
  }
}

/** Judges those that decide. */
export function judgeDeciding(
  checkpoints: readonly ReadCheckpoint[],
  tree: { readonly size: number; readonly roots: ReadonlyMap<number, string> },
  trust: LogTrust,
): JudgedCheckpoint[] {
  const judge = new CheckpointJudge(trust);
  const sorted = [...checkpoints].sort((a, b) => b.size - a.size);
  const known = sorted.filter(({ size }) => size > tree.size || tree.roots.has(size));
  const disagreeing = known.filter(({ size, root }) => size > tree.size || tree.roots.get(size) !== root);
  const sizes = new Set(disagreeing.map(({ size }) => size));
  const asked = trust.policy !== null && trust.policy.quorum !== 'none';
  const judged: JudgedCheckpoint[] = [];
  let looked = 0;
  let satisfied = false;
  for (const { size, root, note } of known) {
    if (tree.roots.get(size) !== root) continue;
    // Of a size for which something else was signed, too: together they are a fork.
    if ((satisfied || looked >= AGREEING_MAX) && !sizes.has(size)) continue;
    const one = judge.judge(note);
    judged.push(one);
    looked++;
    satisfied ||= one.problem === null && (!asked || one.quorum?.met === true);
  }
  const chosen =
    disagreeing.length <= 2 * DISAGREEING_MAX
      ? disagreeing
      : [...disagreeing.slice(0, DISAGREEING_MAX), ...disagreeing.slice(-DISAGREEING_MAX)];
  for (const { note } of chosen) judged.push(judge.judge(note));
  return judged;
}
