/**
 * Timestamp queries. All of a query but digest and nonce is constant, so it is written out.
 *
 *     TimeStampReq ::= SEQUENCE { version 1, messageImprint { SHA-256, digest }, nonce, certReq TRUE }
 *
 * Source:  RFC 3161 §2.4.1.
 */
import { randomBytes } from 'node:crypto';

export const NONCE_BYTES = 8;
const BEFORE_DIGEST = Buffer.from('3043020101' + '3031300d06096086480165030402010500' + '0420', 'hex');
const BEFORE_NONCE = Buffer.from('0208', 'hex');
const CERT_REQ = Buffer.from('0101ff', 'hex');

/** The query for a digest, 32 bytes, with a nonce from `makeNonce`. */
export function timestampQuery(digest: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([BEFORE_DIGEST, digest, BEFORE_NONCE, nonce, CERT_REQ]));
}

/** As DER has a positive integer of eight bytes: the first bit zero, the first byte not. */
export function makeNonce(): Uint8Array {
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
  nonce[0] = (nonce[0]! & 0x7f) | 0x40;
  return nonce;
}
