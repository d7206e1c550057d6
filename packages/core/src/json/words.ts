/**
 * Looking through strings of JSON four bytes at a time.
 *
 * Pure:    no I/O.
 */

/** Bytes, four at a time: word `i` begins at byte `4 * i - shift`. */
export interface Words {
  readonly words: Int32Array;
  readonly shift: number;
}

const LITTLE_ENDIAN = new Uint8Array(new Int32Array([1]).buffer)[0] === 1;

/** No words where their first byte is not their lowest: there every byte is looked at. */
export function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array): Words {
  const shift = byteOffset & 3;
  const count = LITTLE_ENDIAN ? (shift + byteLength) >>> 2 : 0;
  return { words: new Int32Array(buffer, byteOffset - shift, count), shift };
}

/**
 * Where the next byte is, from `at` on, that may be a quote, a backslash, a control character or no ASCII. It may also be
 * another one, of the last three of the array.
 *
 * Four bytes at a time, each marked by its bit 7. With that clear, x - 0x21 has it set for x < 0x21: the controls, and
 * of x ^ 2 the quote alone besides; the backslash, 0x5c, is what is 0 less 1. A byte above 127 keeps it through one of the
 * two. A borrow can only mark bytes above one that is rightly marked.
 */
export function nextSpecial({ words, shift }: Words, at: number): number {
  let index = (at + shift) >> 2;
  if (index >= words.length) return at;
  // What comes before `at` in its word is not looked at.
  const looked = -1 << (((at + shift) & 3) << 3);
  let word = (words[index]! & looked) | (0x61616161 & ~looked);
  for (;;) {
    const marks = (((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101)) & 0x80808080;
    if (marks !== 0) return (index << 2) - shift + ((31 - Math.clz32(marks & -marks)) >> 3);
    index++;
    if (index >= words.length) return (index << 2) - shift;
    word = words[index]!;
  }
}
