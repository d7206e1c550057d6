/**
 * Signature checks from node:crypto. ML-DSA-44 needs OpenSSL 3.5 (Node 24); before that, @noble/post-quantum is loaded,
 * and only once there is such a signature to check.
 *
 * Source:  RFC 8032 (Ed25519, without the cofactor), FIPS 204 (ML-DSA-44, pure, empty context).
 * Pure:    no I/O but loading that package; no clock, no randomness.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { createRequire } from 'node:module';
import { isStrict } from './strict-ed25519.ts';

/** Checks one Ed25519 signature; false for whatever is not a valid one. */
export function verifyEd25519(public_key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isStrict(public_key, signature)) return false;
  return verify(null, message, keyObject(ED25519_HEADER, public_key), signature);
}

/** Checks one ML-DSA-44 signature; false for whatever is not a valid one. */
export function verifyMlDsa44(public_key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (public_key.length !== 1312 || signature.length !== 2420) return false;
  native_ml_dsa ??= hasMlDsa();
  if (native_ml_dsa) return verify(null, message, keyObject(ML_DSA_44_HEADER, public_key), signature);
  const { ml_dsa44 } = createRequire(import.meta.url)('@noble/post-quantum/ml-dsa.js') as MlDsaModule;
  return ml_dsa44.verify(signature, message, public_key);
}

// SubjectPublicKeyInfo up to the key's own bytes: RFC 8410 and RFC 9881.
const ED25519_HEADER = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);
const ML_DSA_44_HEADER = Uint8Array.of(
  ...[0x30, 0x82, 0x05, 0x32, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48],
  ...[0x01, 0x65, 0x03, 0x04, 0x03, 0x11, 0x03, 0x82, 0x05, 0x21, 0x00],
);

function keyObject(header: Uint8Array, public_key: Uint8Array): KeyObject {
  const key = new Uint8Array(header.length + public_key.length);
  key.set(header);
  key.set(public_key, header.length);
  // Node's own types ask for a Buffer here; it takes any bytes.
  const input: unknown = { key, format: 'der', type: 'spki' };
  return createPublicKey(input as Parameters<typeof createPublicKey>[0]);
}

let native_ml_dsa: boolean | undefined;

/** Any 1,312 bytes are a key, so that a refusal means that the algorithm is missing. */
function hasMlDsa(): boolean {
  try {
    keyObject(ML_DSA_44_HEADER, new Uint8Array(1312));
    return true;
  } catch {
    return false;
  }
}

interface MlDsaModule {
  readonly ml_dsa44: {
    verify(signature: Uint8Array, message: Uint8Array, public_key: Uint8Array): boolean;
  };
}
