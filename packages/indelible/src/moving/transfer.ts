/**
 * Carries records from one log to another, byte for byte: read, verified, their attachments first, then appended.
 *
 * Nothing is written from the first line on that does not fit the chain. Memory is bounded, whatever the log's length.
 *
 * Errors:  LEDGER_DAMAGED, KEY_UNKNOWN, ATTACHMENT_MISSING, ATTACHMENT_ALTERED for what is copied; COPY_GAP when it was
 *          truncated meanwhile; those of both stores.
 */
import { type HashByKey, IndelibleError, MerkleRange, StretchVerifier } from '@indelible/core';
import { attachmentUses } from '../ledger/attachment-uses.ts';
import type { Head, LineBatch } from '../stores/contract.ts';
import { Appender } from './appender.ts';
import { AttachmentCarrier } from './attachment-carrier.ts';
import type { CommonGround } from './common-ground.ts';
import type { CopyProgress, CopySource, CopyTarget } from './types.ts';

export interface TransferOptions {
  readonly from: CopySource;
  readonly to: Pick<CopyTarget, 'store' | 'attachments'>;
  readonly ground: CommonGround;
  readonly hashByKey: HashByKey;
  /** Reads and verifies also what the copy has already, for a root over everything. */
  readonly whole: boolean;
  readonly onProgress?: (progress: CopyProgress) => void;
  readonly signal?: AbortSignal;
}

export interface Transferred {
  readonly head: Head;
  readonly copied: number;
  readonly attachments: number;
  /** Over everything up to the head; null when it was not all read. */
  readonly root: string | null;
}

/** Copies what is missing, up to the log's end as it was found. */
export async function transfer(options: TransferOptions): Promise<Transferred> {
  const { from, to, ground, whole, onProgress, signal } = options;
  const { goal, first_seq } = ground;
  const start = whole ? first_seq : ground.next;
  const check = new RunningCheck(options.hashByKey, start);
  // Behind the copy's last record, its chain must go on.
  if (!whole && ground.last_line !== null) check.prime(ground.last_line);
  const appender = new Appender(to.store, ground.head);
  const attachments = new AttachmentCarrier(from.attachments, to.attachments);
  let bytes = 0;
  try {
    for await (const batch of from.store.read(start, goal.seq + 1)) {
      signal?.throwIfAborted();
      if (batch.first_seq !== check.next) await mustNotBeTruncated(options, check.next);
      check.take(batch);
      const known = Math.max(0, ground.next - batch.first_seq);
      if (known < batch.ends.length) {
        for (const use of attachmentUses(batch)) if (use.seq >= ground.next) await attachments.carry(use);
        await appender.add(batch, known);
      }
      bytes += batch.bytes.length;
      onProgress?.({
        records: check.next - first_seq,
        records_total: goal.seq + 1 - first_seq,
        copied: appender.written,
        bytes,
      });
    }
    if (check.next !== goal.seq + 1) await mustNotBeTruncated(options, check.next);
    const head = (await appender.finish()) ?? goal;
    mustBeGoal(to.store.url, await to.store.head(), head, goal);
    return {
      head,
      copied: appender.written,
      attachments: attachments.count,
      root: whole ? check.root : null,
    };
  } finally {
    await appender.settle();
  }
}

/** The chain as it comes along, and its tree. */
class RunningCheck {
  readonly #verifier: StretchVerifier;
  readonly #range: MerkleRange;
  #primed = false;
  #next: number;

  constructor(hashByKey: HashByKey, start: number) {
    this.#next = start;
    this.#range = new MerkleRange(start);
    this.#verifier = new StretchVerifier(hashByKey, {
      // The record that it is primed with is not of the stretch.
      append: (leaf) => (this.#primed ? this.#range.append(leaf) : undefined),
    });
  }

  /** The record that must come next. */
  get next(): number {
    return this.#next;
  }

  /** Null for a log whose beginning was truncated. */
  get root(): string | null {
    return this.#range.begin === 0 ? this.#range.root() : null;
  }

  prime(line: Uint8Array): void {
    if (!this.#verifier.push(line, [line.length])) throw unfit(this.#next - 1);
    this.#primed = true;
  }

  take({ bytes, ends, stored_seqs }: LineBatch): void {
    const before = this.#verifier.records;
    this.#primed = true;
    if (!this.#verifier.push(bytes, ends, stored_seqs))
      throw unfit(this.#next + this.#verifier.records - before);
    this.#next += ends.length;
  }
}

async function mustNotBeTruncated({ from }: TransferOptions, expected: number): Promise<void> {
  const first_seq = await from.store.firstSeq();
  if (first_seq <= expected) throw unfit(expected);
  throw new IndelibleError(
    'COPY_GAP',
    `records before ${first_seq} of ${from.store.url} were truncated before they were copied`,
    { details: { first_seq } },
  );
}

function mustBeGoal(url: string, landed: Head | null, written: Head, goal: Head): void {
  const is = (head: Head | null): boolean => head?.seq === goal.seq && head.hash === goal.hash;
  if (is(written) && (is(landed) || (landed?.seq ?? -1) > goal.seq)) return;
  throw new IndelibleError('COPY_DIFFERS', `the copy in ${url} does not end as the log does`);
}

function unfit(seq: number): IndelibleError {
  return new IndelibleError(
    'LEDGER_DAMAGED',
    `record ${seq} is not there, or does not fit the chain; nothing was copied from it on`,
    { details: { seq } },
  );
}
