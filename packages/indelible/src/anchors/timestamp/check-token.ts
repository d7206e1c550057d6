/**
 * Checking a timestamp token, offline: what was stamped, when, by whom, and whether that is somebody to believe.
 *
 * pkijs only takes the token apart. Each condition is looked at here, in this order: the digest and the nonce are ours;
 * the certificate is the one that is signed for; the signature; the purpose of the certificate; a chain to a root
 * that was valid at that time; a time that is not ahead of ours.
 *
 * Errors:  ANCHOR_CONFIG for roots that are none. A token is never an error, whatever it holds: it is refused.
 * Source:  RFC 3161 §2.4.2, §2.3; RFC 5652 §5.6.
 */
import { createHash } from 'node:crypto';
import type { ReceiptVerdict } from '../contract.ts';
import { refuted } from '../shared/receipt.ts';
import { isSigned, SHA256 } from './algorithms.ts';
import { type Asn1, loadAsn1, sameBytes } from './asn1.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { checkChain, checkSigner } from './chain.ts';
import { demand, Refusal, refuse } from './refusal.ts';
import { readRoots } from './roots.ts';
import { checkSignedAttributes } from './signed-attributes.ts';
import { parseToken, type TimestampFacts, type Token } from './token.ts';

export interface TokenCheckOptions {
  /** Root certificates to trust, PEM. */
  readonly roots: string;
  /** Milliseconds since 1970 that no timestamp may be later than, but for a few minutes; default now. */
  readonly at?: number;
  /** Milliseconds since 1970 that no timestamp may be earlier than, but for a few minutes. */
  readonly not_before?: number;
  /** The nonce that was asked for. */
  readonly nonce?: Uint8Array;
}

export interface TokenVerdict extends ReceiptVerdict {
  /** Present when it is ok. */
  readonly facts?: {
    /** How far off the time may be; null when the authority does not say. */
    readonly accuracy_ms: number | null;
    /** Hex. */
    readonly serial: string;
    readonly policy: string;
    /** Subject of the certificate. */
    readonly authority: string;
  };
}

/** By how much two clocks may differ before one of them is wrong. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Checks a token (DER) for a SHA-256 digest. */
export async function checkTimestampToken(
  token: Uint8Array,
  digest: Uint8Array,
  options: TokenCheckOptions,
): Promise<TokenVerdict> {
  const asn1 = await loadAsn1();
  const roots = readRoots(asn1, options.roots);
  try {
    const { facts, signer } = checkToken(asn1, token, digest, roots, options);
    return verdictFor(facts, signer);
  } catch (error) {
    if (error instanceof Refusal) return refuted(error.message);
    // The libraries raise errors of any kind on bytes that are no token.
    return refuted('the token is malformed');
  }
}

function checkToken(
  asn1: Asn1,
  bytes: Uint8Array,
  digest: Uint8Array,
  roots: readonly Certificate[],
  { at = Date.now(), not_before, nonce }: TokenCheckOptions,
): { facts: TimestampFacts; signer: Certificate } {
  const token = parseToken(asn1, bytes);
  const { facts } = token;
  demand(facts.digest_oid === SHA256 && sameBytes(facts.digest, digest), 'the token is for something else');
  if (nonce !== undefined) {
    demand(
      facts.nonce !== null && sameBytes(facts.nonce, nonce),
      'the token repeats another nonce: it is an old one',
    );
  }
  const { certificates, unread } = readAll(asn1, token.certificates);
  const signer =
    certificates.find((one) => isClaimed(one, token)) ?? refuse(unread ?? 'the token lacks its certificate');
  checkSignedAttributes(asn1, token, signer);
  const { attributes_bytes, signature, digest_oid, signature_oid } = token.signer;
  const signed = isSigned(attributes_bytes, signature, signer.x509.publicKey, { digest_oid, signature_oid });
  demand(signed, 'the signature of the token is wrong');
  checkSigner(signer);
  checkChain(signer, certificates, roots, facts.gen_time);
  demand(facts.gen_time <= at + CLOCK_SKEW_MS, 'the token is of a time that is still to come');
  const early = not_before !== undefined && facts.gen_time < not_before - CLOCK_SKEW_MS;
  demand(!early, 'the token is of a time before it was asked for');
  return { facts, signer };
}

/** Those that can be used. Authorities send along what they like; what cannot be used leads nowhere. */
function readAll(asn1: Asn1, all: readonly Uint8Array[]) {
  const certificates: Certificate[] = [];
  let unread: string | null = null;
  for (const bytes of all) {
    try {
      certificates.push(readCertificate(asn1, bytes));
    } catch (error) {
      unread ??= error instanceof Refusal ? error.message : 'a certificate is malformed';
    }
  }
  return { certificates, unread };
}

function isClaimed({ issuer, serial, subject_key_id }: Certificate, { signer: { claim } }: Token): boolean {
  if ('key_id' in claim) return subject_key_id !== null && sameBytes(subject_key_id, claim.key_id);
  return sameBytes(issuer, claim.issuer) && sameBytes(serial, claim.serial);
}

function verdictFor(
  { gen_time, accuracy_ms, serial, policy }: TimestampFacts,
  signer: Certificate,
): TokenVerdict {
  const authority = signer.x509.subject?.replaceAll('\n', ', ') ?? '';
  const within = accuracy_ms === null ? '' : `, to within ${accuracy_ms} ms`;
  const anchored_at = new Date(gen_time).toISOString();
  return {
    ok: true,
    time: 'attested',
    anchored_at,
    detail: `${authority} attests ${anchored_at}${within}; whether its certificate was revoked is not checked`,
    facts: { accuracy_ms, serial: Buffer.from(serial).toString('hex'), policy, authority },
  };
}

/** The digest that is stamped for these bytes. */
export function stampedDigest(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}
