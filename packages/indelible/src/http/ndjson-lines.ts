/**
 * Cuts a stream of bytes into lines, holding at most one line and one chunk.
 */

/** A line's bytes without its newline; null in place of a line that was longer than allowed. */
export type Line = Uint8Array | null;

/** The lines of each chunk at once. The bytes are valid until the next batch is asked for. */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  line_bytes_max: number,
): AsyncGenerator<Line[]> {
  /** The beginning of a line whose end has not come. */
  let kept: Uint8Array[] = [];
  let kept_bytes = 0;
  let too_long = false;
  for await (const chunk of chunks) {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      const piece = chunk.subarray(start, end);
      const bytes = kept_bytes + piece.length;
      if (too_long || bytes > line_bytes_max) lines.push(null);
      else lines.push(kept_bytes === 0 ? piece : Buffer.concat([...kept, piece], bytes));
      kept = [];
      kept_bytes = 0;
      too_long = false;
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    if (kept_bytes + rest.length > line_bytes_max) too_long = true;
    if (too_long) kept = [];
    else if (rest.length > 0) kept.push(rest);
    kept_bytes += rest.length;
    if (lines.length > 0) yield lines;
  }
  if (kept_bytes > 0) yield [too_long ? null : Buffer.concat(kept)];
}

/** True for a line that says nothing: they are passed over, also with the CR of a foreign newline. */
export function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
