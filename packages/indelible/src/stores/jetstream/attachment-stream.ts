/**
 * The stream in which the attachments of a ledger lie (attachments/stream.ts says how).
 *
 * Errors:  LEDGER_URL for a name that leaves no room for this stream's; STORE_UNSUITABLE when a setting of a stream that
 *          is there would not keep what is put; what fault.ts maps.
 */
import { isIndelibleError, LIMITS } from '@indelible/core';
import type { StreamInfo } from '@nats-io/jetstream';
import { parseAddress, type StreamAddress, shownAddress } from './address.ts';
import { Connection, type Link } from './connection.ts';
import { type Driver, loadDriver } from './driver.ts';
import { isRefusal } from './fault.ts';
import { checkGuarantees } from './inspect.ts';
import { TIMES } from './jetstream-store.ts';
import { missingGuarantees, missingMessages, type Needs, settingsFor, subjectOf } from './settings.ts';
import { type RawMessage, rawMessage } from './stored-message.ts';
import { StreamClient } from './stream.ts';

/** `INDEX/COUNT NONCE` of a part; in the last message `COUNT NONCE FIRST`, with the number of the first part's message. */
const HEADER = 'Indelible-Attachment';
const PART_BYTES_MAX = 128 * 1024;

export async function openPlace(address: StreamAddress): Promise<Place> {
  const driver = await loadDriver();
  const connection = new Connection({ driver, address, env: process.env, times: TIMES });
  return new Place(connection, driver, address);
}

/** Names are the 64 hex digits of a digest. */
export class Place {
  readonly #connection: Connection;
  readonly #driver: Driver;
  readonly #stream: StreamClient;
  readonly #needs: Needs;
  readonly #prefix: string;

  constructor(connection: Connection, driver: Driver, { stream, replicas, servers }: StreamAddress) {
    this.#connection = connection;
    this.#driver = driver;
    const name = `${stream}-attachments`;
    // Refuses what is too long.
    parseAddress(shownAddress({ servers, stream: name, replicas, tls: false }));
    this.#stream = new StreamClient({ connection, stream: name, driver });
    this.#prefix = `${subjectOf(stream)}.attachments.`;
    this.#needs = { subject: `${this.#prefix}>`, replicas, purgeable: true };
  }

  /** Resolves when a quorum has all of it. */
  async publish(hex: string, bytes: Uint8Array, nonce: string): Promise<void> {
    await this.#create();
    const part_bytes = await this.#stream.payloadBytesMax(PART_BYTES_MAX);
    const count = Math.ceil(bytes.length / part_bytes);
    let first = 0;
    for (let i = 0; i < count; i++) {
      const part = bytes.subarray(i * part_bytes, (i + 1) * part_bytes);
      const seq = await this.#send(`${hex}.part`, `${i + 1}/${count} ${nonce}`, part, `${nonce}-${i}`);
      if (i === 0) first = seq;
    }
    await this.#send(hex, `${count} ${nonce} ${first}`, new Uint8Array(0), nonce);
  }

  /** The first of the messages that complete this name, from number `from` on; null when there is none. */
  next(hex: string, from: number): Promise<RawMessage | null> {
    return this.#next(`${this.#prefix}${hex}`, from);
  }

  /** The bytes that this message completes; null when parts are gone or the message is none of ours. */
  async assemble(hex: string, last: RawMessage): Promise<Uint8Array | null> {
    const [, count_text = '', nonce = '', first = ''] =
      /^(\d{1,6}) ([0-9a-f]{16}) (\d{1,15})$/.exec(headerOf(last)) ?? [];
    if (nonce === '') return null;
    const parts: Uint8Array[] = [];
    let bytes = 0;
    let from = Number(first);
    while (parts.length < Number(count_text)) {
      const part = await this.#next(`${this.#prefix}${hex}.part`, from);
      if (part === null || part.seq > last.seq || bytes > LIMITS.attachment_bytes) return null;
      from = part.seq + 1;
      // Somebody else put the same at the same time, or it was sent twice.
      if (headerOf(part) !== `${parts.length + 1}/${count_text} ${nonce}`) continue;
      parts.push(part.bytes);
      bytes += part.bytes.length;
    }
    return new Uint8Array(Buffer.concat(parts));
  }

