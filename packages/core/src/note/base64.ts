/**
 * Standard Base 64, strictly: one byte string, one text.
 *
 * Source:  RFC 4648 §4, with padding and with unused bits zero.
 * Pure:    no I/O.
 */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const FORM = /^[A-Za-z0-9+/]*={0,2}$/;

/** The text of these bytes. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b, c] = [bytes[i]!, bytes[i + 1] ?? 0, bytes[i + 2] ?? 0];
    const left = bytes.length - i;
    text += ALPHABET[a >> 2]! + ALPHABET[((a & 3) << 4) | (b >> 4)]!;
    text += left > 1 ? ALPHABET[((b & 15) << 2) | (c >> 6)]! : '=';
    text += left > 2 ? ALPHABET[c & 63]! : '=';
  }
  return text;
}

/** The bytes of a text; null for any text that `encodeBase64` would not give. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % 4 !== 0 || !FORM.test(text)) return null;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let [at, bits, count] = [0, 0, 0];
  for (let i = 0; i < text.length - padding; i++) {
    bits = ((bits << 6) | VALUES[text.charCodeAt(i)]!) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes[at++] = bits >> count;
    }
  }
  // Bits that no byte takes would give the same bytes a second spelling.
  return (bits & ((1 << count) - 1)) === 0 ? bytes : null;
}

const VALUES = new Uint8Array(128);
for (let value = 0; value < ALPHABET.length; value++) VALUES[ALPHABET.charCodeAt(value)] = value;
