/**
 * A record noted elsewhere: the simplest anchor there is. It shows what no chain can show by itself, a tail that was
 * cut or a log that was rewritten as a whole.
 */
import { IndelibleError, isIndelibleError, isLine, lineHash } from '@indelible/core';
import type { VerifyReport } from '../ledger/types.ts';
import type { LogStore } from '../stores/contract.ts';

export interface ExpectedRecord {
  readonly seq: number;
  readonly hash: string;
}

/** Reads `seq:hash`, as `verify` and `backup` print the head. */
export function parseExpected(text: string): ExpectedRecord {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text);
  if (match === null)
    throw new IndelibleError(
      'USAGE',
      '--expect takes SEQ:HASH, e.g. the head that an earlier verify printed',
    );
  return { seq: Number(match[1]), hash: match[2]! };
}

/** The report, with a finding when the record is not in the log as it was noted. */
export async function compareExpected(
  report: VerifyReport,
  store: LogStore,
  expected: ExpectedRecord,
): Promise<VerifyReport> {
  const stored = await read(store, expected.seq);
  const there = stored != null && isLine(stored.line, 0, stored.line.length);
  if (there && lineHash(stored.line, 0) === expected.hash) return report;
  const { first_seq } = report;
  const detail =
    stored === null
      ? `record ${expected.seq} cannot be read`
      : stored !== undefined
        ? `record ${expected.seq} has another hash than the one noted: the log was rewritten at or before it`
        : expected.seq < first_seq
          ? `record ${expected.seq} is no longer kept: the log now begins at ${first_seq}`
          : `record ${expected.seq} is gone: the end of the log was cut off`;
  const finding = {
    damage: stored === null ? 'unreadable' : stored === undefined ? 'missing' : 'relinked',
    seq: expected.seq,
    detail,
  } as const;
  const first = report.first_bad_seq === null || report.first_bad_seq > expected.seq ? finding : null;
  return {
    ...report,
    ok: false,
    verdict: 'damaged',
    ...(first === null ? {} : { first_bad_seq: first.seq, damage: first.damage, detail }),
    findings: [...report.findings, finding].sort((a, b) => a.seq - b.seq),
    findings_total: report.findings_total + 1,
  };
}

/** Null where the store is too damaged to say. */
async function read(store: LogStore, seq: number): Promise<{ line: Uint8Array } | undefined | null> {
  try {
    return (await store.get([seq]))[0];
  } catch (error) {
    if (isIndelibleError(error, 'LEDGER_DAMAGED')) return null;
    throw error;
  }
}
