/** Where lines end. Pure. */

const NEWLINE = 0x0a;

/** The offset just past each newline; what stands behind the last one counts as a line that is damaged. */
export function cutLines(bytes: Uint8Array): Uint32Array {
  const ends: number[] = [];
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = view.indexOf(NEWLINE); at >= 0; at = view.indexOf(NEWLINE, at + 1)) ends.push(at + 1);
  if ((ends.at(-1) ?? 0) < bytes.length) ends.push(bytes.length);
  return Uint32Array.from(ends);
}
