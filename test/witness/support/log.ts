/** A log to be witnessed: checkpoints of any size over two histories, and the proofs between them. */
import {
  consistencyProof,
  formatAddCheckpoint,
  hashesOfLeaves,
  leafHash,
  type NoteSigner,
  parseNote,
  rootOf,
} from '@indelible/core';
import { LOG_SIGNER, noteOf, ORIGIN } from '../../monitor/support/served-log.ts';

const LEAVES_MAX = 600;
/** The second history differs from leaf 100 on. */
const FORK_AT = 100;

const histories = [0, 1].map((branch) =>
  hashesOfLeaves(
    Array.from({ length: LEAVES_MAX }, (_, i) => leafHash(Buffer.from(`${i < FORK_AT ? 0 : branch} ${i}`))),
  ),
);
export type Branch = 0 | 1;

export const rootAt = (size: number, branch: Branch = 0): string => rootOf(size, histories[branch]!);
export const proofOf = (from: number, to: number, branch: Branch = 0): string[] =>
  consistencyProof(from, to, histories[branch]!);

/** A checkpoint of this log. */
export function checkpointAt(
  size: number,
  branch: Branch = 0,
  signers: readonly NoteSigner[] = [LOG_SIGNER],
  origin = ORIGIN,
): Promise<string> {
  return noteOf(size, rootAt(size, branch), signers, origin);
}

/** The body of a request for a checkpoint of `size`. */
export async function requestFor(old_size: number, size: number, branch: Branch = 0): Promise<string> {
  const proof = old_size === 0 || old_size >= size ? [] : proofOf(old_size, size, branch);
  return formatAddCheckpoint({ old_size, proof, note: parseNote(await checkpointAt(size, branch)) });
}
