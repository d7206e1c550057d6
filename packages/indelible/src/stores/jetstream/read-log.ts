/**
 * Reading records in order: message after message, several on their way at a time.
 *
 * Damage does not end a read: what can be read is read, so that a verifier sees it all, and LEDGER_DAMAGED is raised at
 * the end.
 *
 * Errors:  LEDGER_DAMAGED.
 */
import { IndelibleError } from '@indelible/core';
import type { LineBatch } from '../contract.ts';
import { disagreement, isLast, lineEnds, type RecordsMessage, type StreamMessage } from './message.ts';
import type { MessageMap } from './message-map.ts';

/** Requests on their way: enough to hide the time that each takes. */
const AHEAD = 8;
const PROBLEMS_SHOWN = 5;

export interface ReadRange {
  /** Messages, both included. */
  readonly first_number: number;
  readonly last_number: number;
  /** Records, the end excluded. Null: whatever the first message begins with. */
  readonly from: number | null;
  readonly to: number;
}

export interface ReadSource {
  readonly place: string;
  readonly map: MessageMap;
  readonly message: (number: number) => Promise<StreamMessage | null>;
}

export async function* readLog(source: ReadSource, range: ReadRange): AsyncGenerator<LineBatch> {
  const problems: string[] = [];
  /** The parts of a batch that has not been completed yet. */
  let run: RecordsMessage[] = [];
  for await (const [number, message] of inOrder(source, range)) {
    if (message?.kind !== 'records') {
      run = [];
      if (message === null) problems.push(`message ${number} is gone`);
      else if (message.kind === 'foreign')
        problems.push(`message ${number} is not a ledger's: ${message.why}`);
      continue;
    }
    run = continues(run, message) ? [...run, message] : [message];
    if (!isLast(message)) continue;
    if (message.part !== null && run.length < message.part.count && !beginsWithin(run, range))
      problems.push(
        `message ${number} ends a batch of ${message.part.count}, of which ${run.length} are there`,
      );
    for (const one of run) {
      const ends = lineEnds(one.bytes);
      const wrong = disagreement(one, ends);
      if (wrong === null) source.map.add(one);
      else problems.push(`message ${one.number}: ${wrong}`);
      const batch = within(one, ends, range);
      if (batch !== null) yield batch;
    }
    run = [];
    if (message.first_seq + message.count >= range.to) break;
  }
  if (problems.length === 0) return;
  const shown = problems.slice(0, PROBLEMS_SHOWN).join('; ');
  const more = problems.length > PROBLEMS_SHOWN ? `; and ${problems.length - PROBLEMS_SHOWN} more` : '';
  throw new IndelibleError('LEDGER_DAMAGED', `${source.place}: ${shown}${more}`);
}

/** A read from some record on may begin with any part of a batch. */
function beginsWithin(run: readonly RecordsMessage[], { first_number, from }: ReadRange): boolean {
  return from !== null && run[0]!.number === first_number;
}

/** Whether it is the next part of the batch that has begun. */
function continues(run: readonly RecordsMessage[], { number, part }: RecordsMessage): boolean {
  const before = run.at(-1);
  if (part === null || before === undefined || before.part === null) return false;
  const { index, count, batch } = before.part;
  return (
    number === before.number + 1 && part.index === index + 1 && part.count === count && part.batch === batch
  );
}

/** The lines of a message that are in the range, each under the number that its headers give it. */
function within(
  { first_seq, bytes }: RecordsMessage,
  ends: readonly number[],
  { from, to }: ReadRange,
): LineBatch | null {
  const skipped = Math.max(0, (from ?? first_seq) - first_seq);
  const kept = Math.min(ends.length, to - first_seq);
  if (kept <= skipped) return null;
  const start = skipped === 0 ? 0 : ends[skipped - 1]!;
  const end = ends[kept - 1]!;
  return {
    first_seq: first_seq + skipped,
    bytes: bytes.subarray(start, end),
    ends: start === 0 ? ends.slice(0, kept) : ends.slice(skipped, kept).map((one) => one - start),
    stored_seqs: Array.from({ length: kept - skipped }, (_, i) => first_seq + skipped + i),
  };
}

/** The messages of the range, asked for ahead of time. */
async function* inOrder(
  { message }: ReadSource,
  { first_number, last_number }: ReadRange,
): AsyncGenerator<[number, StreamMessage | null]> {
  const ahead: Promise<StreamMessage | null>[] = [];
  let next = first_number;
  for (let number = first_number; number <= last_number; number++) {
    for (; next <= last_number && ahead.length < AHEAD; next++) {
      const asked = message(next);
      asked.catch(() => {}); // Met below, unless the reader leaves early.
      ahead.push(asked);
    }
    yield [number, await ahead.shift()!];
  }
}
