/**
 * Tokens and values of a JSON document, read from a byte window of bounded size.
 */
import { IndelibleError, type Json } from '@indelible/core';
import type { ByteWindow } from './byte-window.ts';
import { ENTRY_BYTES_MAX } from './contract.ts';
import { parseJsonBytes } from './json-bytes.ts';
import { skipSpace } from './opening.ts';
import { type ScanStatus, ValueScanner } from './value-scanner.ts';

export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
/** What `peek` gives at the end of the document. */
export const END = -1;

/** A value in the window: its bytes are the first `length`, the delimiter (if any) stands behind them. */
export interface Delimited {
  readonly status: ScanStatus | 'large';
  readonly length: number;
  /** The byte behind the value: a comma or closing bracket, or END. */
  readonly delimiter: number;
  readonly scanner: ValueScanner;
}

/** The next byte that is not white space, which is then first in the window; END when there is none. */
export async function peek(window: ByteWindow): Promise<number> {
  for (;;) {
    const bytes = window.bytes;
    const i = skipSpace(bytes, 0);
    window.drop(i);
    if (i < bytes.length) return bytes[i]!;
    if (!(await window.more())) return END;
  }
}

/** Brings a whole value into the window; `large` when it is over ENTRY_BYTES_MAX. */
export async function delimitValue(window: ByteWindow): Promise<Delimited> {
  const scanner = new ValueScanner();
  for (;;) {
    const status = scanner.scan(window.bytes);
    const delimiter = window.bytes[scanner.index] ?? END;
    const found = { length: scanner.index, delimiter, scanner };
    if (scanner.index > ENTRY_BYTES_MAX) return { ...found, status: 'large' };
    if (status !== 'more' || !(await window.more())) return { ...found, status };
  }
}

/** Drops the rest of a large value up to its delimiter, which is then first in the window. */
export async function skipValue(window: ByteWindow, scanner: ValueScanner): Promise<ScanStatus> {
  for (;;) {
    const status = scanner.scan(window.bytes);
    window.drop(scanner.index);
    scanner.dropped(scanner.index);
    if (status !== 'more' || !(await window.more())) return status;
  }
}

/** Reads a string and drops it from the window; null when none stands here. */
export async function readName(window: ByteWindow): Promise<string | null> {
  if ((await peek(window)) !== 0x22) return null;
  for (let end = 1; end < ENTRY_BYTES_MAX; end++) {
    while (end >= window.length) if (!(await window.more())) return null;
    const bytes = window.bytes;
    if (bytes[end] === 0x5c) {
      end++;
    } else if (bytes[end] === 0x22) {
      const [name] = tryParse(bytes.subarray(0, end + 1));
      if (typeof name !== 'string') return null;
      window.drop(end + 1);
      return name;
    }
  }
  return null;
}

/** The parsed value, or why it is none. */
export function tryParse(bytes: Uint8Array): [Json, null] | [null, IndelibleError] {
  try {
    return [parseJsonBytes(bytes), null];
  } catch (error) {
    if (error instanceof IndelibleError) return [null, error];
    throw error;
  }
}
