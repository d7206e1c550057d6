/**
 * Compare-and-append by expected sequence: a batch is published to follow the message that the head is in. If
 * anything else was stored meanwhile, the servers refuse it. That alone keeps two writers from forking the log.
 *
 * One append is on its way at a time. The expected sequence names a place, not what lies there: of two appends on
 * their way, the second would be taken if another writer's message took the place of the first. The messages of one
 * batch may be on their way together since they do not count until the last, which is sent when they are stored.
 *
 * When the servers do not answer, a message may have landed, or may land later. Then the same message is sent again
 * for the same place, until it is known to be there, or something else. When that takes too long the append fails, and
 * `head` goes on with it: it answers only when it is certain. Nothing else of ours is ever sent for that place, so
 * that a server which has kept the message, apart from the others, has kept nothing wrong.
 *
 * Errors:  HEAD_MOVED, STORE_UNAVAILABLE, STORE_UNSUITABLE, STORE_FULL, STORE_READ_ONLY, LEDGER_DAMAGED.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { StreamInfo } from '@nats-io/jetstream';
import type { Head, LineBatch } from '../contract.ts';
import type { Patience } from './connection.ts';
import { PassingFault, unavailable } from './fault.ts';
import { KnownEnd } from './known-end.ts';
import type { OutgoingMessage } from './message.ts';
import type { MessageMap } from './message-map.ts';
import { LINES_BYTES_MAX } from './payload.ts';
import { missingMessages } from './settings.ts';
import { isCarriedBy, type OutgoingBatch, splitBatch } from './split-batch.ts';
import type { StreamClient } from './stream.ts';
import { shorter, type Tail } from './tail.ts';

/** A batch on its way to its place. */
interface Attempt {
  readonly batch: OutgoingBatch;
  /** The message that it is to follow. */
  readonly behind: number;
  /** Some of it may have landed, or may yet land. */
  asked: boolean;
  /** The connection over which some of it was sent last. */
  link: number;
}

export class Appender {
  readonly #stream: StreamClient;
  readonly #map: MessageMap;
  readonly #check: (info: StreamInfo) => void;
  readonly #end: KnownEnd;
  /** False when the servers must be asked for the end again. */
  #current = false;
  /** Had no answer. */
  #doubt: Attempt | null = null;
  /** The end of the queue: one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  /** Counts the appends that failed otherwise than by another writer. */
  #failures = 0;

  /** `check` raises unless the stream keeps what is appended to it. */
  constructor(stream: StreamClient, map: MessageMap, check: (info: StreamInfo) => void = () => {}) {
    this.#stream = stream;
    this.#map = map;
    this.#check = check;
    this.#end = new KnownEnd(stream);
  }

  /** The end of the stream now. */
  tail(patience = this.#stream.connection.patience()): Promise<Tail> {
    return this.#end.find(patience);
  }

  /** The last record. After an append of unknown outcome: once that is certain. */
  async head(): Promise<Head | null> {
    const patience = this.#stream.connection.patience();
    if (this.#doubt !== null) await this.#inTurn(() => this.#settle(patience));
    return (await this.tail(patience)).head;
  }

  append(batch: LineBatch, expected: Head | null): Promise<void> {
    const failures = this.#failures;
    return this.#inTurn(async () => {
      // Called while the one before was under way, which then failed: nothing may follow it.
      if (failures !== this.#failures) throw moved(this.#end.tail.head);
      try {
        await this.#append(batch, expected, this.#stream.connection.patience());
      } catch (error) {
        this.#current = false;
        if (!isIndelibleError(error, 'HEAD_MOVED')) this.#failures++;
        throw error;
      }
    });
  }

