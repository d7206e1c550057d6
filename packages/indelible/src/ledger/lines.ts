/**
 * Walking through batches of lines.
 */
import { IndelibleError, isLine, lineBody, lineHash } from '@indelible/core';
import type { LineBatch } from '../stores/contract.ts';

/** One line taken apart; `body` is a view, valid as long as the batch is. */
export interface LineView {
  readonly hash: string;
  readonly body: Uint8Array;
}

/** Calls `visit` for each line in order; raises LEDGER_DAMAGED at one that is no line. */
export function forEachLine(batch: LineBatch, visit: (line: LineView, index: number) => void): void {
  let start = 0;
  for (let i = 0; i < batch.ends.length; i++) {
    const end = batch.ends[i]!;
    if (!isLine(batch.bytes, start, end)) throw damaged(batch.first_seq + i);
    visit({ hash: lineHash(batch.bytes, start), body: lineBody(batch.bytes, start, end) }, i);
    start = end;
  }
}

/** Hash and body of a single line. */
export function lineOf(line: Uint8Array): [hash: string, body: Uint8Array] {
  if (!isLine(line, 0, line.length)) throw damaged(null);
  return [lineHash(line, 0), lineBody(line, 0, line.length)];
}

function damaged(seq: number | null): IndelibleError {
  return new IndelibleError('LEDGER_DAMAGED', `the line of record ${seq ?? '(unknown)'} is unreadable`, {
    details: { seq },
  });
}
