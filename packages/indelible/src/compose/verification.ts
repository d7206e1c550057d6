/**
 * Verification over concrete places: from a ledger URL to what lies beside it, and the checkers of receipts.
 *
 * Errors:  ANCHOR_CONFIG for roots that are none; those of opening.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpointHistory } from '../transparency/checkpoint-history.ts';
import type { TransparencyReader } from '../transparency/contract.ts';
import { openTreeFolder } from '../transparency/tree-folder.ts';
import { openPositionFile } from '../verification/position.ts';
import type { PositionStore, ReceiptChecker, StoredProofs } from '../verification/types.ts';
import { treeFolder } from './beside.ts';
import { parseLedgerUrl } from './ledger-url.ts';
import { openProofsInBucket } from './publication.ts';

/**
 * What lies beside a ledger, opened for reading alone; null for one in memory. Where nothing does there are no
 * checkpoints, which is for the verifier to judge: the log may say that there should be.
 */
export async function openStoredProofs(url: string): Promise<StoredProofs | null> {
  const folder = treeFolder(url);
  if (folder === null) return null;
  if (!existsSync(folder)) return (await publishedBeside(url)) ?? NOTHING;
  const tree = await openTreeFolder(folder, { read_only: true });
  try {
    const history = openCheckpointHistory(join(folder, 'checkpoints.db'), { read_only: true });
    return {
      tree,
      async *checkpoints() {
        let last = 0;
        for (let next = await history.atLeast(1); next !== null; next = await history.atLeast(last + 1)) {
          yield next;
          last = next.size;
        }
        // Signed, and withheld until witnesses have cosigned it.
        const newest = await history.newestSigned();
        if (newest !== null && newest.size > last) yield newest;
      },
      async close() {
        await history.close();
        await tree.close();
      },
    };
  } catch (error) {
    await tree.close();
    throw error;
  }
}

/** A bucket may hold everything that shows its log to others. */
async function publishedBeside(url: string): Promise<StoredProofs | null> {
  const place = parseLedgerUrl(url);
  return place.scheme === 's3' ? openProofsInBucket(place.url) : null;
}

const NOTHING: StoredProofs = { tree: null, async *checkpoints() {}, close: async () => {} };

/** The checkpoints of a ledger in memory, whose tree nobody else can reach. */
export function proofsInMemory(transparency: TransparencyReader): StoredProofs {
  return { tree: null, checkpoints: () => transparency.history(), close: async () => {} };
}

/** Where it is kept how far a ledger was verified; null for one that has no tree. */
export function verifiedPosition(url: string): PositionStore | null {
  const folder = treeFolder(url);
  return folder === null || !existsSync(folder) ? null : openPositionFile(join(folder, 'verified.json'));
}

/** Checks tokens of timestamp authorities under these root certificates (PEM). */
export async function openTimestampChecker(roots: string): Promise<ReceiptChecker> {
  const { openTimestampAnchor } = await import('../anchors/timestamp/timestamp-anchor.ts');
  // Nobody is asked: a token is checked by itself.
  return openTimestampAnchor({ url: 'https://nobody.invalid/', roots });
}
