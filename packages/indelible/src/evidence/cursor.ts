/**
 * Cursors: where a listing goes on, as an opaque text.
 *
 * A cursor belongs to one filter and one order. It also carries the time that ages such as `24h` were counted
 * from, so that all pages of a listing mean the same window.
 *
 * Shapes:  base64url of the canonical JSON {b, f, n, o, t, v}.
 * Errors:  CURSOR_INVALID.
 */
import { canonicalize, IndelibleError, type Json, sha256Hex } from '@indelible/core';
import type { Filter } from '../stores/index/contract.ts';

export interface Cursor {
  readonly order: 'newest' | 'oldest';
  readonly filter_digest: string;
  /** The last record of the page before. */
  readonly beyond: number;
  /** Records that came later than the first page are left out. */
  readonly below: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const VERSION = 1;

export function encodeCursor(cursor: Cursor): string {
  const { order, filter_digest, beyond, below, now } = cursor;
  const text = canonicalize({ v: VERSION, o: order, f: filter_digest, n: beyond, b: below, t: now });
  return Buffer.from(text).toString('base64url');
}

export function decodeCursor(text: string): Cursor {
  try {
    const { v, o, f, n, b, t, ...others } = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<
      string,
      unknown
    >;
    const numbers = [n, b, t].every((value) => Number.isSafeInteger(value) && Number(value) >= 0);
    const shaped = (o === 'newest' || o === 'oldest') && typeof f === 'string' && numbers;
    if (v === VERSION && shaped && Object.keys(others).length === 0) {
      const cursor: Cursor = {
        order: o,
        filter_digest: f,
        beyond: Number(n),
        below: Number(b),
        now: Number(t),
      };
      if (encodeCursor(cursor) === text) return cursor;
    }
  } catch {
    // Falls through: whatever is wrong with it, it is not one of our cursors.
  }
  throw new IndelibleError('CURSOR_INVALID', 'The cursor is not one that this query returned.');
}

/** The same for equal filters, whatever the order of their members. */
export function filterDigest(filter: Filter): string {
  return sha256Hex(new TextEncoder().encode(canonicalize(filter as unknown as Json))).slice(0, 16);
}
