/**
 * Splits a stream into lines, in constant memory.
 *
 * A line ends at LF, or at CR LF; the last one may end with the source. A line over the bound is skipped and named.
 */
import { IndelibleError } from '@indelible/core';
import type { ByteWindow } from './byte-window.ts';
import { ENTRY_BYTES_MAX, type ImportFault } from './contract.ts';

/** The line's bytes without its end. Valid until the next line is asked for. */
export interface Line {
  readonly position: string;
  readonly bytes: Uint8Array;
}

const LF = 0x0a;
const CR = 0x0d;

/** All lines of the window's source, blank ones included; a failed source is the last item. */
export async function* splitLines(window: ByteWindow): AsyncGenerator<Line | ImportFault> {
  await window.skipByteOrderMark();
  for (let number = 1; ; number++) {
    const position = `line ${number}`;
    const end = await endOfLine(window);
    if (end > ENTRY_BYTES_MAX) {
      const message = `has more than ${ENTRY_BYTES_MAX} bytes`;
      yield {
        position,
        error: new IndelibleError('RECORD_TOO_LARGE', message, { details: { byte: window.offset } }),
      };
      if (!(await skipLine(window))) break;
      continue;
    }
    if (end === -1) {
      // A line that the failure of its source cut short is not a line.
      if (window.length > 0 && window.failure === null) yield { position, bytes: window.bytes };
      if (window.failure !== null) yield { position, error: window.failure };
      return;
    }
    const bytes = window.bytes;
    yield { position, bytes: bytes.subarray(0, bytes[end - 1] === CR ? end - 1 : end) };
    window.drop(end + 1);
  }
  if (window.failure !== null) yield { position: `byte ${window.offset}`, error: window.failure };
}

/** Index of the line's LF; -1 when the source ends first; any greater index when it is over the bound. */
async function endOfLine(window: ByteWindow): Promise<number> {
  let from = 0;
  for (;;) {
    const end = window.bytes.indexOf(LF, from);
    if (end !== -1) return end;
    from = window.length;
    if (from > ENTRY_BYTES_MAX) return from;
    if (!(await window.more())) return window.length > ENTRY_BYTES_MAX ? window.length : -1;
  }
}

/** Drops everything up to and including the next LF; false when the source ends first. */
async function skipLine(window: ByteWindow): Promise<boolean> {
  for (;;) {
    const end = window.bytes.indexOf(LF);
    if (end !== -1) {
      window.drop(end + 1);
      return true;
    }
    window.drop(window.length);
    if (!(await window.more())) return false;
  }
}
