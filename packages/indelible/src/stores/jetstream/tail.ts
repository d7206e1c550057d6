/**
 * The end of a stream: its last message, and the last record that counts.
 *
 * Errors:  LEDGER_DAMAGED when the stream is shorter than it was.
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
}

export const EMPTY: Tail = { number: 0, head: null };

/**
 * The end as it is now. `known` is an end that was certain before. A leader that was deposed and does not know it yet
 * may answer with an older end, so that a shorter stream is only believed when it stays shorter.
 */
export async function findTail(stream: StreamClient, known: Tail, patience: Patience): Promise<Tail> {
  const { place } = stream.connection;
  for (;;) {
    const { last_seq: number } = (await stream.info(patience)).state;
    if (number === known.number) return known;
    if (number > known.number) return { number, head: await headAt(stream, number, known, patience) };
    if (patience.over) {
      throw new IndelibleError(
        'LEDGER_DAMAGED',
        `${place} ends with message ${number}; it had ${known.number} messages before`,
      );
    }
    await patience.pause();
  }
}

/** Looks back from message `number`: parts of batches that were never completed do not count. */
async function headAt(
  stream: StreamClient,
  number: number,
  known: Tail,
  patience: Patience,
): Promise<Head | null> {
  for (let at = number; at > known.number; at--) {
    const message = await stream.message(at, patience);
    if (message?.kind === 'records' && isLast(message)) return headOf(message, stream.connection.place);
  }
  return known.head;
}

function headOf(message: RecordsMessage, place: string): Head {
  const wrong = disagreement(message, lineEnds(message.bytes));
  if (wrong !== null)
    throw new IndelibleError('LEDGER_DAMAGED', `message ${message.number} of ${place}: ${wrong}`);
  return { seq: message.first_seq + message.count - 1, hash: message.last_hash };
}
