/**
 * Certificates as a chain needs them. Names, validity and signatures come from node:crypto, extensions from the bytes.
 *
 * Source:  RFC 5280.
 */
import { X509Certificate } from 'node:crypto';
import { type Asn1, children, decode, isContext, type Node, octetsOf, oidOf, raw } from './asn1.ts';
import { demand, refuse } from './refusal.ts';

const EXTENSIONS = {
  subject_key_id: '2.5.29.14',
  key_usage: '2.5.29.15',
  basic_constraints: '2.5.29.19',
  policies: '2.5.29.32',
  extended_key_usage: '2.5.29.37',
} as const;
/** Those that are looked at here; policies limit nothing unless another, unknown one says so. */
const UNDERSTOOD: ReadonlySet<string> = new Set(Object.values(EXTENSIONS));
/** The bits of keyUsage, by their place from the left. */
const KEY_USAGE = { digital_signature: 0, non_repudiation: 1, key_cert_sign: 5 } as const;
const CERTIFICATE_BYTES_MAX = 16 * 1024;

export interface Certificate {
  readonly bytes: Uint8Array;
  readonly x509: X509Certificate;
  readonly issuer: Uint8Array;
  readonly serial: Uint8Array;
  readonly subject_key_id: Uint8Array | null;
  readonly signature_oid: string;
  /** Null when the extension is absent. */
  readonly extended_key_usage: { readonly critical: boolean; readonly purposes: readonly string[] } | null;
  readonly is_ca: boolean;
  readonly path_length_max: number | null;
  /** Null when the extension is absent: anything is allowed. */
  readonly key_usage: readonly (keyof typeof KEY_USAGE)[] | null;
}

/** Reads a certificate from DER. */
export function readCertificate(asn1: Asn1, bytes: Uint8Array): Certificate {
  demand(bytes.length <= CERTIFICATE_BYTES_MAX, 'a certificate is too long');
  const x509 = new X509Certificate(bytes);
  // What node:crypto and asn1js read must be the same certificate.
  demand(Buffer.compare(x509.raw, bytes) === 0, 'a certificate is not one');
  const parsed = new asn1.pkijs.Certificate({ schema: decode(asn1, bytes, 'a certificate') });
  const extensions = new Map<string, { critical: boolean; value: Node }>();
  for (const { extnID, critical, extnValue } of parsed.extensions ?? []) {
    demand(!extensions.has(extnID), 'a certificate has an extension twice');
    demand(
      !critical || UNDERSTOOD.has(extnID),
      `a certificate has a critical extension ${extnID}, which is unknown`,
    );
    if (!UNDERSTOOD.has(extnID)) continue;
    const value = decode(asn1, new Uint8Array(extnValue.getValue()), `the extension ${extnID}`);
    extensions.set(extnID, { critical, value });
  }
  const of = (name: keyof typeof EXTENSIONS) => extensions.get(EXTENSIONS[name]);
  const extended = of('extended_key_usage');
  const key_id = of('subject_key_id');
  return {
    bytes,
    x509,
    issuer: new Uint8Array(parsed.issuer.valueBeforeDecode),
    serial: new Uint8Array(parsed.serialNumber.valueBlock.valueHexView),
    subject_key_id: key_id === undefined ? null : octetsOf(asn1, key_id.value),
    signature_oid: parsed.signatureAlgorithm.algorithmId,
    extended_key_usage:
      extended === undefined
        ? null
        : {
            critical: extended.critical,
            purposes: children(extended.value).map((purpose) => oidOf(asn1, purpose)),
          },
    ...basicConstraints(asn1, of('basic_constraints')?.value),
    key_usage: keyUsage(asn1, of('key_usage')?.value),
  };
}

function basicConstraints({ asn1js }: Asn1, value: Node | undefined) {
  if (value === undefined) return { is_ca: false, path_length_max: null };
  const [ca, length] = children(value);
  const is_ca = ca instanceof asn1js.Boolean && ca.getValue();
  if (length === undefined) return { is_ca, path_length_max: null };
  if (!(length instanceof asn1js.Integer))
    return refuse('the basic constraints of a certificate are malformed');
  const path_length_max = length.valueBlock.valueDec;
  demand(!length.valueBlock.isHexOnly && path_length_max >= 0, 'a path length is out of range');
  return { is_ca, path_length_max };
}

function keyUsage({ asn1js }: Asn1, value: Node | undefined): Certificate['key_usage'] {
  if (value === undefined) return null;
  if (!(value instanceof asn1js.BitString)) return refuse('the key usage of a certificate is malformed');
  const [first = 0] = value.valueBlock.valueHexView;
  const names = Object.keys(KEY_USAGE) as (keyof typeof KEY_USAGE)[];
  return names.filter((name) => (first & (0x80 >> KEY_USAGE[name])) !== 0);
}

/** The certificates of a token, as they stand in it. */
export function rawCertificates(signedData: Node): Uint8Array[] {
  const set = children(signedData).find((node) => isContext(node, 0));
  return set === undefined ? [] : children(set).map(raw);
}
