/**
 * Runs a suite: prepares, then every case once per round, so that all cases see the same moods of the machine.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Progress } from './progress.ts';
import { type Figure, figureOf } from './result.ts';
import { runSample } from './run-sample.ts';
import type { Measures } from './sample.ts';
import type { Case, Preparation, Suite } from './suite.ts';

export interface SuiteRun {
  readonly rounds: number;
  /** Shared by the suites of one call, so that ledgers are filled once. */
  readonly folder: string;
  /** Preparations made before, by title. */
  readonly prepared: Set<string>;
  /** Why peers are absent, or null. */
  readonly no_peers: string | null;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface SuiteOutcome {
  readonly figures: readonly Figure[];
  /** Cases of our own that could not be measured. */
  readonly failures: readonly string[];
}

export async function runSuite(suite: Suite, run: SuiteRun): Promise<SuiteOutcome> {
  const shared_folder = join(run.folder, 'shared');
  await mkdir(shared_folder, { recursive: true });
  for (const preparation of suite.prepare) await prepare(preparation, shared_folder, run);

  const samples = new Map<string, Measures[]>();
  const absent = new Map<string, string>();
  for (const { id, peer } of suite.cases) {
    if (peer === true && run.no_peers !== null) absent.set(id, run.no_peers);
  }
  for (let round = 0; round < run.rounds; round++) {
    const round_folder = join(run.folder, 'round');
    const earlier = new Map<string, Measures>();
    for (const item of suite.cases) {
      if (absent.has(item.id)) continue;
      run.progress.show(`${suite.what} ${round + 1}/${run.rounds}: ${item.title}`);
      const own_folder = join(run.folder, 'own');
      const folder =
        item.place === 'shared' ? shared_folder : item.place === 'round' ? round_folder : own_folder;
      await mkdir(folder, { recursive: true });
      try {
        const measures = await runSample(
          item.subject,
          item.params({ round, earlier, shared_folder }),
          folder,
          run.signal,
        );
        earlier.set(item.id, measures);
        samples.set(item.id, [...(samples.get(item.id) ?? []), measures]);
      } catch (error) {
        run.signal.throwIfAborted();
        absent.set(item.id, error instanceof Error ? error.message : String(error));
        run.progress.note(`${item.id}: ${absent.get(item.id)}`);
      }
      await rm(own_folder, { recursive: true, force: true });
    }
    await rm(round_folder, { recursive: true, force: true });
  }
  return {
    figures: suite.cases.map((item) =>
      figureOf(item, samples.get(item.id) ?? [], absent.get(item.id) ?? null),
    ),
    failures: suite.cases.filter((item) => isFailure(item, absent)).map(({ id }) => id),
  };
}

async function prepare(preparation: Preparation, folder: string, run: SuiteRun): Promise<void> {
  if (run.prepared.has(preparation.title)) return;
  run.progress.show(preparation.title);
  try {
    await runSample(preparation.subject, preparation.params, folder, run.signal);
    run.prepared.add(preparation.title);
  } catch (error) {
    run.signal.throwIfAborted();
    // The cases that need it fail by themselves; the others go on.
    run.progress.note(`${preparation.title}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isFailure({ id, peer }: Case, absent: ReadonlyMap<string, string>): boolean {
  return absent.has(id) && peer !== true;
}
