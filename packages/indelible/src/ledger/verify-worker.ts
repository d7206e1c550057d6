/**
 * A thread that verifies one shard of a log and reports.
 */
import type { MessagePort } from 'node:worker_threads';
import { isIndelibleError, type LeafSink, StretchVerifier } from '@indelible/core';
import type { LineBatch } from '../stores/contract.ts';
import { AttachmentUses, attachmentUses } from './attachment-uses.ts';
import { Keyring } from './keyring.ts';
import { LeafTiles } from './leaf-tiles.ts';
import { ProofRecords } from './proof-records.ts';
import type { ShardMessage, ShardSetup } from './verify-shards.ts';

const PROGRESS_BYTES = 4 << 20;

/** So many leaf hashes (512 KiB) are handed over at a time. */
const LEAVES_USUAL = 16_384;

async function run({ shard, keys, tree }: ShardSetup, port: MessagePort): Promise<ShardMessage> {
  const { readShard } = (await import(shard.module)) as { readShard(input: unknown): Iterable<LineBatch> };
  const keyring = new Keyring(keys);
  let tiles: LeafTiles | null = null;
  // Where the shard begins is known once its first record was read.
  const sink: LeafSink = {
    append: (leaf) => {
      tiles ??= new LeafTiles(verifier.report().beginning!.seq, tree === 'leaves');
      tiles.append(leaf);
    },
  };
  const verifier = new StretchVerifier((key_id) => keyring.hash(key_id), tree === 'none' ? undefined : sink);
  const handOver = (at_least: number): void => {
    const leaves = tiles?.takeLeaves(at_least) ?? null;
    if (leaves === null) return;
    const message: ShardMessage = { type: 'leaves', leaves };
    port.postMessage(message, [leaves.hashes.buffer as ArrayBuffer]);
  };
  const uses = new AttachmentUses();
  const proof_records = new ProofRecords();
  let bytes = 0;
  let reported = 0;
  for (const batch of readShard(shard.input)) {
    if (!verifier.push(batch.bytes, batch.ends, batch.stored_seqs)) break;
    if (verifier.has_attachments) uses.add(attachmentUses(batch));
    proof_records.add(batch);
    handOver(LEAVES_USUAL);
    bytes += batch.bytes.length;
    if (bytes - reported < PROGRESS_BYTES) continue;
    reported = bytes;
    port.postMessage({ type: 'progress', records: verifier.records, bytes } satisfies ShardMessage);
  }
  handOver(1);
  return {
    type: 'done',
    stretch: verifier.report(),
    attachments: uses.list(),
    proof_records: proof_records.list(),
    hashed: (tiles as LeafTiles | null)?.stretch() ?? null,
    bytes,
  };
}

/** Serves one shard: one last message, `done` or `failed`. */
export function serve(setup: ShardSetup, port: MessagePort): void {
  run(setup, port)
    .catch((error: unknown): ShardMessage => {
      const code = isIndelibleError(error) ? error.code : 'STORE_UNAVAILABLE';
      return { type: 'failed', code, text: error instanceof Error ? error.message : String(error) };
    })
    .then((message) => port.postMessage(message))
    .finally(() => port.close());
}
