/**
 * Verifying the shards of a log side by side, a thread each, and joining what they report.
 *
 * Errors:  KEY_UNKNOWN, and the store's errors when a shard cannot be read.
 */
import { type ErrorCode, IndelibleError, type StretchReport } from '@indelible/core';
import type { Shard } from '../stores/contract.ts';
import { Thread } from '../threads.ts';
import type { AttachmentUse } from './attachment-uses.ts';
import type { HashedStretch, Leaves } from './leaf-tiles.ts';
import type { ChainKey } from './types.ts';

export type ShardMessage =
  | { readonly type: 'progress'; readonly records: number; readonly bytes: number }
  | { readonly type: 'leaves'; readonly leaves: Leaves }
  | ({ readonly type: 'done'; readonly bytes: number } & ShardReport)
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly text: string };

const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './verify-worker.ts' : './verify-worker.js',
  import.meta.url,
);

/** What was found in one shard. */
export interface ShardReport {
  readonly stretch: StretchReport;
  readonly attachments: readonly AttachmentUse[];
  /** Records of the ledger's own about proofs. */
  readonly proof_records: readonly Uint8Array[];
  /** Null when it was not asked for. */
  readonly hashed: HashedStretch | null;
}

/** What shards are verified for. */
export interface ShardWork {
  readonly keys: readonly ChainKey[];
  readonly tree: TreeWork;
  readonly onProgress: (records: number, bytes: number) => void;
  /** Receives leaf hashes, in the order of each shard, but of several shards at once. */
  readonly onLeaves: (leaves: Leaves) => void;
  readonly signal?: AbortSignal;
}

/** What a thread is told. */
export interface ShardSetup {
  readonly shard: Shard;
  readonly keys: readonly ChainKey[];
  readonly tree: TreeWork;
}

/** `none`: only the chain; `roots`: tiles of leaf hashes, too; `leaves`: and every leaf hash. */
export type TreeWork = 'none' | 'roots' | 'leaves';

/** The report of each shard, in order. */
export async function verifyShards(shards: readonly Shard[], work: ShardWork): Promise<ShardReport[]> {
  const { onProgress, signal } = work;
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
      shards.map((shard, index) => verifyShard(shard, work, stops, (message) => report(index, message))),
    );
  } finally {
    stop.abort();
  }
}

function verifyShard(
  shard: Shard,
  { keys, tree, onLeaves }: ShardWork,
  signal: AbortSignal,
  onProgress: (message: { records: number; bytes: number }) => void,
): Promise<ShardReport> {
  return new Promise((resolve, reject) => {
    const setup: ShardSetup = { shard, keys, tree };
    const thread = new Thread(WORKER, setup, {
      onMessage: (data) => {
        const message = data as ShardMessage;
        if (message.type === 'progress') return onProgress(message);
        if (message.type === 'leaves') return onLeaves(message.leaves);
        signal.removeEventListener('abort', abort);
        thread.giveBack();
        if (message.type === 'failed') return reject(new IndelibleError(message.code, message.text));
        const { bytes, stretch, attachments, proof_records, hashed } = message;
        onProgress({ records: stretch.records, bytes });
        resolve({ stretch, attachments, proof_records, hashed });
      },
      onEnd: (cause) => {
        signal.removeEventListener('abort', abort);
        reject(new IndelibleError('INTERNAL', 'a verifying thread ended', { cause }));
      },
    });
    thread.ref();
    const abort = () => {
      void thread.terminate();
      reject(new IndelibleError('STORE_UNAVAILABLE', 'verification was stopped'));
    };
    signal.addEventListener('abort', abort, { once: true });
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
