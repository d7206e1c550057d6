/**
 * Entry bundles: up to 256 log entries in one file, each behind its length.
 *
 * Shapes:  (uint16 big-endian length ‖ entry), repeated; an entry has at most 65,535 bytes.
 * Errors:  TILE_INVALID for a wrong number of entries, bytes that end early or go on.
 * Source:  c2sp.org/tlog-tiles, "Log entries".
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { TILE_WIDTH } from './tile.ts';

const ENTRY_BYTES_MAX = 0xffff;

/** The bytes of a bundle of 1 to 256 entries. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  checkWidth(entries.length);
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0));
  let at = 0;
  for (const entry of entries) {
    if (entry.length > ENTRY_BYTES_MAX)
      throw invalid(`an entry of ${entry.length} bytes does not fit a bundle`);
    bytes[at] = entry.length >> 8;
    bytes[at + 1] = entry.length & 0xff;
    bytes.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bytes;
}

/** The entries of a bundle that must hold exactly `width`. Not copied. */
export function decodeBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  checkWidth(width);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (entries.length === width) throw invalid(`the bundle goes on after ${width} entries`);
    if (at + 2 > bytes.length) throw invalid('the bundle ends within a length');
    const end = at + 2 + bytes[at]! * 256 + bytes[at + 1]!;
    if (end > bytes.length) throw invalid('the bundle ends within an entry');
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  if (entries.length < width) throw invalid(`the bundle has ${entries.length} of ${width} entries`);
  return entries;
}

function checkWidth(width: number): void {
  if (!Number.isSafeInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw invalid('a bundle has 1 to 256 entries');
  }
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('TILE_INVALID', message);
}
