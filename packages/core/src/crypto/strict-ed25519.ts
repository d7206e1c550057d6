/**
 * Which Ed25519 keys and signatures are looked at at all.
 *
 * Implementations disagree about what no honest signer makes: points of small order, under which one signature fits
 * many messages, and second spellings of a point. Both are refused before any implementation is asked, so that every
 * one gives the same answer.
 *
 * Source:  RFC 8032 §5.1.3 (canonical encodings); the points of small order are those of edwards25519's torsion subgroup.
 * Pure:    no I/O.
 */

/** The y coordinates of the eight points of small order, little-endian; each stands for both signs of x. */
const SMALL_ORDER_Y: readonly string[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
];

/** True for a key of 32 bytes and a signature of 64 whose points, R among them, may be compared with. */
export function isStrict(public_key: Uint8Array, signature: Uint8Array): boolean {
  if (public_key.length !== 32 || signature.length !== 64) return false;
  return isStrictPoint(public_key) && isStrictPoint(signature.subarray(0, 32));
}

/** True for bytes that spell a point canonically, if any, and not one of small order. */
function isStrictPoint(bytes: Uint8Array): boolean {
  const y = Array.from(bytes, (byte, i) => (i === 31 ? byte & 0x7f : byte));
  if (!isBelowPrime(y)) return false;
  return !SMALL_ORDER_Y.includes(y.map((byte) => byte.toString(16).padStart(2, '0')).join(''));
}

/** Compares little-endian bytes with 2^255 − 19, whose bytes are ed, thirty times ff, 7f. */
function isBelowPrime(y: readonly number[]): boolean {
  return y[31]! < 0x7f || y.slice(1, 31).some((byte) => byte < 0xff) || y[0]! < 0xed;
}
