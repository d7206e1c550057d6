/**
 * What is asked of a stream: its state, its messages by number, and to append one behind the last.
 *
 * Errors:  LEDGER_NOT_FOUND; LEDGER_DAMAGED when the stream is not the one that was opened; what fault.ts maps.
 */

import { IndelibleError } from '@indelible/core';
import type { StreamInfo } from '@nats-io/jetstream';
import type { Connection, Link, Patience } from './connection.ts';
import type { Driver } from './driver.ts';
import { isRefusal, PassingFault } from './fault.ts';
import { headersOf, type OutgoingMessage, type StreamMessage } from './message.ts';
import { missingMessages, settingsFor, signalSubjectOf, subjectOf } from './settings.ts';
import { storedMessage } from './stored-message.ts';

/** More than our headers take. */
const HEADER_BYTES_MAX = 1024;
/** A publication that may take long because it is large gets this much more time for each byte. */
const MS_PER_BYTE = 1 / 1000;

/** Replicas answer their leader every second, and elect another after 4 s at the earliest (nats-server). */
const HEARD_MS_MAX = 3000;

/** `moved`: the place is taken, or about to be taken, by another message. */
export type Outcome = 'stored' | 'moved';

/** Where a message belongs. */
export interface Behind {
  /** The message that it follows. */
  readonly behind: number;
  /** The connection that has shown that message. */
  readonly link: number;
}

export interface StreamClientOptions {
  readonly connection: Connection;
  readonly stream: string;
  readonly driver: Driver;
}

export class StreamClient {
  readonly connection: Connection;
  readonly name: string;
  readonly #driver: Driver;
  #created: string | null = null;
  #checked_at = Number.NEGATIVE_INFINITY;

  constructor({ connection, stream, driver }: StreamClientOptions) {
    this.connection = connection;
    this.name = stream;
    this.#driver = driver;
  }

