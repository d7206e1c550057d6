/**
 * Step numbers for rows of many runs, in bounded memory.
 *
 * The number of a step is how many earlier records its run has, whether exported or not. When every record of
 * each run passes by, counting is enough; runs that fall out of memory are remembered as bits, so that only
 * those (and a few that share a bit) must be looked up in the index again. Otherwise the index is asked once
 * per run and page.
 */
import type { RecordIndex } from '../stores/index/contract.ts';

const RUNS_MAX = 50_000;
const FORGOTTEN_BITS = 2 ** 23;
const SEARCH_MAX = 10_000;

export interface StepRow {
  readonly seq: number;
  readonly correlation_id: string;
}

interface Run {
  /** Records of the run below this are counted. */
  readonly below: number;
  readonly steps: number;
}

export interface RunSteps {
  /** The step numbers of rows that ascend by seq, from call to call too. */
  number(rows: readonly StepRow[]): Promise<number[]>;
}

/** `contiguous`: all records of every run are numbered, from the run's first on. Without an index it must be so. */
export function createRunSteps(
  index: RecordIndex | null,
  contiguous: boolean,
  runsMax: number = RUNS_MAX,
): RunSteps {
  /** In order of use: the first entry is the one to forget. */
  const runs = new Map<string, Run>();
  const forgotten = new Uint8Array(FORGOTTEN_BITS / 8);

  async function number(rows: readonly StepRow[]): Promise<number[]> {
    const byRun = Map.groupBy(rows, ({ correlation_id }) => correlation_id);
    const numbers = new Map<number, number>();
    // All look-ups of a page at once: each is short, and going to the index and back is most of it.
    await Promise.all(
      [...byRun].map(async ([id, own]) => {
        const known = runs.get(id) ?? (contiguous && !isForgotten(id) ? { below: 0, steps: 0 } : null);
        const steps =
          contiguous && known !== null ? count(own, known, numbers) : await lookUp(id, own, numbers);
        remember(id, { below: own.at(-1)!.seq + 1, steps });
      }),
    );
    return rows.map(({ seq }) => numbers.get(seq)!);
  }

  function count(own: readonly StepRow[], run: Run, numbers: Map<number, number>): number {
    let steps = run.steps;
    for (const { seq } of own) numbers.set(seq, steps++);
    return steps;
  }

  /** Walks the run in the index up to the last of `own`; returns how many records it has by then. */
  async function lookUp(id: string, own: readonly StepRow[], numbers: Map<number, number>): Promise<number> {
    let { below, steps } = runs.get(id) ?? { below: 0, steps: 0 };
    const end = own.at(-1)!.seq + 1;
    const wanted = new Set(own.map(({ seq }) => seq));
    for (;;) {
      const found = await index!.search({
        filter: { correlation_id: id },
        order: 'oldest',
        limit: SEARCH_MAX,
        below: end,
        ...(below > 0 ? { beyond: below - 1 } : {}),
      });
      for (const seq of found.seqs) {
        if (wanted.has(seq)) numbers.set(seq, steps);
        steps++;
      }
      if (!found.more) return steps;
      below = found.seqs.at(-1)! + 1;
    }
  }

  function remember(id: string, run: Run): void {
    runs.delete(id);
    runs.set(id, run);
    if (runs.size <= runsMax || index === null) return;
    const [oldest] = runs.keys();
    runs.delete(oldest!);
    const bit = bitOf(oldest!);
    forgotten[bit >> 3]! |= 1 << (bit & 7);
  }

  function isForgotten(id: string): boolean {
    const bit = bitOf(id);
    return ((forgotten[bit >> 3]! >> (bit & 7)) & 1) === 1;
  }

  return { number };
}

/** Correlation ids are random already; one that is not only costs a look-up. */
function bitOf(correlationId: string): number {
  return Number.parseInt(correlationId.slice(-6), 16) % FORGOTTEN_BITS || 0;
}