  /** Resolves when the server that answers is the leader for certain: one that was deposed may lack what there is. */
  async surelyLed(): Promise<void> {
    await this.#infoIfThere();
  }

  /** Every name that is complete. */
  async names(): Promise<string[]> {
    const subjects = await this.#ask(async ({ manager }) => {
      const { state } = await manager.streams.info(this.#stream.name, {
        subjects_filter: `${this.#prefix}*`,
      });
      return Object.keys(state.subjects ?? {});
    });
    return (subjects ?? [])
      .map((subject) => subject.slice(this.#prefix.length))
      .filter((hex) => /^[0-9a-f]{64}$/.test(hex));
  }

  /** Removes what is under this name; false where the stream does not permit that. */
  async purge(hex: string): Promise<boolean> {
    const info = await this.#stream.info();
    if (info.config.deny_purge === true) return false;
    // First what makes it count.
    for (const subject of [hex, `${hex}.part`])
      await this.#ask(async ({ manager }) =>
        manager.streams.purge(this.#stream.name, { filter: `${this.#prefix}${subject}` }),
      );
    return true;
  }

  /** What the stream does not promise, and what it has not kept, in words. Nothing where there is no stream yet. */
  async problems(): Promise<string[]> {
    const info = await this.#infoIfThere();
    if (info === null) return [];
    const missing = missingGuarantees(info.config, this.#needs);
    // Where purging is permitted, what is no longer there may have been purged.
    const gone = info.config.deny_purge === true ? missingMessages(info.state) : null;
    return gone === null ? missing : [...missing, gone];
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Makes the stream; where it is there already, refuses one that would not keep what is put. */
  async #create(): Promise<void> {
    const { subject, replicas } = this.#needs;
    const settings = {
      ...settingsFor(this.#stream.name, replicas),
      description: 'Attachments of a ledger of Indelible: docs/format/store-jetstream.md',
      subjects: [subject],
    };
    const there = await this.#ask(async ({ manager }) => manager.streams.info(settings.name));
    if (there !== null) checkGuarantees(there.config, this.#needs, `${this.#connection.place}-attachments`);
    else await this.#connection.repeat(async ({ manager }) => void (await manager.streams.add(settings)));
  }

  async #infoIfThere(): Promise<StreamInfo | null> {
    try {
      return await this.#stream.info();
    } catch (error) {
      if (isIndelibleError(error, 'LEDGER_NOT_FOUND')) return null;
      throw error;
    }
  }

  /** Sending again is harmless: the server knows the id, and a part that is there twice counts once at most. */
  async #send(subject: string, header: string, bytes: Uint8Array, id: string): Promise<number> {
    const headers = this.#driver.transport.headers();
    headers.set(HEADER, header);
    const { seq } = await this.#connection.repeat(({ publisher }) =>
      publisher.publish(`${this.#prefix}${subject}`, bytes, {
        headers,
        msgID: id,
        expect: { streamName: this.#stream.name },
      }),
    );
    return seq;
  }

  async #next(subject: string, from: number): Promise<RawMessage | null> {
    const question = JSON.stringify({ seq: from, next_by_subj: subject });
    const options = { timeout: this.#connection.times.answer_ms };
    return this.#ask(async ({ nats }) => {
      const { data } = await nats.request(`$JS.API.STREAM.MSG.GET.${this.#stream.name}`, question, options);
      return rawMessage(this.#driver, data);
    });
  }

  /** Null where the stream or the message is not there: nobody has put anything yet. */
  async #ask<T>(ask: (link: Link) => Promise<T>): Promise<T | null> {
    try {
      return await this.#connection.repeat(ask);
    } catch (error) {
      if (isRefusal(error, 'message_not_found') || isRefusal(error, 'stream_not_found')) return null;
      throw error;
    }
  }
}

function headerOf({ headers }: RawMessage): string {
  const values = headers?.values(HEADER) ?? [];
  return values.length === 1 ? values[0]! : '';
}
