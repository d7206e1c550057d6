/**
 * The policies of a file one by one, each with the line that it begins on.
 *
 * Cedar gives the policies of a text back without their places, so the text is cut here: a policy ends at a semicolon
 * outside texts and comments. Whoever uses this compares the count with Cedar's own.
 *
 * Pure:    no I/O.
 */
import { lineAt } from './problems.ts';

export interface PolicyText {
  /** From the first character that is neither space nor comment to the semicolon. */
  readonly text: string;
  readonly line: number;
}

const PIECE = /\/\/[^\n]*|"(?:[^"\\]|\\[\s\S])*"|;|\s+|[^\s"/;]+|[\s\S]/g;

/** Cuts the text of a file. What stands behind the last semicolon is a piece of its own, unless it is only comment. */
export function splitPolicies(source: string): PolicyText[] {
  const found: PolicyText[] = [];
  let start = -1;
  for (const { 0: piece, index } of source.matchAll(PIECE)) {
    if (start === -1) {
      if (piece.startsWith('//') || /^\s/.test(piece)) continue;
      start = index;
    }
    if (piece !== ';') continue;
    found.push({ text: source.slice(start, index + 1), line: lineAt(source, start) });
    start = -1;
  }
  if (start !== -1) found.push({ text: source.slice(start), line: lineAt(source, start) });
  return found;
}
