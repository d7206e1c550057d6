/**
 * The record that a proof is compared with, as somebody got it: alone, from `show --json`, or as a line of an export.
 *
 * Errors:  INPUT_UNREADABLE for what holds no record.
 * Pure:    no I/O.
 */
import {
  canonicalize,
  IndelibleError,
  isIndelibleError,
  type Json,
  type JsonObject,
  type LedgerRecord,
  leafHash,
  parseJson,
  parseRecord,
} from '@indelible/core';

export interface GivenRecord {
  readonly record: LedgerRecord;
  /** Over its canonical bytes, which are those that were recorded. */
  readonly leaf: string;
}

/** The record in a text; of several, one a line, that with the number `index`. */
export function findGivenRecord(text: string, index: number): GivenRecord {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const whole = recordIn(text);
  if (whole !== null) return whole;
  for (const line of lines) {
    const found = recordIn(line);
    if (found?.record.seq === index) return found;
  }
  throw new IndelibleError(
    'INPUT_UNREADABLE',
    lines.length > 1
      ? `there is no record ${index} among ${lines.length} lines`
      : 'this is no record: give its JSON, what `show --json` printed, or a line of an export',
  );
}

function recordIn(text: string): GivenRecord | null {
  try {
    const json = parseJson(text) as JsonObject;
    const { record } = json;
    const bytes = new TextEncoder().encode(canonicalize(isObject(record) ? record : json));
    return { record: parseRecord(bytes), leaf: leafHash(bytes) };
  } catch (error) {
    if (isIndelibleError(error)) return null;
    throw error;
  }
}

function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
