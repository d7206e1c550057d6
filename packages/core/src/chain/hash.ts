/**
 * The hash of a record: chain link and Merkle leaf in one.
 *
 * Shapes:  bodies are canonical record bytes; hashes are 64 lower-case hex digits.
 * Source:  RFC 6962 §2.1 for the 0x00 prefix of a leaf; RFC 2104 for keyed ledgers.
 * Pure:    no I/O.
 */
import { hmacSha256Hex, sha256Hex } from '#sha256';
import { LIMITS } from '../record/limits.ts';

/** Hashes 0x00 ‖ body. */
export type BodyHash = (body: Uint8Array) => string;

// One buffer for the prefix and any record: concatenating anew for each would cost as much as the hash.
const scratch = new Uint8Array(LIMITS.record_bytes + 1);

function prefixed(body: Uint8Array): Uint8Array {
  const input =
    body.length < scratch.length ? scratch.subarray(0, body.length + 1) : new Uint8Array(body.length + 1);
  input[0] = 0x00;
  input.set(body, 1);
  return input;
}

/** The RFC 6962 leaf hash, SHA-256(0x00 ‖ body); in a plain ledger also the chain hash. */
export function leafHash(body: Uint8Array): string {
  return sha256Hex(prefixed(body));
}

/** The chain hash of a keyed ledger: HMAC-SHA-256(key, 0x00 ‖ body). */
export function keyedHash(secret: Uint8Array): BodyHash {
  const mac = hmacSha256Hex(secret);
  return (body) => mac(prefixed(body));
}

const encoder = new TextEncoder();

/**
 * The public check value of a key: it tells a wrong secret from tampering, and reveals nothing about the secret.
 * HMAC-SHA-256(key, "indelible key check v1\n" ‖ key id). The text cannot be mistaken for a record: those start 0x00.
 */
export function keyCheckValue(key_id: string, secret: Uint8Array): string {
  return hmacSha256Hex(secret)(encoder.encode(`indelible key check v1\n${key_id}`));
}
