/**
 * Attachments in memory, beside a ledger in memory: nothing outlives the process.
 */
import { IndelibleError, LIMITS } from '@indelible/core';
import type { AttachmentFinding, AttachmentStore } from './contract.ts';
import { altered, digestOf, hexOf, missing, tooLarge } from './digest.ts';

export const ATTACHMENT_BYTES_MAX = 16 << 20;

/** The limit that a caller asked for, within that of the format. */
export function checkBytesMax(bytes_max: number | undefined): number {
  const most = bytes_max ?? ATTACHMENT_BYTES_MAX;
  if (Number.isSafeInteger(most) && most >= 1 && most <= LIMITS.attachment_bytes) return most;
  throw new IndelibleError(
    'USAGE',
    `attachments can be limited to 1 to ${LIMITS.attachment_bytes} bytes, not ${most}`,
  );
}

/** Opens an empty store. */
export function openMemoryAttachments(options: { readonly bytes_max?: number } = {}): AttachmentStore {
  const held = new Map<string, Uint8Array>();
  const bytes_max = checkBytesMax(options.bytes_max);
  let closed = false;
  const refuseClosed = (): void => {
    if (closed) throw new IndelibleError('LEDGER_CLOSED', 'the attachments are closed');
  };
  return {
    url: 'memory:',
    read_only: false,
    bytes_max,
    async put(bytes) {
      refuseClosed();
      if (bytes.length > bytes_max) throw tooLarge(bytes.length, bytes_max);
      const copy = bytes.slice();
      const digest = await digestOf(copy);
      held.set(hexOf(digest), copy);
      return digest;
    },
    async get(digest) {
      refuseClosed();
      const bytes = held.get(hexOf(digest));
      if (bytes === undefined) throw missing(digest);
      const copy = bytes.slice();
      if ((await digestOf(copy)) !== digest) throw altered(digest, 'has other bytes');
      return copy;
    },
    async has(digest) {
      refuseClosed();
      return held.has(hexOf(digest));
    },
    async *list() {
      refuseClosed();
      for (const hex of [...held.keys()]) yield `sha-256:${hex}`;
    },
    async remove(digest) {
      refuseClosed();
      return held.delete(hexOf(digest));
    },
    async inspect(): Promise<AttachmentFinding[]> {
      refuseClosed();
      return [];
    },
    async close() {
      closed = true;
    },
  };
}
