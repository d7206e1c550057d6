/**
 * A timestamp token taken apart; nothing in it is verified yet.
 *
 *     ContentInfo { signedData { TSTInfo, certificates, one SignerInfo } }
 *
 * Source:  RFC 3161 §2.4.2, RFC 5652.
 */
import {
  type Asn1,
  children,
  decode,
  integerBytes,
  isContext,
  type Node,
  octetsOf,
  oidOf,
  raw,
} from './asn1.ts';
import { rawCertificates } from './certificate.ts';
import { demand, refuse } from './refusal.ts';

export const TOKEN_BYTES_MAX = 20 * 1024;
const SIGNED_DATA = '1.2.840.113549.1.7.2';
export const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const CERTIFICATES_MAX = 16;

/** What the authority states. */
export interface TimestampFacts {
  readonly digest_oid: string;
  readonly digest: Uint8Array;
  /** Null when it repeats none. */
  readonly nonce: Uint8Array | null;
  /** Milliseconds since 1970. */
  readonly gen_time: number;
  /** How far off it may be; null when nothing is said. */
  readonly accuracy_ms: number | null;
  readonly serial: Uint8Array;
  readonly policy: string;
}

export interface Token {
  /** The bytes that are signed for. */
  readonly content: Uint8Array;
  readonly facts: TimestampFacts;
  readonly certificates: readonly Uint8Array[];
  readonly signer: {
    /** Which certificate it claims: by issuer and serial number, or by key identifier. */
    readonly claim:
      | { readonly issuer: Uint8Array; readonly serial: Uint8Array }
      | { readonly key_id: Uint8Array };
    readonly digest_oid: string;
    readonly signature_oid: string;
    readonly signature: Uint8Array;
    /** As they are signed. */
    readonly attributes_bytes: Uint8Array;
    readonly attributes: ReadonlyMap<string, readonly Node[]>;
  };
}

export function parseToken(asn1: Asn1, bytes: Uint8Array): Token {
  demand(bytes.length <= TOKEN_BYTES_MAX, `a token has at most ${TOKEN_BYTES_MAX} bytes`);
  const [type, explicit] = children(decode(asn1, bytes, 'the token'));
  demand(oidOf(asn1, type) === SIGNED_DATA && isContext(explicit, 0), 'the token is no signed data');
  const node = children(explicit)[0] ?? refuse('the token is empty');
  // Before pkijs has it: it takes nodes apart.
  const certificates = rawCertificates(node);
  demand(certificates.length <= CERTIFICATES_MAX, `the token has more than ${CERTIFICATES_MAX} certificates`);
  const signed = new asn1.pkijs.SignedData({ schema: node });
  const { eContentType, eContent } = signed.encapContentInfo;
  demand(eContentType === TST_INFO && eContent !== undefined, 'the token holds no TSTInfo');
  const content = octetsOf(asn1, eContent);
  demand(signed.signerInfos.length === 1, 'the token does not have exactly one signer');
  return { content, facts: parseFacts(asn1, content), certificates, signer: parseSigner(asn1, signed) };
}

function parseSigner(
  asn1: Asn1,
  { signerInfos }: InstanceType<Asn1['pkijs']['SignedData']>,
): Token['signer'] {
  const info = signerInfos[0]!;
  const { signedAttrs } = info;
  demand(signedAttrs !== undefined, 'the token has no signed attributes');
  const attributes = new Map<string, readonly Node[]>();
  for (const { type, values } of signedAttrs.attributes) {
    demand(!attributes.has(type), 'the token has a signed attribute twice');
    attributes.set(type, values as Node[]);
  }
  const by_serial = info.sid instanceof asn1.pkijs.IssuerAndSerialNumber;
  return {
    claim: by_serial
      ? {
          issuer: bytesOf(info.sid.issuer.valueBeforeDecode),
          serial: integerBytes(asn1, info.sid.serialNumber),
        }
      : {
          key_id: bytesOf((info.sid as { valueBlock: { valueHexView: Uint8Array } }).valueBlock.valueHexView),
        },
    digest_oid: info.digestAlgorithm.algorithmId,
    signature_oid: info.signatureAlgorithm.algorithmId,
    signature: octetsOf(asn1, info.signature),
    attributes_bytes: bytesOf(signedAttrs.encodedValue),
    attributes,
  };
}

function parseFacts(asn1: Asn1, content: Uint8Array): TimestampFacts {
  const node = decode(asn1, content, 'the TSTInfo');
  const time = children(node)[4];
  const info = new asn1.pkijs.TSTInfo({ schema: node });
  demand(info.version === 1, 'the TSTInfo is not of version 1');
  demand(
    !(info.extensions ?? []).some(({ critical }) => critical),
    'the TSTInfo has an unknown critical extension',
  );
  const { hashAlgorithm, hashedMessage } = info.messageImprint;
  return {
    digest_oid: hashAlgorithm.algorithmId,
    digest: octetsOf(asn1, hashedMessage),
    nonce: info.nonce === undefined ? null : integerBytes(asn1, info.nonce),
    gen_time: genTime(time),
    accuracy_ms: accuracyOf(info.accuracy),
    serial: integerBytes(asn1, info.serialNumber),
    policy: info.policy,
  };
}

const GEN_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(?:\.(\d{0,8}[1-9]))?Z$/;
const GENERALIZED_TIME = 0x18;

/** In UTC with seconds, fractions without trailing zeros: one time, one text. */
function genTime(node: Node | undefined): number {
  const bytes = node === undefined ? new Uint8Array() : raw(node);
  const text = Buffer.from(bytes.subarray(2)).toString('latin1');
  const parts = bytes[0] === GENERALIZED_TIME && bytes[1] === text.length ? GEN_TIME.exec(text) : null;
  const [, year, month, day, hour, minute, second, fraction = ''] = parts ?? [];
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`;
  const time = Date.parse(iso);
  // Date.parse would make the 1st of March of a 30th of February.
  demand(parts !== null && !Number.isNaN(time) && new Date(time).toISOString() === iso, 'genTime is no time');
  return time;
}

function accuracyOf(
  accuracy: { seconds?: number; millis?: number; micros?: number } | undefined,
): number | null {
  if (accuracy === undefined) return null;
  const { seconds = 0, millis = 0, micros = 0 } = accuracy;
  const total = seconds * 1000 + millis + micros / 1000;
  demand(
    seconds >= 0 && millis >= 0 && micros >= 0 && Number.isFinite(total),
    'the accuracy is out of range',
  );
  return total;
}

function bytesOf(buffer: ArrayBuffer | Uint8Array): Uint8Array {
  return new Uint8Array(buffer);
}
