/**
 * Signature checks for any JavaScript engine, from @noble/curves and @noble/post-quantum.
 *
 * Ed25519 is checked without the cofactor, as OpenSSL does. noble's own `verify` multiplies by it, and would accept
 * crafted signatures that node:crypto refuses.
 *
 * Source:  RFC 8032 §5.1.7 (Ed25519), FIPS 204 (ML-DSA-44, pure, empty context).
 * Pure:    no I/O, no clock, no randomness.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { isStrict } from './strict-ed25519.ts';

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;

/** Checks one Ed25519 signature; false for whatever is not a valid one. */
export function verifyEd25519(public_key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isStrict(public_key, signature)) return false;
  const [r, s] = [signature.subarray(0, 32), littleEndian(signature.subarray(32))];
  if (s >= ORDER) return false;
  const key = pointOf(public_key);
  if (key === null) return false;
  const challenge = sha512.create().update(r).update(public_key).update(message).digest();
  const k = littleEndian(challenge) % ORDER;
  const point = Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k)).toBytes();
  return point.every((byte, i) => byte === r[i]);
}

/** Checks one ML-DSA-44 signature; false for whatever is not a valid one. */
export function verifyMlDsa44(public_key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (public_key.length !== 1312 || signature.length !== 2420) return false;
  return ml_dsa44.verify(signature, message, public_key);
}

/** Null when no point has this y. */
function pointOf(bytes: Uint8Array): InstanceType<typeof Point> | null {
  try {
    return Point.fromBytes(bytes);
  } catch {
    return null;
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}
