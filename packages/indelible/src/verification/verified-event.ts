/**
 * The record of a verification, `ledger.verified`: the same whoever asked for it.
 *
 * Pure:    no I/O.
 */
import type { Event } from '@indelible/core';
import type { VerifyReport } from '../ledger/types.ts';

export const LEDGER_VERIFIED = 'ledger.verified';

/** What is recorded. */
export function verifiedEvent(ledger: string, report: VerifyReport, mode: 'full' | 'incremental'): Event {
  const { ok, verdict, records_checked, first_bad_seq, damage, head, graded, duration_ms } = report;
  return {
    action: LEDGER_VERIFIED,
    resource: { type: 'ledger', id: ledger },
    outcome: ok ? 'ok' : 'error',
    data: {
      verdict,
      mode,
      size: graded.size,
      root: graded.root,
      result: graded.result,
      grade: graded.grade,
      records_checked,
      first_bad_seq,
      damage,
      head: head === null ? null : { ...head },
      duration_ms,
    },
  };
}
