/**
 * Certificates and timestamp tokens made to order, right or wrong, without any code of ours or of pkijs.
 *
 * `openssl ts` takes the right ones: see test/anchors/timestamp-openssl.test.ts.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import {
  bits,
  boolean,
  context,
  generalizedTime,
  integer,
  nothing,
  octets,
  oid,
  sequence,
  setOf,
  utcTime,
  utf8,
} from './der.ts';

export interface Identity {
  readonly name: string;
  readonly der: Buffer;
  readonly pem: string;
  readonly x509: X509Certificate;
  readonly key: KeyObject;
  readonly key_pem: string;
  readonly serial: Buffer;
}

export interface CertificateOrder {
  readonly name: string;
  /** Absent: signed by itself. */
  readonly issuer?: Identity;
  readonly keys?: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  readonly ca?: boolean;
  readonly path_length?: number;
  readonly from?: string;
  readonly until?: string;
  /** Null: no such extension. */
  readonly purposes?: readonly string[] | null;
  readonly purposes_critical?: boolean;
  /** First byte of keyUsage; null: no such extension. */
  readonly key_usage?: number | null;
  readonly extensions?: readonly Buffer[];
  readonly digest?: 'sha1' | 'sha256';
}

export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const [DIGITAL_SIGNATURE, CERT_SIGN] = [0x80, 0x04];

export const ecKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const rsaKeys = (modulusLength = 2048) => generateKeyPairSync('rsa', { modulusLength });

const nameOf = (text: string) => sequence(setOf(sequence(oid('2.5.4.3'), utf8(text))));

export function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

function signatureAlgorithm(key: KeyObject, digest: string): Buffer {
  const by_digest = { sha1: 0, sha256: 1 } as Record<string, number>;
  const i = by_digest[digest]!;
  if (key.asymmetricKeyType === 'rsa') {
    return sequence(oid(['1.2.840.113549.1.1.5', '1.2.840.113549.1.1.11'][i]!), nothing());
  }
  return sequence(oid(['1.2.840.10045.4.1', '1.2.840.10045.4.3.2'][i]!));
}

let serials = 0;

export function issue(order: CertificateOrder): Identity {
  const { name, issuer, ca = issuer === undefined, digest = 'sha256' } = order;
  const keys = order.keys ?? ecKeys();
  const { purposes = ca ? null : [TIME_STAMPING], purposes_critical = true } = order;
  const { key_usage = ca ? CERT_SIGN : DIGITAL_SIGNATURE } = order;
  const key = issuer?.key ?? keys.privateKey;
  const algorithm = signatureAlgorithm(key, digest);
  const serial = Buffer.from([0x40, 0x01, ++serials >> 8, serials & 0xff]);
  const extensions = [
    ...(ca
      ? [
          extension(
            '2.5.29.19',
            sequence(boolean(true), ...(order.path_length === undefined ? [] : [integer(order.path_length)])),
            true,
          ),
        ]
      : []),
    ...(key_usage === null ? [] : [extension('2.5.29.15', bits(Buffer.from([key_usage])), true)]),
    ...(purposes === null ? [] : [extension('2.5.29.37', sequence(...purposes.map(oid)), purposes_critical)]),
    ...(order.extensions ?? []),
  ];
  const tbs = sequence(
    context(0, integer(2)),
    integer(serial),
    algorithm,
    nameOf(issuer?.name ?? name),
    sequence(utcTime(order.from ?? '2020-01-01T00:00:00'), utcTime(order.until ?? '2049-01-01T00:00:00')),
    nameOf(name),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [context(3, sequence(...extensions))]),
  );
  const der = sequence(tbs, algorithm, bits(sign(digest, tbs, key)));
  const x509 = new X509Certificate(der);
  const key_pem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { name, der, pem: x509.toString(), x509, key: keys.privateKey, key_pem, serial };
}

const OID = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha1: '1.3.14.3.2.26',
  tst_info: '1.2.840.113549.1.9.16.1.4',
  signed_data: '1.2.840.113549.1.7.2',
  content_type: '1.2.840.113549.1.9.3',
  message_digest: '1.2.840.113549.1.9.4',
  signing_certificate: '1.2.840.113549.1.9.16.2.12',
  signing_certificate_v2: '1.2.840.113549.1.9.16.2.47',
} as const;

