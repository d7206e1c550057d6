/**
 * Signed notes: a text, an empty line, and signature lines.
 *
 *     example.com/log\n41\n<root>\n
 *     \n
 *     — example.com/log <base64 of key id and signature>\n
 *
 * Shapes:  `text` includes its last newline, not the empty line; `key_id` is 8 lower-case hex digits.
 * Errors:  NOTE_INVALID for anything that would not be formatted to the same bytes again.
 * Source:  c2sp.org/signed-note.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { isKeyName } from './verifier-key.ts';

/** The longest note that is read, and the most signature lines in one. */
export const NOTE_BYTES_MAX = 1_000_000;
export const NOTE_SIGNATURES_MAX = 100;

/** One signature line. Who made it is a claim until it is verified. */
export interface NoteSignature {
  readonly name: string;
  readonly key_id: string;
  readonly signature: Uint8Array;
}

/** A note as written. Nothing in it may be trusted before `openNote`. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const DASH = '\u2014 ';

/** Reads a note without verifying anything. */
export function parseNote(source: Uint8Array | string): Note {
  if (source.length > NOTE_BYTES_MAX) throw invalid(`a note has at most ${NOTE_BYTES_MAX} bytes`);
  const whole = typeof source === 'string' ? source : decodeUtf8(source);
  const split = whole.lastIndexOf('\n\n');
  if (split < 0 || !whole.endsWith('\n'))
    throw invalid('a note is a text, an empty line and signature lines');
  const text = whole.slice(0, split + 1);
  checkText(text);
  const lines = whole.slice(split + 2, -1).split('\n');
  if (lines.length > NOTE_SIGNATURES_MAX) {
    throw invalid(`a note has at most ${NOTE_SIGNATURES_MAX} signatures`);
  }
  return { text, signatures: lines.map(parseSignatureLine) };
}

/** Writes a note. */
export function formatNote({ text, signatures }: Note): string {
  checkText(text);
  if (signatures.length < 1 || signatures.length > NOTE_SIGNATURES_MAX) {
    throw invalid(`a note has 1 to ${NOTE_SIGNATURES_MAX} signatures`);
  }
  return `${text}\n${signatures.map((signature) => `${formatSignatureLine(signature)}\n`).join('')}`;
}

/** Reads one signature line, without its newline. */
export function parseSignatureLine(line: string): NoteSignature {
  const space = line.indexOf(' ', DASH.length);
  const name = line.slice(DASH.length, space);
  const blob = decodeBase64(line.slice(space + 1));
  if (!line.startsWith(DASH) || space < 0 || !isKeyName(name) || blob === null || blob.length < 5) {
    throw invalid('a signature line is a dash, a key name and base64 of key id and signature');
  }
  const key_id = new DataView(blob.buffer).getUint32(0).toString(16).padStart(8, '0');
  return { name, key_id, signature: blob.subarray(4) };
}

/** Writes one signature line, without its newline. */
export function formatSignatureLine({ name, key_id, signature }: NoteSignature): string {
  if (!isKeyName(name)) throw invalid('a key name has no spaces, no plus and no control characters');
  if (!/^[0-9a-f]{8}$/.test(key_id)) throw invalid('a key id is 8 lower-case hex digits');
  if (signature.length === 0) throw invalid('a signature is not empty');
  const blob = new Uint8Array(4 + signature.length);
  new DataView(blob.buffer).setUint32(0, Number.parseInt(key_id, 16));
  blob.set(signature, 4);
  return `${DASH}${name} ${encodeBase64(blob)}`;
}

/** Refuses text that cannot be signed as a note. */
export function checkText(text: string): void {
  if (!text.endsWith('\n')) throw invalid('the text of a note ends in a newline');
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text))
    throw invalid('a note has no control characters but newlines');
  if (!text.isWellFormed()) throw invalid('a note is well-formed Unicode');
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalid('a note is valid UTF-8');
  }
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('NOTE_INVALID', message);
}
