/**
 * SHA-256 and HMAC-SHA-256 for any JavaScript engine, from @noble/hashes.
 *
 * The package's `imports` map picks this file in browsers and `node.ts` on Node;
 * both export the same names, and the vectors hold them to the same answers.
 *
 * Source:  FIPS 180-4, RFC 2104.
 * Pure:    no I/O, no clock, no randomness.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** SHA-256 of `data`, as 64 lower-case hex digits. */
export function sha256Hex(data: Uint8Array): string {
  return bytesToHex(sha256(data));
}

/** Writes the 32 bytes of SHA-256 of `data` into `target` from position `at` on. `data` may overlap with it. */
export function sha256Into(data: Uint8Array, target: Uint8Array, at: number): void {
  target.set(sha256(data), at);
}

/** A function that computes HMAC-SHA-256 under `key`, as 64 lower-case hex digits. */
export function hmacSha256Hex(key: Uint8Array): (data: Uint8Array) => string {
  const secret = key.slice();
  return (data) => bytesToHex(hmac(sha256, secret, data));
}
