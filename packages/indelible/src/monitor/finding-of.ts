/**
 * From a problem to what is told of it, with its evidence on the disk.
 */
import { keepEvidence } from './evidence-file.ts';
import type { MonitorFinding } from './findings.ts';
import type { TreeHead } from './growth.ts';
import type { Problem } from './look.ts';

/** What all findings of a look have in common. */
export type About = Pick<MonitorFinding, 'origin' | 'prefix' | 'found_at'>;

/** Keeps the evidence; why it could not goes to `faults`. */
export function findingOf(problem: Problem, about: About, folder: string, faults: string[]): MonitorFinding {
  const { kind, detail, head, against } = problem;
  // Missing witnesses accuse nobody.
  const evidence = kind === 'policy_not_met' ? null : kept(problem, about, folder, faults);
  return { kind, detail, ...about, trusted: headOf(against), shown: headOf(head), evidence };
}

/** Size and root alone. */
export function headOf(head: TreeHead | null): MonitorFinding['trusted'] {
  return head === null ? null : { size: head.size, root: head.root };
}

function kept(problem: Problem, about: About, folder: string, faults: string[]): string | null {
  const { kind, detail, shown, against } = problem;
  try {
    return keepEvidence(folder, { kind, detail, ...about, trusted_note: against?.note ?? null, shown });
  } catch (error) {
    faults.push(`the evidence could not be kept: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}
