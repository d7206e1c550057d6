/**
 * Signature algorithms, handed in: core has the formats, the caller has the cryptography (node:crypto, noble, an HSM).
 *
 * Pure:    no I/O.
 */
import type { VerifierKey } from './verifier-key.ts';

/**
 * Checks one raw signature. Must answer false, and never throw, for a signature or key of any bytes of the right length.
 */
export type VerifySignature = (public_key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/** The algorithms at hand. A key of one that is missing is refused with SIGNATURE_ALGORITHM, never passed over. */
export interface SignatureAlgorithms {
  /** RFC 8032, without a context. */
  readonly ed25519?: VerifySignature;
  /** FIPS 204, pure, with an empty context. */
  readonly ml_dsa_44?: VerifySignature;
}

/** Signs messages with one private key, wherever that is kept. */
export interface NoteSigner {
  readonly key: VerifierKey;
  /** The raw signature: 64 bytes for Ed25519, 2,420 for ML-DSA-44. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}
