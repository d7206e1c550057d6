/**
 * The end of a stream: its last message, and the last record that counts.
 *
 * Errors:  LEDGER_DAMAGED when the stream is shorter than it was, or its last record is another one.
 */
import { IndelibleError } from '@indelible/core';
import type { Head } from '../contract.ts';
import type { Patience } from './connection.ts';
import { disagreement, isLast, lineEnds, type RecordsMessage } from './message.ts';
import type { StreamClient } from './stream.ts';

export interface Tail {
  /** The number of the last message; 0 in an empty stream. */
  readonly number: number;
  /** The last record, null when there is none. */
  readonly head: Head | null;
  /** The message that ends with the head; 0 when there is none. */
  readonly head_number: number;
}

export const EMPTY: Tail = { number: 0, head: null, head_number: 0 };

export interface TailSearch {
  /** The servers that are asked have shown `known` before; otherwise they must do so now. */
  readonly shown: boolean;
  readonly patience: Patience;
}

/**
 * The end as it is now. `known` is an end that was certain before. A leader that was deposed and does not know it yet
 * may answer with an older end, so that a stream that lacks something is only believed when it goes on lacking it.
 */
export async function findTail(stream: StreamClient, known: Tail, search: TailSearch): Promise<Tail> {
  const { shown, patience } = search;
  for (;;) {
    const { last_seq: number } = (await stream.info(patience)).state;
    let lacking: string | null = null;
    if (number < known.number) lacking = shorter(number, known);
    else if (!shown) lacking = await replaced(stream, known, patience);
    if (lacking === null) {
      if (shown && number === known.number) return known;
      return tailAt(stream, number, known, search);
    }
    if (patience.over) throw new IndelibleError('LEDGER_DAMAGED', `${stream.connection.place}: ${lacking}`);
    await patience.pause();
  }
}

/** What to say of a stream that ends before the end that was certain. */
export function shorter(number: number, known: Tail): string {
  return `the stream ends with message ${number}; it had ${known.number} messages before`;
}

/** What to say when the head that was certain is not where it was; null when it is. */
async function replaced(stream: StreamClient, known: Tail, patience: Patience): Promise<string | null> {
  const { head, head_number } = known;
  if (head === null) return null;
  const message = await stream.message(head_number, patience);
  if (message?.kind === 'records' && isLast(message)) {
    const { seq, hash } = headOf(message, stream.connection.place);
    if (seq === head.seq && hash === head.hash) return null;
  }
  return `message ${head_number} does not end with record ${head.seq}, ${head.hash}, as it did before`;
}

/** Looks back from message `number`: parts of batches that were never completed do not count. */
async function tailAt(
  stream: StreamClient,
  number: number,
  known: Tail,
  { shown, patience }: TailSearch,
): Promise<Tail> {
  const down_to = shown ? known.number : known.head_number;
  for (let at = number; at > down_to; at--) {
    const message = await stream.message(at, patience);
    if (message?.kind === 'records' && isLast(message))
      return { number, head: headOf(message, stream.connection.place), head_number: at };
  }
  return { ...known, number };
}

function headOf(message: RecordsMessage, place: string): Head {
  const wrong = disagreement(message, lineEnds(message.bytes));
  if (wrong !== null)
    throw new IndelibleError('LEDGER_DAMAGED', `message ${message.number} of ${place}: ${wrong}`);
  return { seq: message.first_seq + message.count - 1, hash: message.last_hash };
}
