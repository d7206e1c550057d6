/**
 * Numbers as nearly all are written: canonical, as their digits show without converting them.
 *
 * Source:  RFC 8785 §3.2.2.3; ECMA-262, Number::toString.
 * Pure:    no I/O.
 */

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

export function isNumberByte(byte: number): boolean {
  return isDigit(byte) || byte === 0x2d || byte === 0x2e || byte === 0x65 || byte === 0x2b;
}

/** So many digits survive as a double, and are the shortest that stand for it (IEEE 754-2008 §5.12.2). */
const DIGITS_SURE = 15;

/** True of digits that are surely written as ECMAScript writes their value. A sign stands between `start` and `digits`. */
export function isSimpleInteger(bytes: Uint8Array, start: number, digits: number, end: number): boolean {
  if (end === digits || end - digits > DIGITS_SURE) return false;
  // Neither a leading zero nor -0.
  return bytes[digits] !== 0x30 || (end - digits === 1 && digits === start);
}

/** The same of digits around a point. */
export function isSimpleDecimal(bytes: Uint8Array, digits: number, point: number, end: number): boolean {
  if (point === digits || end - digits - 1 > DIGITS_SURE || bytes[end - 1] === 0x30 || end - 1 === point)
    return false;
  if (bytes[digits] !== 0x30) return true;
  // Below a millionth there is an exponent.
  if (point - digits > 1) return false;
  let first = point + 1;
  while (bytes[first] === 0x30) first++;
  return first - point <= 6;
}
