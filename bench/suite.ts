/**
 * What a suite of measurements consists of: cases that take turns, and targets that compare them.
 */
import type { Measures, Params } from './sample.ts';
import type { SubjectName } from './subjects.ts';

/** What earlier cases of the same round measured, by case. */
export type Round = ReadonlyMap<string, Measures>;

export interface Turn {
  readonly round: number;
  readonly earlier: Round;
  /** A folder that lasts as long as the suite. */
  readonly shared_folder: string;
}

export interface Case {
  /** Short, with slashes: `--only` looks in it. */
  readonly id: string;
  readonly title: string;
  readonly subject: SubjectName;
  readonly params: (turn: Turn) => Params;
  /** Where it works: an empty folder of its own (default), one per round, or the suite's. */
  readonly place?: 'own' | 'round' | 'shared';
  /** Made by others and installed for the occasion: it may be missing without that being our failure. */
  readonly peer?: true;
}

export interface Column {
  readonly measure: string;
  readonly heading: string;
  readonly show: 'count' | 'ms' | 'megabytes' | 'decimal';
}

/** One measure of one case. */
export interface Operand {
  readonly case: string;
  readonly measure: string;
}

/** A figure, or the ratio of two taken in the same round, and the bound that it is held to; none: only shown. */
export interface Target {
  readonly title: string;
  readonly of: Operand;
  readonly to?: Operand;
  readonly show: Column['show'];
  readonly at_least?: number;
  readonly at_most?: number;
  /** Not required, hoped for. */
  readonly aim?: number;
}

/** Something to be made once, before the first round, in the shared folder. */
export interface Preparation {
  readonly title: string;
  readonly subject: SubjectName;
  readonly params: Params;
}

export interface Suite {
  readonly what: string;
  readonly title: string;
  readonly prepare: readonly Preparation[];
  readonly cases: readonly Case[];
  readonly columns: readonly Column[];
  readonly targets: readonly Target[];
}
