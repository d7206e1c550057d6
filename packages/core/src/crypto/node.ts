/**
 * SHA-256 and HMAC-SHA-256 from node:crypto: about ten times as fast as portable code.
 *
 * Source:  FIPS 180-4, RFC 2104.
 * Pure:    no I/O, no clock, no randomness.
 */
import { createHmac, createSecretKey, hash } from 'node:crypto';

/** SHA-256 of `data`, as 64 lower-case hex digits. */
export function sha256Hex(data: Uint8Array): string {
  return hash('sha256', data, 'hex');
}

/** Writes the 32 bytes of SHA-256 of `data` into `target` from position `at` on. `data` may overlap with it. */
export function sha256Into(data: Uint8Array, target: Uint8Array, at: number): void {
  // A string of one byte a character: given bytes, Node would allocate a Buffer, which takes longer than the hash.
  const digest = hash('sha256', data, 'binary');
  for (let i = 0; i < 32; i++) target[at + i] = digest.charCodeAt(i);
}

/** A function that computes HMAC-SHA-256 under `key`, as 64 lower-case hex digits. */
export function hmacSha256Hex(key: Uint8Array): (data: Uint8Array) => string {
  // A KeyObject is five times as fast as raw bytes: OpenSSL prepares the key once.
  const secret = createSecretKey(key);
  return (data) => createHmac('sha256', secret).update(data).digest('hex');
}
