/** The compact listing of `GET /v1/audit`: the newest records, read from the log itself, so never behind. */
import type { Outcome } from '@indelible/core';
import type { LedgerReader } from '../ledger/types.ts';
import { actorText, resourceText } from './run-log.ts';

export const AUDIT_LIMIT_DEFAULT = 50;
export const AUDIT_LIMIT_MAX = 500;

export interface AuditEntry {
  readonly recorded_at: string;
  readonly actor: string;
  readonly action: string;
  /** `type:id` of the resource, or null. */
  readonly target: string | null;
  readonly outcome: Outcome;
}

/** An unparsable limit gives 50, one above 500 gives 500. */
export function auditLimit(value: unknown): number {
  const digits = typeof value === 'number' ? String(value) : value;
  if (typeof digits !== 'string' || !/^\d+$/.test(digits) || Number(digits) === 0) return AUDIT_LIMIT_DEFAULT;
  return Math.min(Number(digits), AUDIT_LIMIT_MAX);
}

/** The newest records, newest first. */
export async function auditList(reader: LedgerReader, limit: number): Promise<AuditEntry[]> {
  const head = await reader.head();
  if (head === null) return [];
  const oldest = Math.max(await reader.store.firstSeq(), head.seq - limit + 1);
  const seqs = Array.from({ length: head.seq - oldest + 1 }, (_, i) => head.seq - i);
  const records = await reader.get(seqs);
  return records.map(({ record }) => ({
    recorded_at: record.recorded_at,
    actor: actorText(record.actor),
    action: record.action,
    target: resourceText(record.resource),
    outcome: record.outcome,
  }));
}
