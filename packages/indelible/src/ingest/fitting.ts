/**
 * Makes foreign text fit the limits of an event. What is shortened or replaced stands in full under `data`.
 *
 * Pure:    no I/O.
 */
import { sha256Hex } from '@indelible/core';

const encoder = new TextEncoder();
// The format allows none in one-line members: they would let one line of a log pose as two.
const CONTROL = /[\u0000-\u001f\u007f]/g;

/** One line of at most `most` characters. A text that was shortened ends in a digest, so that it stays distinct. */
export function fitLine(text: string, most: number): string {
  const line = text.toWellFormed().replace(CONTROL, '\ufffd');
  if (line.length <= most) return line;
  return `${cut(line, most - 18)}~${sha256Hex(encoder.encode(text)).slice(0, 17)}`;
}

/** Text of at most `most` characters. */
export function fitText(text: string, most: number): string {
  const whole = text.toWellFormed();
  return whole.length <= most ? whole : `${cut(whole, most - 1)}…`;
}

/** Cut so that no surrogate pair is torn apart. */
function cut(text: string, length: number): string {
  return text.slice(0, length).replace(/[\ud800-\udbff]$/, '');
}
