/**
 * From the certificate that signed to a root that is trusted, valid at the time in question. Revocation is not looked
 * at: it would take the network, and lists of that time.
 *
 * Source:  RFC 5280 §6.1, without names constraints and policies: a certificate that has them critical is refused.
 */

import { checkCertificateAlgorithm, checkKey } from './algorithms.ts';
import { sameBytes } from './asn1.ts';
import type { Certificate } from './certificate.ts';
import { demand, Refusal, refuse } from './refusal.ts';

export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
const ANY_PURPOSE = '2.5.29.37.0';
/** Certificates between signer and root. */
const DEPTH_MAX = 5;

/** Refuses a certificate that may not sign timestamps. */
export function checkSigner({ extended_key_usage, key_usage, is_ca }: Certificate): void {
  demand(
    extended_key_usage !== null,
    'the certificate has no extended key usage, and so may not sign timestamps',
  );
  const { purposes, critical } = extended_key_usage;
  demand(purposes.includes(TIME_STAMPING), 'the extended key usage of the certificate is not timeStamping');
  demand(purposes.length === 1, 'the extended key usage of the certificate is not timeStamping alone');
  demand(critical, 'the extended key usage of the certificate is not critical');
  demand(!is_ca, 'the certificate is one of an authority for certificates');
  const may_sign = key_usage?.some((usage) => usage === 'digital_signature' || usage === 'non_repudiation');
  demand(may_sign !== false, 'the key usage of the certificate is not to sign');
}

/** Refuses unless a chain leads from `signer` to one of the roots, each certificate in it valid at `time`. */
export function checkChain(
  signer: Certificate,
  others: readonly Certificate[],
  roots: readonly Certificate[],
  time: number,
): void {
  // Why the most promising way failed: the last refusal is more telling than "there is no way".
  let reason = 'the certificate leads to no root that is trusted';
  const reaches = (subject: Certificate, path: readonly Certificate[]): boolean => {
    checkValidity(subject, time);
    if (roots.some((root) => sameBytes(root.bytes, subject.bytes))) return true;
    demand(path.length <= DEPTH_MAX, 'the chain of certificates is too long');
    checkCertificateAlgorithm(subject.signature_oid);
    const next = [...roots, ...others].filter(
      (one) => one !== subject && !path.includes(one) && isIssuedBy(subject, one),
    );
    return next.some((issuer) => {
      try {
        checkIssuer(issuer, path.length);
        return reaches(issuer, [...path, subject]);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        reason = error.message;
        return false;
      }
    });
  };
  if (!reaches(signer, [])) refuse(reason);
}

function checkValidity({ x509 }: Certificate, time: number): void {
  const [from, to] = [x509.validFromDate.getTime(), x509.validToDate.getTime()];
  demand(
    from <= time && time <= to,
    `a certificate (${nameOf(x509)}) was not valid at the time of the timestamp`,
  );
}

/** `below`: the certificates of authorities between this one and the signer. */
function checkIssuer(
  { is_ca, key_usage, path_length_max, extended_key_usage, x509 }: Certificate,
  below: number,
) {
  const name = nameOf(x509);
  demand(is_ca, `a certificate (${name}) is not one of an authority`);
  demand(key_usage === null || key_usage.includes('key_cert_sign'), `${name} may not sign certificates`);
  demand(path_length_max === null || below <= path_length_max, `the chain below ${name} is too long`);
  const purposes = extended_key_usage?.purposes ?? [ANY_PURPOSE];
  demand(
    purposes.includes(ANY_PURPOSE) || purposes.includes(TIME_STAMPING),
    `${name} is no authority for timestamps`,
  );
  checkKey(x509.publicKey);
}

function isIssuedBy({ x509 }: Certificate, issuer: Certificate): boolean {
  return x509.checkIssued(issuer.x509) && x509.verify(issuer.x509.publicKey);
}

function nameOf({ subject }: Certificate['x509']): string {
  return subject?.split('\n').at(-1)?.slice(0, 100) ?? '';
}