  /** As the leader of the stream has it, and no leader that was deposed. */
  async info(patience?: Patience): Promise<StreamInfo> {
    const asked_at = performance.now();
    const info = await this.#ask(async ({ manager }) => {
      const found = await manager.streams.info(this.name);
      if (!isSurelyLed(found)) throw new PassingFault(new Error('the leader is cut off from most replicas'));
      return found;
    }, patience);
    this.#created ??= info.created;
    if (info.created !== this.#created) {
      throw new IndelibleError(
        'LEDGER_DAMAGED',
        `${this.connection.place} was deleted while it was open, and made anew at ${info.created}`,
      );
    }
    this.#checked_at = asked_at;
    return info;
  }

  /** Nobody has asked for a while whether this is still the stream that was opened. An answer to `publish` does not say. */
  get recheck_due(): boolean {
    return performance.now() - this.#checked_at >= this.connection.times.recheck_ms;
  }

  /** Makes the stream; where it is there already, with these settings, does nothing. */
  async create(replicas: number): Promise<void> {
    const settings = settingsFor(this.name, replicas);
    await this.connection.repeat(async ({ manager }) => void (await manager.streams.add(settings)));
  }

  /**
   * A message by its number as the leader has it, null when it is not there. Never from another server ("direct get"):
   * one that has fallen behind, or has kept what the others never stored, would show another log.
   */
  async message(number: number, patience = this.connection.patience()): Promise<StreamMessage | null> {
    for (;;) {
      const found = await this.#messageNow(number, patience);
      if (found !== null) return found;
      // A leader that was deposed, and does not know it, may lack what there is.
      const { state } = await this.info(patience);
      const there = number >= state.first_seq && number <= state.last_seq && missingMessages(state) === null;
      if (!there || patience.over) return null;
      await patience.pause();
    }
  }

  async #messageNow(number: number, patience: Patience): Promise<StreamMessage | null> {
    const question = JSON.stringify({ seq: number });
    const options = { timeout: this.connection.times.answer_ms };
    try {
      return await this.#ask(async ({ nats }) => {
        // Not by the driver's own function, which takes long to decode a payload.
        const { data } = await nats.request(`$JS.API.STREAM.MSG.GET.${this.name}`, question, options);
        return storedMessage(this.#driver, data);
      }, patience);
    } catch (error) {
      if (isRefusal(error, 'message_not_found')) return null;
      throw error;
    }
  }

  /** How large the payload of a message may be; never more than `most`. */
  async payloadBytesMax(most: number, patience?: Patience): Promise<number> {
    return this.connection.repeat(async ({ nats }) => {
      const allowed = nats.info?.max_payload ?? most;
      return Math.min(most, allowed - HEADER_BYTES_MAX);
    }, patience);
  }

  /**
   * Publishes once, to follow message `behind`, over connection `link` and no other. Only the expected sequence guards
   * the order: the id lets the server say "I have it" to the same message for the same place, and is different for every
   * other place.
   *
   * After a PassingFault with `asked`, and after STORE_FULL, the message may have landed or may yet land.
   */
  async publish(message: OutgoingMessage, { behind, link }: Behind): Promise<Outcome> {
    const headers = this.#driver.transport.headers();
    for (const [name, value] of Object.entries(headersOf(message))) headers.set(name, value);
    try {
      const { seq } = await this.connection.attempt(async ({ number, publisher }) => {
        if (number !== link) throw new PassingFault(new Error('the connection broke'));
        return publisher.publish(subjectOf(this.name), message.payload, {
          headers,
          msgID: `${behind}-${message.last_hash}`,
          expect: { lastSequence: behind, streamName: this.name },
          timeout: this.connection.times.answer_ms + message.payload.length * MS_PER_BYTE,
        });
      }, 'appending');
      if (seq === behind + 1) return 'stored';
    } catch (error) {
      if (isRefusal(error, 'wrong_last_sequence')) return 'moved';
      throw error;
    }
    throw new IndelibleError('INTERNAL', `message ${behind + 1} was stored elsewhere`);
  }

  /**
   * Whether these credentials permit to append, by asking to follow a message that there will never be: the answer is a
   * refusal either way, and nothing is stored.
   */
  async checkPermission(): Promise<void> {
    const expect = { lastSequence: Number.MAX_SAFE_INTEGER, streamName: this.name };
    try {
      await this.connection.repeat(({ publisher }) =>
        publisher.publish(subjectOf(this.name), new Uint8Array(0), { expect }),
      );
    } catch (error) {
      if (isRefusal(error, 'wrong_last_sequence')) return;
      throw error;
    }
    throw new IndelibleError('INTERNAL', `${this.connection.place} took what it had to refuse`);
  }

  /** Tells other processes that something was appended; they look for it also when this gets lost. */
  signal(): void {
    this.connection.attempt(async ({ nats }) => nats.publish(signalSubjectOf(this.name))).catch(() => {});
  }

  /** Calls back when another process says that it has appended. */
  onSignal(listener: () => void): void {
    this.connection.onLink(({ nats }) => {
      nats.subscribe(signalSubjectOf(this.name), {
        callback: (error) => {
          if (error === null) listener();
        },
      });
    });
  }

  /** Asks the JetStream API until it answers. */
  #ask<T>(ask: (link: Link) => Promise<T>, patience?: Patience): Promise<T> {
    return this.connection.repeat(async (link) => {
      try {
        return await ask(link);
      } catch (error) {
        if (!isRefusal(error, 'stream_not_found')) throw error;
        throw new IndelibleError('LEDGER_NOT_FOUND', `there is no stream ${this.connection.place}`, {
          cause: error,
        });
      }
    }, patience);
  }
}

/**
 * Whether nobody else can be the leader: followers wait longer than this before they elect another. A leader that is
 * cut off goes on for as long as 20 s in the belief that it leads.
 */
function isSurelyLed({ config, cluster }: StreamInfo): boolean {
  if (config.num_replicas < 2) return true;
  if (cluster?.leader === undefined || cluster.leader === '') return false;
  const heard = cluster.replicas?.filter(({ active }) => active < HEARD_MS_MAX * 1e6).length ?? 0;
  return (heard + 1) * 2 > config.num_replicas;
}
