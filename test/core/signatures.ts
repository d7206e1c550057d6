/** Signatures from node:crypto, handed to core as a caller would. */
import {
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import {
  type NoteSigner,
  type SignatureAlgorithms,
  type SignatureType,
  type VerifySignature,
  verifierKey,
} from '@indelible/core';

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

function verifyWith(jwkOf: (public_key: Uint8Array) => Record<string, string>): VerifySignature {
  return (public_key, message, signature) => {
    let key: KeyObject;
    try {
      key = createPublicKey({ format: 'jwk', key: jwkOf(public_key) as JsonWebKey });
    } catch {
      return false;
    }
    return verify(null, message, key, signature);
  };
}

export const algorithms: SignatureAlgorithms = {
  ed25519: verifyWith((key) => ({ kty: 'OKP', crv: 'Ed25519', x: base64url(key) })),
  ml_dsa_44: verifyWith((key) => ({ kty: 'AKP', alg: 'ML-DSA-44', pub: base64url(key) })),
};

/** A signer of any type from a 32-byte private key. */
export function signerOf(name: string, type: SignatureType, seed: Uint8Array): NoteSigner {
  // PKCS #8 around a bare seed: RFC 8410 for Ed25519, RFC 9881 for ML-DSA-44.
  const header =
    type === 'ml_dsa_44_cosignature'
      ? '3034020100300b0609608648016503040311' + '04228020'
      : '302e020100300506032b6570' + '04220420';
  const der = Buffer.concat([Buffer.from(header, 'hex'), seed]);
  const private_key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(private_key).export({ format: 'der', type: 'spki' });
  const public_key = Uint8Array.from(spki.subarray(type === 'ml_dsa_44_cosignature' ? -1312 : -32));
  return { key: verifierKey(name, type, public_key), sign: (message) => sign(null, message, private_key) };
}

export const seedOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
