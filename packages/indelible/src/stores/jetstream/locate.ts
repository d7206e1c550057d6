/**
 * Finds the message that holds a record: a search over the messages, each saying in its headers which records it has.
 *
 * Messages that do not count (parts of batches that were never completed, foreign ones) say nothing about the
 * order; the nearest one before them that counts speaks for them.
 */
import { isLast, type RecordsMessage, type StreamMessage } from './message.ts';
import type { MessageMap, Place } from './message-map.ts';
import type { Tail } from './tail.ts';

/** Every so many guesses one is the middle: guesses alone could creep along. */
const MIDDLE_EVERY = 3;

export interface Searched {
  readonly map: MessageMap;
  /** A message by its number, null when it is gone. */
  readonly message: (number: number) => Promise<StreamMessage | null>;
  readonly tail: Tail;
}

/** The last message that counts and begins with record `seq` or before; null when there is none. */
export async function locate(searched: Searched, seq: number): Promise<Place | null> {
  const { map, tail } = searched;
  const { before, after } = map.around(seq);
  let low = before;
  let high: Pick<Place, 'number' | 'first_seq'> = after ?? {
    number: tail.number + 1,
    first_seq: (tail.head?.seq ?? -1) + 1,
  };
  for (let tries = 0; !holds(low, seq) && high.number - (low?.number ?? 0) > 1; tries++) {
    const from = low ?? { number: 0, first_seq: 0 };
    const guess =
      tries % MIDDLE_EVERY === MIDDLE_EVERY - 1 ? middle(from, high) : proportional(from, high, seq);
    const found = await lastThatCounts(searched, guess, from.number);
    if (found === null) high = { ...high, number: guess };
    else {
      map.add(found);
      if (found.first_seq <= seq) low = found;
      else high = found;
    }
  }
  return low;
}

function holds(place: Place | null, seq: number): boolean {
  return place !== null && seq < place.first_seq + place.count;
}

type Bound = Pick<Place, 'number' | 'first_seq'>;

function middle(low: Bound, high: Bound): number {
  return low.number + Math.ceil((high.number - low.number) / 2);
}

/** As if all messages between held equally many records. */
function proportional(low: Bound, high: Bound, seq: number): number {
  const share = (seq - low.first_seq) / Math.max(1, high.first_seq - low.first_seq);
  const guess = low.number + Math.round(share * (high.number - low.number));
  return Math.min(high.number - 1, Math.max(low.number + 1, guess));
}

/** Going back from message `number`, down to but not including `down_to`. */
async function lastThatCounts(searched: Searched, number: number, down_to: number): Promise<Place | null> {
  for (let at = number; at > down_to; at--) {
    const message = await searched.message(at);
    if (message?.kind === 'records' && (await counts(searched, message))) return message;
  }
  return null;
}

/** A part counts when the last part of its batch is where it belongs. */
async function counts({ message, tail }: Searched, one: RecordsMessage): Promise<boolean> {
  if (isLast(one)) return true;
  const { index, count, batch } = one.part!;
  const number = one.number + count - index;
  if (number > tail.number) return false;
  const last = await message(number);
  return last?.kind === 'records' && isLast(last) && last.part?.batch === batch && last.part.count === count;
}
