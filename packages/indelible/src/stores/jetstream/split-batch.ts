/**
 * From a batch of lines to the messages that carry it.
 *
 * Pure:    no I/O.
 */
import { IndelibleError, isLine, lineHash } from '@indelible/core';
import type { LineBatch } from '../contract.ts';
import { type OutgoingMessage, PARTS_MAX, type StreamMessage } from './message.ts';
import { encodeLines } from './payload.ts';

export interface OutgoingBatch {
  readonly messages: readonly OutgoingMessage[];
  readonly last_hash: string;
  readonly last_seq: number;
}

/** At most `bytes_max` bytes of lines go into a message. Keeps nothing of the batch. */
export function splitBatch({ first_seq, bytes, ends }: LineBatch, bytes_max: number): OutgoingBatch {
  const stretches = stretchesOf(ends, bytes_max);
  if (stretches.length > PARTS_MAX)
    throw new IndelibleError('INTERNAL', `a batch of more than ${PARTS_MAX} messages of ${bytes_max} bytes`);
  const last_hash = hashOfLine(bytes, ends, ends.length - 1);
  const messages = stretches.map(({ from, to }, i): OutgoingMessage => {
    const count = stretches.length;
    return {
      first_seq: first_seq + from,
      count: to - from,
      last_hash: hashOfLine(bytes, ends, to - 1),
      part: count === 1 ? null : { index: i + 1, count, batch: last_hash },
      ...encodeLines(bytes.subarray(from === 0 ? 0 : ends[from - 1], ends[to - 1])),
    };
  });
  return { messages, last_hash, last_seq: first_seq + ends.length - 1 };
}

/** Whether a stored message is this one. */
export function isCarriedBy(message: OutgoingMessage, stored: StreamMessage): boolean {
  if (stored.kind !== 'records' || stored.last_hash !== message.last_hash) return false;
  const { part } = message;
  return (
    stored.first_seq === message.first_seq &&
    stored.count === message.count &&
    stored.part?.index === part?.index &&
    stored.part?.batch === part?.batch
  );
}

/**
 * One message if it fits; otherwise as many whole lines to each as fit, and the last line alone: its message is sent
 * after the others, and should not take long.
 */
function stretchesOf(ends: ArrayLike<number>, bytes_max: number): { from: number; to: number }[] {
  const lines = ends.length;
  if (lines === 1 || ends[lines - 1]! <= bytes_max) return [{ from: 0, to: lines }];
  const stretches: { from: number; to: number }[] = [];
  let from = 0;
  for (let i = 1; i < lines; i++) {
    const start = from === 0 ? 0 : ends[from - 1]!;
    if (ends[i]! - start <= bytes_max && i < lines - 1) continue;
    stretches.push({ from, to: i });
    from = i;
  }
  stretches.push({ from, to: lines });
  return stretches;
}

function hashOfLine(bytes: Uint8Array, ends: ArrayLike<number>, i: number): string {
  const start = i === 0 ? 0 : ends[i - 1]!;
  if (!isLine(bytes, start, ends[i]!))
    throw new IndelibleError('INTERNAL', `line ${i} of the batch is not a line`);
  return lineHash(bytes, start);
}
