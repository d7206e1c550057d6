/**
 * Which JSON number texts survive a round trip through a double.
 *
 * A 20-digit order number silently loses its last digits in JSON.parse; evidence must not change in transit.
 *
 * Pure:    no I/O.
 */

/** No double needs more; a longer text is an attack on whoever parses it. */
const NUMBER_LENGTH_MAX = 400;

/** True when the decimal text names exactly the decimal that ECMAScript prints for its double. */
export function isLosslessNumber(text: string): boolean {
  if (text.length > NUMBER_LENGTH_MAX) return false;
  const value = Number(text);
  if (!Number.isFinite(value)) return false;
  return normalDecimal(text) === normalDecimal(String(value));
}

/** A decimal as `<sign><digits without outer zeros>e<exponent>`; zero is `0`. */
function normalDecimal(text: string): string {
  const parts = /^(-?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (parts === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const scale = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign}${significant}e${scale}`;
}
