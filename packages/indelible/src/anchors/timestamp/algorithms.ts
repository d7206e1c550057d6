/**
 * The digests and signatures that are accepted. SHA-1 and MD5 are not, since they can be made to collide; SHA-1 alone
 * names a certificate in ESSCertID of version 1, where no collision helps.
 *
 * Source:  RFC 5754, RFC 8419, RFC 4055.
 */
import { constants, type KeyObject, verify } from 'node:crypto';
import { demand, refuse } from './refusal.ts';

const DIGESTS: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
export const SHA256 = '2.16.840.1.101.3.4.2.1';

interface SignatureKind {
  readonly key: readonly string[];
  /** Absent where the signature's algorithm leaves it to the digest's. */
  readonly digest?: string;
  readonly padding?: 'pss';
}

const RSA = ['rsa'];
const SIGNATURES: Readonly<Record<string, SignatureKind>> = {
  '1.2.840.113549.1.1.1': { key: RSA },
  '1.2.840.113549.1.1.11': { key: RSA, digest: 'sha256' },
  '1.2.840.113549.1.1.12': { key: RSA, digest: 'sha384' },
  '1.2.840.113549.1.1.13': { key: RSA, digest: 'sha512' },
  '1.2.840.113549.1.1.10': { key: ['rsa', 'rsa-pss'], padding: 'pss' },
  '1.2.840.10045.2.1': { key: ['ec'] },
  '1.2.840.10045.4.3.2': { key: ['ec'], digest: 'sha256' },
  '1.2.840.10045.4.3.3': { key: ['ec'], digest: 'sha384' },
  '1.2.840.10045.4.3.4': { key: ['ec'], digest: 'sha512' },
  '1.3.101.112': { key: ['ed25519'], digest: 'sha512' },
};
const RSA_BITS_MIN = 2048;

/** The name of a digest for node:crypto. */
export function digestName(oid: string): string {
  return DIGESTS[oid] ?? refuse(`the digest ${oid} is not accepted`);
}

/** Refuses the signature algorithm of a certificate that nobody should sign with any more. */
export function checkCertificateAlgorithm(oid: string): void {
  // The plain key types name no digest, and do not sign certificates.
  const known = SIGNATURES[oid];
  demand(
    known !== undefined && (known.digest !== undefined || known.padding === 'pss'),
    `a certificate is signed with ${oid}, which is not accepted`,
  );
}

/** Refuses keys that are too weak. */
export function checkKey(key: KeyObject): void {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  demand(
    bits === undefined || bits >= RSA_BITS_MIN,
    `an RSA key has ${bits} bits, fewer than ${RSA_BITS_MIN}`,
  );
}

/** Whether a signature over `message` is valid. */
export function isSigned(
  message: Uint8Array,
  signature: Uint8Array,
  key: KeyObject,
  { digest_oid, signature_oid }: { digest_oid: string; signature_oid: string },
): boolean {
  const digest = digestName(digest_oid);
  const kind =
    SIGNATURES[signature_oid] ?? refuse(`the signature algorithm ${signature_oid} is not accepted`);
  demand(kind.key.includes(key.asymmetricKeyType ?? ''), 'the certificate has a key of another kind');
  demand(kind.digest === undefined || kind.digest === digest, 'signature and digest algorithm disagree');
  checkKey(key);
  if (key.asymmetricKeyType === 'ed25519') return verify(null, message, key, signature);
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
  return verify(digest, message, kind.padding === 'pss' ? { key, ...pss } : key, signature);
}
