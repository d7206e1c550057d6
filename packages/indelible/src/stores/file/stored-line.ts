/**
 * What the file store reads out of a line: its sequence number, and the head from the last one.
 *
 * Pure:    no I/O.
 */
import { isLine, LINE_BODY_START, LINE_TAIL, lineBody, lineHash } from '@indelible/core';
import type { Head } from '../contract.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });
const HASH = /^[0-9a-f]{64}$/;
const DIGITS_MAX = 16;

/**
 * The sequence number in the line at [`start`, `end`), or -1. Looks for the last `"seq":` from the end: in a
 * canonical record nothing behind that member can hold the same bytes, and text cannot (its quotes are escaped).
 * A hint for finding records quickly: whoever relies on it checks the record.
 */
export function seqOfLine(bytes: Uint8Array, start: number, end: number): number {
  const first = start + LINE_BODY_START;
  for (let colon = end - LINE_TAIL - 2; colon >= first + 5; colon--) {
    if (
      bytes[colon] === 0x3a &&
      bytes[colon - 1] === 0x22 &&
      bytes[colon - 2] === 0x71 &&
      bytes[colon - 3] === 0x65 &&
      bytes[colon - 4] === 0x73 &&
      bytes[colon - 5] === 0x22
    ) {
      return digitsAt(bytes, colon + 1, end);
    }
  }
  return -1;
}

function digitsAt(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  let at = start;
  for (; at < end && at - start < DIGITS_MAX; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return at > start && Number.isSafeInteger(value) ? value : -1;
}

/** The head that a line stands for when it is the last, or null when it is no readable line. */
export function headOfLine(line: Uint8Array): Head | null {
  if (!isLine(line, 0, line.length)) return null;
  const hash = lineHash(line, 0);
  if (!HASH.test(hash)) return null;
  try {
    const record: unknown = JSON.parse(decoder.decode(lineBody(line, 0, line.length)));
    const seq = (record as { seq?: unknown } | null)?.seq;
    return typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 0 ? { seq, hash } : null;
  } catch {
    // Not JSON or not UTF-8: unreadable, which is what null says.
    return null;
  }
}

export function sameHead(a: Head | null, b: Head | null): boolean {
  return a === b || (a !== null && b !== null && a.seq === b.seq && a.hash === b.hash);
}
