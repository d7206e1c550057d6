/**
 * Whether a checkpoint is worth anchoring, and when to try again.
 *
 * Anchoring is recorded, and a record makes a new checkpoint. Were that a reason to anchor again, an idle ledger would
 * feed itself for ever: so records of anchoring alone are no news.
 *
 * Errors:  ANCHOR_CONFLICT.
 * Pure:    no I/O, no clock.
 */
import { IndelibleError } from '@indelible/core';

/** What was anchored last. */
export interface LastAnchored {
  readonly size: number;
  readonly root: string;
}

/** True when the log holds something that the anchor does not. Raises when it cannot be the log that was anchored. */
export async function hasNews(
  latest: { readonly size: number; readonly root: string },
  last: LastAnchored | null,
  anchoringRecords: (from: number, to: number) => Promise<number>,
): Promise<boolean> {
  if (last === null) return true;
  if (latest.size < last.size || (latest.size === last.size && latest.root !== last.root)) {
    const what = latest.size < last.size ? `has ${latest.size} records` : 'has another root';
    throw new IndelibleError(
      'ANCHOR_CONFLICT',
      `${last.size} records were anchored, but the log now ${what}: it was rewound or rewritten`,
      { details: { anchored: last, found: { size: latest.size, root: latest.root } } },
    );
  }
  if (latest.size === last.size) return false;
  return latest.size - last.size > (await anchoringRecords(last.size, latest.size));
}

/** How long to wait after so many failures in a row. */
export function retryPause(
  failures: number,
  { first_ms, max_ms }: { first_ms: number; max_ms: number },
): number {
  // Beyond 2^30 the sum would lose its meaning, and the limit is long reached.
  return Math.min(max_ms, first_ms * 2 ** Math.min(failures - 1, 30));
}
