/**
 * What the authority signs besides the timestamp: its digest, its type, and which certificate it signs with.
 *
 * Without the last, another certificate with the same key (of another authority, or with another purpose) could be put
 * in its place.
 *
 * Source:  RFC 5652 §11, RFC 2634 §5.4 (ESSCertID), RFC 5035 §4 and RFC 5816 (ESSCertIDv2).
 */
import { createHash } from 'node:crypto';
import { digestName, SHA256 } from './algorithms.ts';
import {
  type Asn1,
  children,
  integerBytes,
  isContext,
  type Node,
  octetsOf,
  oidOf,
  raw,
  sameBytes,
} from './asn1.ts';
import type { Certificate } from './certificate.ts';
import { demand, refuse } from './refusal.ts';
import { type Token, TST_INFO } from './token.ts';

const ATTRIBUTES = {
  content_type: '1.2.840.113549.1.9.3',
  message_digest: '1.2.840.113549.1.9.4',
  signing_certificate: '1.2.840.113549.1.9.16.2.12',
  signing_certificate_v2: '1.2.840.113549.1.9.16.2.47',
} as const;

/** Refuses unless the signed attributes are of this content and of this certificate. */
export function checkSignedAttributes(
  asn1: Asn1,
  { signer, content }: Token,
  certificate: Certificate,
): void {
  const only = (oid: string): Node | null => {
    const values = signer.attributes.get(oid);
    if (values === undefined) return null;
    demand(values.length === 1, 'a signed attribute does not have exactly one value');
    return values[0] as Node;
  };
  const type = only(ATTRIBUTES.content_type) ?? refuse('the content type is not signed');
  demand(oidOf(asn1, type) === TST_INFO, 'the content type that is signed is another');
  const digest = only(ATTRIBUTES.message_digest) ?? refuse('the digest of the timestamp is not signed');
  const actual = createHash(digestName(signer.digest_oid)).update(content).digest();
  demand(
    sameBytes(octetsOf(asn1, digest), actual),
    'the timestamp was altered: its digest is not the one signed',
  );
  const v1 = only(ATTRIBUTES.signing_certificate);
  const v2 = only(ATTRIBUTES.signing_certificate_v2);
  demand(v1 !== null || v2 !== null, 'the token does not sign which certificate it was made with');
  if (v1 !== null) checkCertificateId(asn1, firstId(v1), 'sha1', certificate);
  if (v2 !== null) {
    const id = firstId(v2);
    // The digest comes first unless it is the default: an octet string begins the id then.
    const has_digest = !(id[0] instanceof asn1.asn1js.OctetString);
    const oid = has_digest ? oidOf(asn1, children(id[0])[0]) : SHA256;
    checkCertificateId(asn1, has_digest ? id.slice(1) : id, digestName(oid), certificate);
  }
}

/** The first of the identifiers is that of the signer. */
function firstId(attribute: Node): Node[] {
  return children(children(children(attribute)[0])[0]);
}

function checkCertificateId(
  asn1: Asn1,
  [hash, issuer_serial]: readonly Node[],
  digest: string,
  { bytes, issuer, serial }: Certificate,
): void {
  const other = 'the token was made with another certificate than it states';
  demand(sameBytes(octetsOf(asn1, hash), createHash(digest).update(bytes).digest()), other);
  if (issuer_serial === undefined) return;
  const [names, number] = children(issuer_serial);
  const directory = children(names)[0];
  demand(isContext(directory, 4), 'the issuer that the token states is no directory name');
  demand(sameBytes(integerBytes(asn1, number), serial), other);
  demand(sameBytes(raw(children(directory)[0] ?? refuse(other)), issuer), other);
}
