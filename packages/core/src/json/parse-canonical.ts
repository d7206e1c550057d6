/**
 * Parsing of canonical bytes: accepted only if they are the RFC 8785 form of what they say.
 *
 * Errors:  JSON_NOT_CANONICAL, JSON_INVALID (also for bytes that are not UTF-8).
 * Source:  RFC 8785.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import type { Json } from '../record/record.ts';
import { parseJsonText } from './parse-text.ts';
import { CanonicalScanner } from './scan.ts';

const scanner = new CanonicalScanner();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Parses canonical JSON bytes; refuses every other spelling of the same value. */
export function parseCanonical(bytes: Uint8Array): Json {
  let value: Json;
  try {
    value = parseJsonText(decoder.decode(bytes));
  } catch (error) {
    throw new IndelibleError('JSON_INVALID', error instanceof Error ? error.message : 'not JSON');
  }
  if (!scanner.scan(bytes, 0, bytes.length)) {
    throw new IndelibleError('JSON_NOT_CANONICAL', 'the bytes are JSON, but not in RFC 8785 form');
  }
  return value;
}
