/**
 * What was signed of a ledger, as it lies beside it: to be copied, and where a copy of it goes.
 *
 * Errors:  those of opening.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { KeptProofs } from '../moving/types.ts';
import { openCheckpointHistory } from '../transparency/checkpoint-history.ts';
import { openTreeFolder } from '../transparency/tree-folder.ts';
import { treeFolder } from './beside.ts';

/** Tree and checkpoints beside a ledger; null for one in memory, and when there are none to read. */
export async function openKeptProofs(url: string, read_only: boolean): Promise<KeptProofs | null> {
  const folder = treeFolder(url);
  if (folder === null) return null;
  const checkpoints = join(folder, 'checkpoints.db');
  if (read_only && !existsSync(checkpoints)) return null;
  const tree = await openTreeFolder(folder, { read_only });
  try {
    return { tree, history: openCheckpointHistory(checkpoints, { read_only }) };
  } catch (error) {
    await tree.close();
    throw error;
  }
}

export async function closeProofs(proofs: KeptProofs | null): Promise<void> {
  await proofs?.history.close();
  await proofs?.tree.close();
}
