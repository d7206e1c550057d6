/**
 * How an index comes along that has much to catch up with: the first look at a large log on this machine takes its time.
 */
import type { IndexingProgress } from '../ledger/index-position.ts';
import { type Progress, startProgress } from './progress.ts';
import type { Terminal } from './terminal.ts';
import { count } from './units.ts';

const TELL_MS = 60_000;

export interface ShownIndexing {
  readonly update: (progress: IndexingProgress) => void;
  readonly stop: () => void;
}

/** A bar where a person watches. */
export function indexingBar(terminal: Terminal): ShownIndexing {
  let bar: Progress | null = null;
  return {
    update: ({ records, records_total }) => {
      bar ??= startProgress(terminal, 'indexing', records_total, 'records');
      bar.update(records);
    },
    stop: () => bar?.stop(),
  };
}

/** Where nobody watches, a line when it begins and one a minute: for a server, which does not answer before it is done. */
export function indexingNotices(terminal: Terminal, clock: () => number = Date.now): ShownIndexing {
  const bar = indexingBar(terminal);
  let told_at = Number.NEGATIVE_INFINITY;
  return {
    update: (progress) => {
      if (terminal.attended) return bar.update(progress);
      const { records, records_total } = progress;
      if (records < records_total && clock() - told_at < TELL_MS) return;
      told_at = clock();
      terminal.notice(`indexing before it listens: ${count(records)} of ${count(records_total)} records`);
    },
    stop: bar.stop,
  };
}
