/**
 * Building the index of a log from nothing, with progress.
 *
 * Errors:  LEDGER_NOT_FOUND for an empty store, LEDGER_DAMAGED for a log with a gap, INDEX_DAMAGED when the index does
 *          not take what it is given.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { openIndex, openStore, withoutCredentials } from '../compose.ts';
import { catchUpIndex, type IndexingProgress } from '../ledger/index-position.ts';
import type { RecordIndex } from '../stores/index/contract.ts';
import { startProgress } from './progress.ts';
import type { Invocation } from './shell.ts';

export interface BuiltIndex {
  readonly records: number;
  readonly position: number;
}

/** Forgets the index of a ledger and builds it again. The log is only read. */
export async function buildIndex({ terminal, signal }: Invocation, url: string): Promise<BuiltIndex> {
  const store = await openStore(url, { read_only: true });
  let index: RecordIndex | null = null;
  try {
    const head = await store.head();
    if (head === null)
      throw new IndelibleError('LEDGER_NOT_FOUND', `there is no ledger in ${withoutCredentials(url)}`);
    index = await openOrReplace(url);
    const first_seq = await store.firstSeq();
    const records = head.seq + 1 - first_seq;
    await index.reset(first_seq);
    const progress = startProgress(terminal, 'indexing', records, 'records');
    try {
      const onProgress = ({ records }: IndexingProgress): void => {
        signal.throwIfAborted();
        progress.update(records);
      };
      await catchUpIndex(store, index, onProgress, 0);
    } finally {
      progress.stop();
    }
    const position = await index.position();
    // A server beside us feeds the same index, so it may be further; it must not be behind.
    if (position <= head.seq) {
      throw new IndelibleError('INDEX_DAMAGED', `the index stopped at record ${position} of ${head.seq}`);
    }
    return { records, position };
  } finally {
    await index?.close();
    await store.close();
  }
}

/** An index that cannot even be opened is replaced: nothing is lost with it. */
async function openOrReplace(url: string): Promise<RecordIndex> {
  return openIndex(url, { threads: 'one' }).catch((error: unknown) => {
    if (isIndelibleError(error, 'INDEX_DAMAGED')) return openIndex(url, { rebuild: true, threads: 'one' });
    throw error;
  });
}
