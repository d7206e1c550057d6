/**
 * How far an archive is behind its log, for alerts: never nothing while it fails.
 *
 * Errors:  those of reading the log.
 */
import { isIndelibleError, parseRecord } from '@indelible/core';
import { lineOf } from '../ledger/lines.ts';
import type { LogStore } from '../stores/contract.ts';
import type { ArchiveStatus } from './archive.ts';

/** How far the archive is behind the log. */
export interface ArchiveLag {
  /** Null before it was reached for the first time. */
  readonly records: number | null;
  /**
   * Since the oldest record that is not archived was recorded, or the oldest that is left of those; while archiving
   * fails, not less than for how long. 0 when all are archived.
   */
  readonly seconds: number;
}

/** Null before there is anything to tell. */
export async function lagOf(
  log: LogStore,
  { size, failing_since }: Pick<ArchiveStatus, 'size' | 'failing_since'>,
  now: number,
): Promise<ArchiveLag | null> {
  const seconds = (since: number): number => Math.max(0, Math.round((now - since) / 1000));
  if (size === null)
    return failing_since === null ? null : { records: null, seconds: seconds(failing_since) };
  const records = Math.max(0, ((await log.head())?.seq ?? -1) + 1 - size);
  const oldest = records === 0 ? null : await recordedAt(log, size);
  return { records, seconds: seconds(Math.min(oldest ?? now, failing_since ?? now)) };
}

/** When the record was, or the oldest after it that is left; null where that cannot be read. */
async function recordedAt(log: LogStore, seq: number): Promise<number | null> {
  const [stored] = await log.get([Math.max(seq, await log.firstSeq())]);
  if (stored === undefined) return null;
  try {
    return Date.parse(parseRecord(lineOf(stored.line)[1]).recorded_at);
  } catch (error) {
    if (isIndelibleError(error)) return null;
    throw error;
  }
}
