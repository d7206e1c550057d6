/**
 * Operations that are not over yet, and listings of operations, from the index.
 */
import type { LedgerWriter } from '../ledger/types.ts';
import { STATES, type State } from './lifecycle.ts';

const PAGE = 1000;

/** Ids of all operations that were planned and have not come to an end, oldest first. */
export async function openOperations(ledger: LedgerWriter): Promise<string[]> {
  await ledger.caughtUp();
  const open = new Set(await idsOf(ledger, 'operation.planned'));
  const ends = (Object.keys(STATES) as State[]).filter((state) => STATES[state].ends);
  for (const state of ends) for (const id of await idsOf(ledger, `operation.${state}`)) open.delete(id);
  return [...open];
}

/** Ids of the newest operations. */
export async function newestOperations(ledger: LedgerWriter, limit: number): Promise<string[]> {
  await ledger.caughtUp();
  const filter = { action: 'operation.planned' };
  const { seqs } = (await ledger.index?.search({ filter, order: 'newest', limit })) ?? { seqs: [] };
  return operationIds(ledger, seqs);
}

async function idsOf(ledger: LedgerWriter, action: string): Promise<string[]> {
  const ids: string[] = [];
  for (let beyond: number | undefined; ; ) {
    const from = beyond === undefined ? {} : { beyond };
    const found = await ledger.index?.search({ filter: { action }, order: 'oldest', limit: PAGE, ...from });
    if (found === undefined) return ids;
    ids.push(...(await operationIds(ledger, found.seqs)));
    beyond = found.seqs.at(-1);
    if (!found.more || beyond === undefined) return ids;
  }
}

async function operationIds(ledger: LedgerWriter, seqs: readonly number[]): Promise<string[]> {
  const records = await ledger.get(seqs);
  return records.flatMap(({ record: { resource } }) => (resource?.type === 'operation' ? [resource.id] : []));
}
