/**
 * Attachments inside files of lines (backups, exports): in parts, each on a line no longer than a record's may be.
 *
 *   {"attachment":"sha-256:…","bytes":"<base64>","offset":0,"size":70000}
 *   {"attachment":"sha-256:…","bytes":"<base64>","offset":48000,"size":70000}
 *
 * The parts of one attachment follow one another, in order, without anything between them. One that could not be read
 * when the file was made is named in its place: {"attachment":"sha-256:…","unavailable":"ATTACHMENT_MISSING"}.
 *
 * Errors:  none: what is no part is null.
 * Pure:    no I/O.
 */
import type { Json } from '@indelible/core';

/** Whole groups of three, so that the base64 of the parts could be joined. */
export const PART_BYTES = 48_000;

export interface AttachmentPart {
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly size: number;
}

/** An attachment that is named but not there. */
export interface UnavailablePart {
  readonly digest: string;
  readonly unavailable: string;
}

const DIGEST = /^sha-256:[0-9a-f]{64}$/;
const ERROR_CODE = /^[A-Z_]{1,64}$/;
const START = '{"attachment":"';
const encoder = new TextEncoder();

/** The lines of one attachment, each with its newline. An empty attachment has one, too. */
export function* partLines(digest: string, bytes: Uint8Array): Generator<Uint8Array> {
  for (let offset = 0; offset === 0 || offset < bytes.length; offset += PART_BYTES) {
    const part = bytes.subarray(offset, offset + PART_BYTES);
    const text = Buffer.from(part.buffer, part.byteOffset, part.length).toString('base64');
    yield encoder.encode(`${START}${digest}","bytes":"${text}","offset":${offset},"size":${bytes.length}}\n`);
  }
}

/** The line that stands where an attachment should. `code` says why it does not. */
export function unavailableLine(digest: string, code: string): Uint8Array {
  return encoder.encode(`${START}${digest}","unavailable":"${code}"}\n`);
}

/** True for a line that can only be about an attachment. */
export function isPartLine(line: Uint8Array): boolean {
  for (let i = 0; i < START.length; i++) if (line[i] !== START.charCodeAt(i)) return false;
  return true;
}

/** The part in a parsed line, or null. */
export function parsePart(value: Json | undefined): AttachmentPart | UnavailablePart | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const {
    attachment: digest,
    bytes: text,
    offset,
    size,
    unavailable,
    ...rest
  } = value as Record<string, Json>;
  if (typeof digest !== 'string' || !DIGEST.test(digest) || Object.keys(rest).length > 0) return null;
  if (unavailable !== undefined) {
    const alone = text === undefined && offset === undefined && size === undefined;
    return alone && typeof unavailable === 'string' && ERROR_CODE.test(unavailable)
      ? { digest, unavailable }
      : null;
  }
  if (typeof text !== 'string' || !isSize(offset) || !isSize(size)) return null;
  const bytes = Buffer.from(text, 'base64');
  const expected = Math.min(PART_BYTES, size - offset);
  // One spelling for every part: what does not come out the same was not written by us.
  if (offset % PART_BYTES !== 0 || bytes.length !== expected || bytes.toString('base64') !== text)
    return null;
  return { digest, bytes, offset, size };
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
