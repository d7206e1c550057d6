/**
 * The lines of an anchor file.
 *
 *     {"anchored_at":"2026-11-21T02:14:00.123Z","note":"acme.example/prod\n41\n…"}\n
 *
 * A write that broke off leaves a line without an end. Nothing is cut off (the file may be append-only for the operating
 * system as well): whoever writes next ends the line with ` -- torn`, which makes it void.
 *
 * Errors:  ANCHOR_DAMAGED for a line that is neither an entry nor void.
 * Pure:    no I/O.
 */
import { canonicalize, IndelibleError, parseJson } from '@indelible/core';
import type { AnchoredCheckpoint } from '../contract.ts';
import { ANCHORED_NOTE_BYTES_MAX, checkpointOf } from '../shared/checkpoint.ts';
import { isTime, textsOf } from '../shared/receipt.ts';

/** JSON takes at most six bytes for one. */
export const LINE_BYTES_MAX = 6 * ANCHORED_NOTE_BYTES_MAX + 128;
/** What ends a torn line. */
export const TORN_END = ' -- torn\n';

/** An entry as a line, with its newline. */
export function formatEntry(note: string, anchored_at: string): string {
  return `${canonicalize({ anchored_at, note })}\n`;
}

/** Reads a line with its newline; null for a void one. */
export function parseEntry(line: Uint8Array): AnchoredCheckpoint | null {
  const torn_end = line.subarray(Math.max(0, line.length - TORN_END.length));
  if (Buffer.from(torn_end).toString('latin1') === TORN_END) return null;
  try {
    const text = decoder.decode(line);
    const entry = textsOf(parseJson(text), ['anchored_at', 'note']);
    if (entry === null || !isTime(entry.anchored_at)) throw new Error('it is no entry');
    if (formatEntry(entry.note, entry.anchored_at) !== text) throw new Error('it is written otherwise');
    return { checkpoint: checkpointOf(entry.note), anchored_at: entry.anchored_at };
  } catch (error) {
    throw new IndelibleError('ANCHOR_DAMAGED', `a line was altered: ${(error as Error).message}`);
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