  /** Resolves when nothing is on its way any more. */
  async idle(): Promise<void> {
    await this.#last;
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run);
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #append(lines: LineBatch, expected: Head | null, patience: Patience): Promise<void> {
    await this.#settle(patience);
    const batch = splitBatch(lines, await this.#stream.payloadBytesMax(LINES_BYTES_MAX, patience));
    for (;;) {
      const tail = await this.#currentTail(expected, patience);
      if (!isSame(tail.head, expected)) throw moved(tail.head);
      this.#current = false;
      if (await this.#carryOut({ batch, behind: tail.number, asked: false, link: 0 }, patience)) {
        this.#current = true;
        return;
      }
      if (patience.over)
        throw unavailable(this.#place, new PassingFault(new Error('others append all the time')));
      await patience.pause();
    }
  }

  /** What we know, when it is as fresh as can be and as expected; otherwise what the servers say. */
  async #currentTail(expected: Head | null, patience: Patience): Promise<Tail> {
    const is_due = this.#stream.recheck_due;
    if (is_due) await this.#checkStream(patience);
    const known = this.#current && this.#end.confirmed && !is_due;
    if (!known || !isSame(this.#end.tail.head, expected)) await this.#end.find(patience);
    return this.#end.tail;
  }

  /**
   * Whether the stream still keeps what is appended: somebody may have set a limit, and no answer to an append says so.
   * As with its end, that messages are gone is only believed when they go on being gone.
   */
  async #checkStream(patience: Patience): Promise<void> {
    for (;;) {
      const info = await this.#stream.info(patience);
      try {
        return this.#check(info);
      } catch (error) {
        if (patience.over || !isIndelibleError(error, 'LEDGER_DAMAGED')) throw error;
      }
      await patience.pause();
    }
  }

  /** Makes sure that a batch of unknown outcome has landed or never will. */
  async #settle(patience: Patience): Promise<void> {
    if (this.#doubt === null) return;
    // The stream must be the one that it was sent to.
    await this.#stream.info(patience);
    await this.#carryOut(this.#doubt, patience);
  }

  /** True when the whole batch is in its place; false when another message took that. */
  async #carryOut(attempt: Attempt, patience: Patience): Promise<boolean> {
    const { batch, behind } = attempt;
    const parts = batch.messages.slice(0, -1);
    try {
      const stored = await Promise.all(
        parts.map((part, i) => this.#publish(attempt, part, behind + i, patience)),
      );
      const last = behind + parts.length;
      const whole =
        !stored.includes(false) && (await this.#publish(attempt, batch.messages.at(-1)!, last, patience));
      this.#doubt = null;
      if (whole) this.#landed(attempt, last + 1);
      return whole;
    } catch (error) {
      if (attempt.asked) this.#doubt = attempt;
      throw error;
    }
  }

  /** True when the message is stored behind message `behind`; false when another one is. */
  async #publish(
    attempt: Attempt,
    message: OutgoingMessage,
    behind: number,
    patience: Patience,
  ): Promise<boolean> {
    for (;;) {
      try {
        attempt.link = await this.#end.link(patience);
        if ((await this.#stream.publish(message, { behind, link: attempt.link })) === 'stored') return true;
        // Unless an earlier try may have landed, this is refused for good.
        if (!attempt.asked) return false;
        const found = await this.#stream.message(behind + 1, patience);
        // Refused does not mean taken: what is in the way may not be durable yet.
        if (found !== null) return isCarriedBy(message, found);
        if (patience.over) throw await this.#neverTaken(patience);
      } catch (error) {
        const passing = error instanceof PassingFault;
        if (passing ? error.asked : isIndelibleError(error, 'STORE_FULL')) attempt.asked = true;
        if (!passing) throw error;
        if (patience.over) throw unavailable(this.#place, error);
      }
      await patience.pause();
    }
  }

  /** Why the place behind our message is neither given to us nor taken by another, in all our patience. */
  async #neverTaken(patience: Patience): Promise<IndelibleError> {
    const { state } = await this.#stream.info(patience);
    const { tail } = this.#end;
    const gone = state.last_seq < tail.number ? shorter(state.last_seq, tail) : missingMessages(state);
    if (gone !== null) return new IndelibleError('LEDGER_DAMAGED', `${this.#place}: ${gone}`);
    return unavailable(
      this.#place,
      new PassingFault(new Error('a message was refused, and no other one taken')),
    );
  }

  #landed({ batch, behind, link }: Attempt, number: number): void {
    const head = { seq: batch.last_seq, hash: batch.last_hash };
    this.#end.learn({ number, head, head_number: number }, link);
    for (const [i, { first_seq, count }] of batch.messages.entries())
      this.#map.add({ number: behind + 1 + i, first_seq, count });
  }

  get #place(): string {
    return this.#stream.connection.place;
  }
}

function isSame(a: Head | null, b: Head | null): boolean {
  return a?.seq === b?.seq && a?.hash === b?.hash;
}

function moved(head: Head | null): IndelibleError {
  return new IndelibleError('HEAD_MOVED', 'another writer appended first', { details: { head } });
}
