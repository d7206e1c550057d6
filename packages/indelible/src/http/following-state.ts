/**
 * How far indexes and archives are behind, for health and metrics. Never rejects, and soon: health must answer also while a
 * store does not.
 */
import type { Ledger } from '../ledger/ledger.ts';
import type { ArchiveLag } from '../moving/archive-lag.ts';
import type { OutboxLag } from '../outbox/contract.ts';
import { askSoon, HEALTH_WAIT_MS } from './ask-soon.ts';
import type { ArchiveShown, OutboxShown } from './options.ts';

/** What is open to everybody: sizes, times and codes; where the archive lies is not. */
export interface ArchiveState {
  readonly ok: boolean;
  /** Records in the archive; null before it was reached for the first time. */
  readonly size: number | null;
  /** Records under its newest checkpoint. */
  readonly checkpoint_size: number;
  readonly lag_records: number | null;
  /** Since the oldest record was recorded that it lacks, and at least since it fails; 0 when it has all. */
  readonly lag_s: number | null;
  readonly last_archived_at: string | null;
  readonly failing_since: string | null;
  readonly fault: string | null;
}

/** Null for a ledger that is not archived. */
export async function archiveState(archive: ArchiveShown | undefined): Promise<ArchiveState | null> {
  if (archive === undefined) return null;
  const lag = await archiveLag(archive);
  const { size, checkpoint_size, last_archived_at, failing_since, error } = archive.status;
  return {
    ok: failing_since === null,
    size,
    checkpoint_size,
    lag_records: lag?.records ?? null,
    lag_s: lag?.seconds ?? null,
    last_archived_at: timeOf(last_archived_at),
    failing_since: timeOf(failing_since),
    fault: error?.code ?? null,
  };
}

export interface OutboxState {
  /** Whether this process is the one that seals. */
  readonly is_leader: boolean;
  /** Events that wait to be sealed, whoever seals them. */
  readonly waiting: number | null;
  readonly oldest_s: number | null;
  /** Events that cannot be sealed and were set aside. */
  readonly refused: number | null;
  readonly fault: string | null;
}

/** Null for a ledger without an outbox. */
export async function outboxState(outbox: OutboxShown | undefined): Promise<OutboxState | null> {
  if (outbox === undefined) return null;
  const lag = await outboxLag(outbox);
  const { is_leader, fault } = outbox.status;
  return {
    is_leader,
    waiting: lag?.waiting ?? null,
    oldest_s: lag?.oldest_s ?? null,
    refused: lag?.refused ?? null,
    fault: fault?.code ?? null,
  };
}

/** Durable records that are not indexed yet, whoever wrote them; null without an index, and while the log cannot be read. */
export async function indexLag(ledger: Ledger): Promise<number | null> {
  const { index_position } = ledger.stats;
  if (index_position === null) return null;
  return askSoon(ledger, () => ledger.head(), HEALTH_WAIT_MS).then(
    (head) => Math.max(0, (head?.seq ?? -1) + 1 - index_position),
    () => null,
  );
}

/** 1 while the ledger's store says what its head is, 0 while it fails or keeps silent. */
export function answersNow(ledger: Ledger): Promise<number> {
  return askSoon(ledger, () => ledger.head(), HEALTH_WAIT_MS).then(
    () => 1,
    () => 0,
  );
}

/** Null where it is not known. */
export function archiveLag(archive: ArchiveShown): Promise<ArchiveLag | null> {
  return askSoon(archive, () => archive.lag(), HEALTH_WAIT_MS).catch(() => null);
}

/** Null where it is not known. */
export function outboxLag(outbox: OutboxShown): Promise<OutboxLag | null> {
  return askSoon(outbox, () => outbox.lag(), HEALTH_WAIT_MS).catch(() => null);
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
