/**
 * Where copying goes on: behind the last record of the copy, if the log has exactly that one.
 *
 * Each record commits to the one before it. So two logs that agree in one record agree in all before it, and the first
 * in which they differ is found by halving. That holds for chains that are whole: what was changed without care of the
 * chain, the verification of each finds.
 *
 * Errors:  LEDGER_NOT_FOUND; LEDGER_EXISTS for another ledger; COPY_DIVERGED with the first record that differs;
 *          COPY_GAP when records that the copy lacks were truncated. Nothing was written then.
 */
import { IndelibleError, parseRecord } from '@indelible/core';
import { lineOf } from '../ledger/lines.ts';
import type { Head, LogStore } from '../stores/contract.ts';

/** Where the log and the copy stand. */
export interface CommonGround {
  readonly ledger: string;
  /** The first record that the copy lacks. */
  readonly next: number;
  /** The last record of the copy; null when it is empty. */
  readonly head: Head | null;
  /** That record as it is stored. */
  readonly last_line: Uint8Array | null;
  /** The last record of the log. */
  readonly goal: Head;
  readonly first_seq: number;
}

/** Compares the end of the copy with the log. */
export async function commonGround(from: LogStore, to: LogStore): Promise<CommonGround> {
  // In this order: a copy that another process feeds meanwhile must not seem to be ahead.
  const head = await to.head();
  const goal = await from.head();
  if (goal === null) throw new IndelibleError('LEDGER_NOT_FOUND', `there is no ledger in ${from.url}`);
  const ledger = nameIn(await lastLine(from, goal.seq));
  if (to.ledger_name !== undefined && to.ledger_name !== ledger)
    throw new IndelibleError('LEDGER_EXISTS', `${to.url} is for the ledger ${to.ledger_name}, not ${ledger}`);
  const first_seq = await from.firstSeq();
  if (head === null) return { ledger, next: first_seq, head, last_line: null, goal, first_seq };
  const last_line = await lastLine(to, head.seq);
  const other = nameIn(last_line);
  if (other !== ledger)
    throw new IndelibleError('LEDGER_EXISTS', `${to.url} holds the ledger ${other}, not ${ledger}`);
  const ground: CommonGround = { ledger, next: head.seq + 1, head, last_line, goal, first_seq };
  await mustContinue(from, to, ground, head);
  return ground;
}

async function mustContinue(from: LogStore, to: LogStore, ground: CommonGround, head: Head): Promise<void> {
  const { goal, first_seq } = ground;
  const shared = Math.min(head.seq, goal.seq);
  if (shared < first_seq) return mustJoin(from, to, head, first_seq);
  if (!(await agreeAt(from, to, shared)))
    throw diverged(from, to, await firstDifference(from, to, shared), '');
  if (head.seq > goal.seq) {
    const more = head.seq - goal.seq;
    throw diverged(
      from,
      to,
      goal.seq + 1,
      `: ${to.url} has ${more} more (it was written to, or the log was cut)`,
    );
  }
}

/** The log was truncated up to the copy's end, or beyond it. */
async function mustJoin(from: LogStore, to: LogStore, head: Head, first_seq: number): Promise<void> {
  if (head.seq < first_seq - 1) {
    throw new IndelibleError(
      'COPY_GAP',
      `${to.url} ends with record ${head.seq}, and ${from.url} has none before ${first_seq} any more`,
      { details: { head_seq: head.seq, first_seq } },
    );
  }
  const next = parseRecord(lineOf(await lastLine(from, first_seq))[1]);
  if (next.prev_hash !== head.hash) throw diverged(from, to, head.seq, '');
}

async function agreeAt(from: LogStore, to: LogStore, seq: number): Promise<boolean> {
  const [[ours], [theirs]] = await Promise.all([from.get([seq]), to.get([seq])]);
  return ours !== undefined && theirs !== undefined && Buffer.compare(ours.line, theirs.line) === 0;
}

/** The first record that differs; `last` is known to. */
async function firstDifference(from: LogStore, to: LogStore, last: number): Promise<number> {
  let low = Math.max(await from.firstSeq(), await to.firstSeq());
  let high = last;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (await agreeAt(from, to, middle)) low = middle + 1;
    else high = middle;
  }
  return high;
}

async function lastLine(store: LogStore, seq: number): Promise<Uint8Array> {
  const [stored] = await store.get([seq]);
  if (stored !== undefined) return stored.line;
  throw new IndelibleError('LEDGER_DAMAGED', `record ${seq} of ${store.url} is unreadable`, {
    details: { seq },
  });
}

function nameIn(line: Uint8Array): string {
  return parseRecord(lineOf(line)[1]).ledger;
}

function diverged(from: LogStore, to: LogStore, seq: number, how: string): IndelibleError {
  return new IndelibleError(
    'COPY_DIVERGED',
    `${from.url} and ${to.url} differ from record ${seq} on${how}; nothing was written`,
    { details: { first_differing_seq: seq } },
  );
}
