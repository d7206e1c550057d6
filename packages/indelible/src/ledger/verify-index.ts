/**
 * Comparing the derived index with the log.
 */
import { isIndelibleError } from '@indelible/core';
import type { LogStore } from '../stores/contract.ts';
import type { IndexFinding, RecordIndex } from '../stores/index/contract.ts';

const FINDINGS_MAX = 100;

export interface IndexComparison {
  readonly checked: number;
  /** Records that the index does not have yet. */
  readonly lag: number;
  readonly findings: readonly IndexFinding[];
  readonly findings_total: number;
  /** Where the log could not be read on, and nothing more was compared. */
  readonly unreadable: { readonly seq: number; readonly detail: string } | null;
}

/** Reads the whole log past the index. */
export async function compareIndex(store: LogStore, index: RecordIndex): Promise<IndexComparison> {
  const position = await index.position();
  const check = await index.check();
  const findings: IndexFinding[] = [];
  let total = 0;
  let checked = 0;
  let records = 0;
  const take = (found: readonly IndexFinding[]) => {
    total += found.length;
    for (const finding of found) if (findings.length < FINDINGS_MAX) findings.push(finding);
  };
  let next = 0;
  let unreadable: IndexComparison['unreadable'] = null;
  try {
    for await (const batch of store.read(0)) {
      take(await check.feed(batch));
      records += batch.ends.length;
      checked += Math.max(0, Math.min(batch.ends.length, position - batch.first_seq));
      next = batch.first_seq + batch.ends.length;
    }
    take(await check.finish());
  } catch (error) {
    if (!isIndelibleError(error, 'LEDGER_DAMAGED')) throw error;
    unreadable = { seq: next, detail: error.message };
  }
  return { checked, lag: records - checked, findings, findings_total: total, unreadable };
}
