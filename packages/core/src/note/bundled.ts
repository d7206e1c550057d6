/**
 * The signature algorithms that come with core: from node:crypto on Node, from noble elsewhere, with the same answers.
 *
 * Both refuse Ed25519 points of small order and non-canonical encodings, and check without the cofactor: the strictest
 * reading of RFC 8032, and the same on every engine.
 *
 * Pure:    no I/O.
 */
import { verifyEd25519, verifyMlDsa44 } from '#signatures';
import type { SignatureAlgorithms } from './algorithms.ts';

/** Ed25519 and ML-DSA-44. Never throws, whatever the bytes. */
export const SIGNATURES: Required<SignatureAlgorithms> = {
  ed25519: verifyEd25519,
  ml_dsa_44: verifyMlDsa44,
};
