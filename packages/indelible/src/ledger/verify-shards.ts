/**
 * Verifying the shards of a log side by side, a thread each, and joining what they report.
 *
 * Errors:  KEY_UNKNOWN, and the store's errors when a shard cannot be read.
 */
import { Worker } from 'node:worker_threads';
import { type ErrorCode, IndelibleError, type StretchReport } from '@indelible/core';
import type { Shard } from '../stores/contract.ts';
import { threadOptions } from '../threads.ts';
import type { ChainKey } from './types.ts';

export type ShardMessage =
  | { readonly type: 'progress'; readonly records: number; readonly bytes: number }
  | { readonly type: 'done'; readonly report: StretchReport; readonly bytes: number }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly text: string };

const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './verify-worker.ts' : './verify-worker.js',
  import.meta.url,
);

/** The report of each shard, in order. */
export async function verifyShards(
  shards: readonly Shard[],
  keys: readonly ChainKey[],
  onProgress: (records: number, bytes: number) => void,
  signal?: AbortSignal,
): Promise<StretchReport[]> {
  const records = shards.map(() => 0);
  const bytes = shards.map(() => 0);
  const report = (index: number, message: { records: number; bytes: number }) => {
    records[index] = message.records;
    bytes[index] = message.bytes;
    onProgress(sum(records), sum(bytes));
  };
  const stop = new AbortController();
  const stops = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  try {
    return await Promise.all(
      shards.map((shard, index) => verifyShard(shard, keys, stops, (message) => report(index, message))),
    );
  } finally {
    stop.abort();
  }
}

function verifyShard(
  shard: Shard,
  keys: readonly ChainKey[],
  signal: AbortSignal,
  onProgress: (message: { records: number; bytes: number }) => void,
): Promise<StretchReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(WORKER, { ...threadOptions(), workerData: { shard, keys } });
    const abort = () => {
      void worker.terminate();
      reject(new IndelibleError('STORE_UNAVAILABLE', 'verification was stopped'));
    };
    signal.addEventListener('abort', abort, { once: true });
    worker.on('message', (message: ShardMessage) => {
      if (message.type === 'progress') return onProgress(message);
      signal.removeEventListener('abort', abort);
      if (message.type === 'failed') return reject(new IndelibleError(message.code, message.text));
      onProgress({ records: message.report.records, bytes: message.bytes });
      resolve(message.report);
    });
    worker.on('error', reject);
    worker.on('exit', (code) =>
      reject(new IndelibleError('INTERNAL', `a verifying thread ended with ${code}`)),
    );
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