const sha = (digest: string, bytes: Uint8Array) => createHash(digest).update(bytes).digest();

export interface TokenOrder {
  readonly digest: Uint8Array;
  readonly nonce?: Uint8Array;
  readonly signer: Identity;
  /** Certificates that are sent along; default the signer's. */
  readonly certificates?: readonly Identity[];
  /** Which certificate the signed attributes name; null: none. */
  readonly names?: Identity | null;
  readonly names_version?: 1 | 2;
  /** Overrides issuer and serial in what is named. */
  readonly names_serial?: Uint8Array;
  /** Whose key signs; default the signer's. */
  readonly key?: KeyObject;
  readonly gen_time?: string;
  readonly accuracy?: Buffer;
  readonly imprint_oid?: string;
  readonly version?: number;
  readonly extensions?: readonly Buffer[];
  readonly content_type?: string | null;
  /** What stands in place of the content that was signed. */
  readonly swap?: (content: Buffer) => Buffer;
  readonly signers?: number;
  readonly digest_oid?: string;
  readonly unsigned?: boolean;
}

/** A token, DER. */
export function forgeToken(order: TokenOrder): Uint8Array {
  const { signer, nonce, digest, version = 1, imprint_oid = OID.sha256 } = order;
  const content = sequence(
    integer(version),
    oid('1.2.3.4.1'),
    sequence(sequence(oid(imprint_oid)), octets(digest)),
    integer(42),
    generalizedTime(order.gen_time ?? '20261121021400Z'),
    ...(order.accuracy === undefined ? [] : [order.accuracy]),
    ...(nonce === undefined ? [] : [integer(nonce)]),
    ...(order.extensions === undefined ? [] : [context(1, ...order.extensions)]),
  );
  const attribute = (id: string, value: Buffer) => sequence(oid(id), setOf(value));
  const { content_type = OID.tst_info, names = signer } = order;
  const attributes = [
    ...(content_type === null ? [] : [attribute(OID.content_type, oid(content_type))]),
    attribute(OID.message_digest, octets(sha('sha256', content))),
    ...(names === null ? [] : [certificateAttribute(order, names, attribute)]),
  ];
  const algorithm = sequence(oid(order.digest_oid ?? OID.sha256));
  const key = order.key ?? signer.key;
  const info = sequence(
    integer(1),
    sequence(nameOf(issuerName(signer)), integer(signer.serial)),
    algorithm,
    ...(order.unsigned ? [] : [context(0, ...attributes.toSorted(Buffer.compare))]),
    signatureAlgorithm(key, 'sha256'),
    octets(sign('sha256', order.unsigned ? content : setOf(...attributes), key)),
  );
  const certificates = (order.certificates ?? [signer]).map(({ der }) => der);
  return new Uint8Array(
    sequence(
      oid(OID.signed_data),
      context(
        0,
        sequence(
          integer(3),
          setOf(algorithm),
          sequence(oid(OID.tst_info), context(0, octets(order.swap?.(content) ?? content))),
          context(0, ...certificates.toSorted(Buffer.compare)),
          setOf(...Array.from({ length: order.signers ?? 1 }, () => info)),
        ),
      ),
    ),
  );
}

function certificateAttribute(
  { names_version = 2, names_serial }: TokenOrder,
  named: Identity,
  attribute: (id: string, value: Buffer) => Buffer,
): Buffer {
  const by_serial = sequence(
    sequence(context(4, nameOf(issuerName(named)))),
    integer(names_serial ?? named.serial),
  );
  const hash = octets(sha(names_version === 1 ? 'sha1' : 'sha256', named.der));
  const id = names_version === 1 ? OID.signing_certificate : OID.signing_certificate_v2;
  return attribute(id, sequence(sequence(sequence(hash, by_serial))));
}

function issuerName({ x509 }: Identity): string {
  return x509.issuer!.replace(/^CN=/, '');
}
