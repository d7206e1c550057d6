/**
 * Texts from records, made safe for a terminal.
 *
 * Anybody who can have an event recorded chooses these texts. Raw, they could move the cursor, recolour or overwrite
 * what an investigator reads, or turn its direction around.
 *
 * Pure:    no I/O.
 */

/** Control characters, and those that reorder or hide text; line breaks and tabs included. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/g;

/** The text with everything unsafe shown as an escape, e.g. `\u001b`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A printable text of at most `most` characters. */
export function shortened(text: string, most: number): string {
  const safe = printable(text);
  return safe.length <= most ? safe : `${safe.slice(0, most - 1)}…`;
}

/** A printable text of at most `most` characters that keeps its end, where paths and ARNs say what they are about. */
export function shortenedInside(text: string, most: number): string {
  const safe = printable(text);
  const start = Math.floor(most / 3);
  return safe.length <= most
    ? safe
    : `${safe.slice(0, start)}…${safe.slice(safe.length - (most - start - 1))}`;
}

/** A JSON value over several lines: line breaks are ours, everything else is escaped. */
export function printableJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).split('\n').map(printable).join('\n');
}
