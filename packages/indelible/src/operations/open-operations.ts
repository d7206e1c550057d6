/**
 * Listings of operations.
 */
import type { LedgerReader } from '../ledger/types.ts';
import { findRecords } from './records.ts';

/** Ids of the newest operations. */
export async function newestOperations(ledger: LedgerReader, limit: number): Promise<string[]> {
  const planned = await findRecords(ledger, { action: 'operation.planned', order: 'newest', limit });
  return planned.flatMap(({ resource }) => (resource?.type === 'operation' ? [resource.id] : []));
}
