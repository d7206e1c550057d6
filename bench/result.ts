/**
 * The result of a suite as it is kept in `bench/results/`: everything needed to print it, and to judge it later.
 */
import type { Machine } from './machine.ts';
import type { Measures } from './sample.ts';
import type { Case, Column, Suite, Target } from './suite.ts';

/** One measure over all rounds. What lies between `min` and `max` is the machine's noise. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** In the order of the rounds. */
  readonly values: readonly number[];
}

export interface Figure {
  readonly case: string;
  readonly title: string;
  readonly measures: Readonly<Record<string, Spread>>;
  /** Why there are no measures, or null. */
  readonly absent: string | null;
}

export interface TargetResult extends Pick<Target, 'title' | 'show' | 'at_least' | 'at_most' | 'aim'> {
  readonly value: Spread | null;
  /** The median decides. `shown`: it has no bound. */
  readonly verdict: 'pass' | 'miss' | 'shown' | 'not measured';
}

export interface Result {
  readonly format: 1;
  readonly what: string;
  readonly title: string;
  readonly taken_at: string;
  /** True for a run that only shows that the benchmark works. */
  readonly quick: boolean;
  readonly records: number;
  readonly rounds: number;
  readonly machine: Machine;
  readonly columns: readonly Column[];
  readonly figures: readonly Figure[];
  readonly targets: readonly TargetResult[];
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)!, values };
}

/** One case over all rounds, or why it is absent. */
export function figureOf({ id, title }: Case, samples: readonly Measures[], absent: string | null): Figure {
  if (absent !== null || samples.length === 0) {
    return { case: id, title, measures: {}, absent: absent ?? 'not run' };
  }
  const measures = Object.fromEntries(
    Object.keys(samples[0]!).map((name) => [name, spreadOf(samples.map((sample) => sample[name]!))]),
  );
  return { case: id, title, measures, absent: null };
}

/** Judges the targets of a suite. Ratios are taken round by round: what slows the machine slows both sides. */
export function judge(suite: Suite, figures: readonly Figure[]): TargetResult[] {
  const valuesOf = (operand: Target['of']): readonly number[] | undefined =>
    figures.find((figure) => figure.case === operand.case)?.measures[operand.measure]?.values;
  return suite.targets.map(({ title, show, of, to, at_least, at_most, aim }) => {
    const shown = {
      title,
      show,
      ...(at_least === undefined ? {} : { at_least }),
      ...(at_most === undefined ? {} : { at_most }),
      ...(aim === undefined ? {} : { aim }),
    };
    const values = valuesOf(of);
    const against = to === undefined ? undefined : valuesOf(to);
    if (values === undefined || (to !== undefined && against === undefined)) {
      return { ...shown, value: null, verdict: 'not measured' };
    }
    const value = spreadOf(
      values.map((number, round) => (against === undefined ? number : number / against[round]!)),
    );
    if (at_least === undefined && at_most === undefined) return { ...shown, value, verdict: 'shown' };
    const pass = value.median >= (at_least ?? -Infinity) && value.median <= (at_most ?? Infinity);
    return { ...shown, value, verdict: pass ? 'pass' : 'miss' };
  });
}
