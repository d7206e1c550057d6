/**
 * What is wrong with a policy folder, with file and line.
 *
 * All problems of a folder are collected and raised together, so that one run shows all of them.
 *
 * Errors:  POLICY_SET_INVALID, with `details.problems`.
 */
import { IndelibleError } from '@indelible/core';

export interface PolicyProblem {
  /** Relative to the folder. */
  readonly file: string;
  /** Counted from 1; null when it is about the file as a whole. */
  readonly line: number | null;
  readonly message: string;
}

const SHOWN_MAX = 20;

export class Problems {
  readonly #found: PolicyProblem[] = [];

  add(file: string, line: number | null, message: string): void {
    this.#found.push({ file, line, message });
  }

  get count(): number {
    return this.#found.length;
  }

  /** Raises what was found, in the order of files and lines. */
  raise(): void {
    if (this.#found.length === 0) return;
    const sorted = this.#found.toSorted(
      (a, b) => compare(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0) || compare(a.message, b.message),
    );
    const shown = sorted.slice(0, SHOWN_MAX).map(problemText);
    if (sorted.length > SHOWN_MAX) shown.push(`and ${sorted.length - SHOWN_MAX} more`);
    throw new IndelibleError('POLICY_SET_INVALID', shown.join('; '), { details: { problems: sorted } });
  }
}

/** `base.cedar:12: what is wrong`. */
function problemText({ file, line, message }: PolicyProblem): string {
  return line === null ? `${file}: ${message}` : `${file}:${line}: ${message}`;
}

/** By UTF-16 code units: the same on every machine. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The line, from 1, that a character of a text is on. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

/** The same for an offset in UTF-8 bytes, which is how Cedar counts. */
export function lineAtByte(text: string, byte_offset: number): number {
  const before = Buffer.from(text, 'utf8').subarray(0, byte_offset);
  let line = 1;
  for (const byte of before) if (byte === 0x0a) line += 1;
  return line;
}
