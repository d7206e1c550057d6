/**
 * Names of attachments: SHA-256 of the bytes alone, computed off the event loop when they are many.
 */
import { webcrypto } from 'node:crypto';
import { IndelibleError, sha256Hex } from '@indelible/core';

const PREFIX = 'sha-256:';
const DIGEST = /^sha-256:([0-9a-f]{64})$/;

/** Hashed here sooner than a thread could be asked to. */
const SMALL_BYTES = 64 * 1024;

/** The digest of these bytes. Of many, the work is done by a thread of Node's pool, several at once. */
export async function digestOf(bytes: Uint8Array): Promise<string> {
  if (bytes.length <= SMALL_BYTES) return PREFIX + sha256Hex(bytes);
  const hash = await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return PREFIX + Buffer.from(hash).toString('hex');
}

/** The 64 hex digits of a digest. Anything else may not come near a path. */
export function hexOf(digest: string): string {
  const hex = hexOrNull(digest);
  if (hex === null) throw missing(digest);
  return hex;
}

/** As `hexOf`; null for what is no digest, and so names nothing. */
export function hexOrNull(digest: string): string | null {
  return DIGEST.exec(digest)?.[1] ?? null;
}

export function digestOfHex(hex: string): string {
  return PREFIX + hex;
}

export function missing(digest: string): IndelibleError {
  return new IndelibleError('ATTACHMENT_MISSING', `there is no attachment ${digest.slice(0, 80)}`, {
    details: { digest: digest.slice(0, 80) },
  });
}

export function altered(digest: string, how: string): IndelibleError {
  return new IndelibleError('ATTACHMENT_ALTERED', `the attachment ${digest} ${how}`, { details: { digest } });
}

export function tooLarge(size: number, most: number): IndelibleError {
  return new IndelibleError('ATTACHMENT_TOO_LARGE', `the attachment has ${size} bytes; at most ${most}`, {
    details: { size, most },
  });
}
