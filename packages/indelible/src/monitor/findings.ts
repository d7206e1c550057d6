/**
 * What a monitor can find, and what each finding means.
 *
 * Shapes:  roots are 64 lower-case hex digits; times are RFC 3339 in UTC.
 */

/** `exit` 1: the log contradicts what it signed, or what we know. 3: it could not be checked. */
export const FINDINGS = {
  rewind: { exit: 1, means: 'the log shows fewer records than it did' },
  fork: { exit: 1, means: 'the log signed two histories that contradict each other' },
  bad_signature: { exit: 1, means: 'no key that we know signed what the log shows, or a signature is wrong' },
  tile_mismatch: { exit: 1, means: 'the tiles are not those of the tree that was signed' },
  entry_mismatch: { exit: 1, means: 'the records are not those of the tree that was signed' },
  wrong_origin: { exit: 3, means: 'the address shows another log' },
  not_a_checkpoint: { exit: 3, means: 'the address shows something that is no checkpoint' },
  policy_not_met: { exit: 3, means: 'fewer witnesses cosigned than the policy asks for' },
  silence: { exit: 3, means: 'nothing that can be trusted was heard for too long' },
} as const satisfies Record<string, { readonly exit: 1 | 3; readonly means: string }>;
export type FindingKind = keyof typeof FINDINGS;

/** A log's state as somebody signed it. */
export interface SeenCheckpoint {
  readonly size: number;
  readonly root: string;
  readonly note: string;
}

/** One finding, as a webhook gets it. */
export interface MonitorFinding {
  readonly kind: FindingKind;
  /** One sentence. Sizes and roots in it are the log's claims. */
  readonly detail: string;
  readonly origin: string;
  /** Where the log is, without credentials. */
  readonly prefix: string;
  readonly found_at: string;
  readonly trusted: { readonly size: number; readonly root: string } | null;
  readonly shown: { readonly size: number; readonly root: string } | null;
  /** The file with both notes; null when there is nothing to keep, or it could not be kept. */
  readonly evidence: string | null;
}

/** What one look at the log showed. */
export interface MonitorReport {
  /** `not_checked`: something kept us from checking. Never reported as consistent. */
  readonly verdict: 'consistent' | 'damaged' | 'not_checked';
  readonly exit_code: 0 | 1 | 3;
  readonly origin: string;
  readonly prefix: string;
  readonly looked_at: string;
  /** What is trusted after this look; null before the first. */
  readonly trusted: { readonly size: number; readonly root: string } | null;
  /** Records that were new in this look. */
  readonly grown_by: number;
  /** Records from the first on whose bytes were checked against the tree, over all looks. */
  readonly entries_checked: number;
  readonly findings: readonly MonitorFinding[];
  /** What could not be done, in words: the network, the disk, an alert. */
  readonly faults: readonly string[];
  readonly does_not_prove: readonly string[];
}

/** The verdict over findings and faults. */
export function verdictOf(
  findings: readonly { readonly kind: FindingKind }[],
  faults: readonly string[],
): Pick<MonitorReport, 'verdict' | 'exit_code'> {
  if (findings.some(({ kind }) => FINDINGS[kind].exit === 1)) return { verdict: 'damaged', exit_code: 1 };
  if (findings.length > 0 || faults.length > 0) return { verdict: 'not_checked', exit_code: 3 };
  return { verdict: 'consistent', exit_code: 0 };
}
