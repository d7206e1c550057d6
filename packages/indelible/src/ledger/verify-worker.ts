/**
 * A thread that verifies one shard of a log and reports.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { isIndelibleError, StretchVerifier } from '@indelible/core';
import type { LineBatch, Shard } from '../stores/contract.ts';
import { Keyring } from './keyring.ts';
import type { ChainKey } from './types.ts';
import type { ShardMessage } from './verify-shards.ts';

const PROGRESS_BYTES = 4 << 20;

async function run(shard: Shard, keys: readonly ChainKey[]): Promise<ShardMessage> {
  const { readShard } = (await import(shard.module)) as { readShard(input: unknown): Iterable<LineBatch> };
  const keyring = new Keyring(keys);
  const verifier = new StretchVerifier((key_id) => keyring.hash(key_id));
  let bytes = 0;
  let reported = 0;
  for (const batch of readShard(shard.input)) {
    if (!verifier.push(batch.bytes, batch.ends, batch.stored_seqs)) break;
    bytes += batch.bytes.length;
    if (bytes - reported < PROGRESS_BYTES) continue;
    reported = bytes;
    parentPort!.postMessage({ type: 'progress', records: verifier.records, bytes } satisfies ShardMessage);
  }
  return { type: 'done', report: verifier.report(), bytes };
}

const { shard, keys } = workerData as { shard: Shard; keys: readonly ChainKey[] };
run(shard, keys).then(
  (message) => parentPort!.postMessage(message),
  (error: unknown) => {
    const code = isIndelibleError(error) ? error.code : 'STORE_UNAVAILABLE';
    const text = error instanceof Error ? error.message : String(error);
    parentPort!.postMessage({ type: 'failed', code, text } satisfies ShardMessage);
  },
);
