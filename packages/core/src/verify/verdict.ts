/**
 * The graded verdict: what a verification proved, up to which record, on whose word, and what it did not prove.
 *
 * Four levels, each with its own reach: the records agree with each other (consistent), with what the log signed
 * (signed), with what witnesses cosigned (witnessed), with what was kept elsewhere (anchored). A level is never said to
 * hold for more than was checked.
 *
 * Shapes:  plain data, structured-cloneable and fit for JSON; `size` n means the records with seq below n.
 * Source:  docs/reference/verdict.md.
 * Pure:    no I/O.
 */
import type { CheckpointProblem } from '../tlog/judge-checkpoint.ts';
import type { ChainFinding } from './damage.ts';

/** `holds`: proved. `fails`: the opposite was found. `unchecked`: nothing was given to check it with, or not enough. */
export type LevelStatus = 'holds' | 'fails' | 'unchecked';

export interface VerdictLevel {
  readonly status: LevelStatus;
  /** Records below this are covered by what was checked; 0 where nothing was. */
  readonly size: number;
  /** One sentence. */
  readonly detail: string;
}

/** What can be found beyond damage to the chain itself. */
export type VerdictProblem =
  | CheckpointProblem
  /** The records are not those that were signed. */
  | 'root_mismatch'
  /** More records were signed than there are: the end was cut off. */
  | 'records_missing'
  /** Two roots were signed for one size. */
  | 'fork'
  /** The records are not those that an anchor keeps the root of. */
  | 'anchor_mismatch'
  /** An anchor knows of more records than there are. */
  | 'anchor_ahead'
  /** An anchor's evidence does not hold. */
  | 'anchor_invalid'
  /** The log announces a key that signs its checkpoints, and there are none. */
  | 'checkpoint_missing'
  /** Fewer witnesses cosigned than the policy asks for. */
  | 'policy_not_met'
  /** The log does not begin at record 0, and nothing was given about the tree in front of it. */
  | 'tree_incomplete'
  /** The chain is keyed, and the key was not given. */
  | 'chain_unchecked'
  /** Records behind the newest checkpoint. */
  | 'not_covered';

/** `tampering`: something contradicts something signed. `incomplete`: it could not be checked. `note`: worth knowing. */
export type Severity = 'tampering' | 'incomplete' | 'note';

export interface VerdictFinding {
  readonly problem: VerdictProblem;
  readonly severity: Severity;
  /** The size of the log that it is about. */
  readonly size: number;
  /** One sentence. */
  readonly detail: string;
}

/** One anchor's word, compared with the records. */
export interface AnchorVerdict {
  readonly name: string;
  readonly status: LevelStatus;
  readonly size: number;
  readonly time: 'attested' | 'asserted';
  /** RFC 3339 in UTC; null when the anchor makes no statement about time. */
  readonly anchored_at: string | null;
  readonly detail: string;
}

/** By whose word records existed at a time: `attested` by others, or `asserted` by the log alone. */
export type TimeVerdict =
  | {
      readonly kind: 'attested';
      /** The records below this existed at `at`. */
      readonly size: number;
      /** RFC 3339 in UTC. */
      readonly at: string;
      readonly by: readonly string[];
    }
  | { readonly kind: 'asserted' };

export interface ChainVerdict {
  /** `links`: keyed without its key; numbers and order were looked at, hashes were not recomputed. */
  readonly checked: 'fully' | 'links' | 'partly';
  readonly records: number;
  readonly first_seq: number | null;
  readonly findings: readonly ChainFinding[];
  readonly findings_total: number;
}

/** The newest checkpoint that the records agree with. */
export interface VerdictCheckpoint {
  readonly size: number;
  readonly root: string;
  readonly signed_by: readonly string[];
  readonly cosigned_by: readonly string[];
}

export interface GradedVerdict {
  /** `tampering` when any finding or damage is; else `incomplete` when something asked for could not be checked. */
  readonly result: 'verified' | 'tampering' | 'incomplete';
  /** The highest level that holds; null when none does. */
  readonly grade: 'consistent' | 'signed' | 'anchored' | 'witnessed' | null;
  /** Records below this are there. */
  readonly size: number;
  /** The root over them; null when the tree could not be computed. */
  readonly root: string | null;
  readonly consistent: VerdictLevel;
  readonly signed: VerdictLevel;
  readonly witnessed: VerdictLevel;
  readonly anchored: VerdictLevel;
  readonly anchors: readonly AnchorVerdict[];
  readonly time: TimeVerdict;
  readonly chain: ChainVerdict;
  readonly checkpoint: VerdictCheckpoint | null;
  /** By severity, then by size; at most 100. */
  readonly findings: readonly VerdictFinding[];
  readonly findings_total: number;
  /** What nobody may conclude from this verdict: full sentences. */
  readonly does_not_prove: readonly string[];
}
