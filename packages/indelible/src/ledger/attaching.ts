/**
 * Events whose data is too large for a record: the data becomes an attachment, durable before its record.
 *
 * When a record does not come about after all (a crash, a retry that is answered with the first receipt), its attachment
 * stays without a record. That is harmless, and `verify` counts such.
 *
 * Errors:  ATTACHMENT_TOO_LARGE; RECORD_TOO_LARGE when the record is too large even without its data; BACKLOG_FULL when
 *          too much waits to be attached; those of the store of attachments.
 */
import { webcrypto } from 'node:crypto';
import { IndelibleError, isIndelibleError, LIMITS, type Receipt } from '@indelible/core';
import type { AttachmentStore } from '../attachments/contract.ts';
import type { PreparedEvent } from './encode.ts';

export class Attaching {
  readonly #attachments: AttachmentStore;
  readonly #submit: (event: PreparedEvent) => Promise<Receipt>;
  readonly #bytes_max: number;
  /** Data that is being attached, by digest: no record refers to it yet, and it must stay. */
  readonly #held = new Map<string, number>();
  readonly #watches = new Set<Set<string>>();
  readonly #removals = new Map<string, Promise<unknown>>();
  #waiting_bytes = 0;
  #under_way = 0;
  #onIdle: (() => void)[] = [];

  constructor(
    attachments: AttachmentStore,
    submit: (event: PreparedEvent) => Promise<Receipt>,
    backlog_bytes_max: number,
  ) {
    this.#attachments = attachments;
    this.#submit = submit;
    this.#bytes_max = backlog_bytes_max;
  }

  /** Data on its way into attachments. */
  get waiting_bytes(): number {
    return this.#waiting_bytes;
  }

  /** Records an event that may be too large; whole if it fits after all. */
  async record(event: PreparedEvent): Promise<Receipt> {
    const size = event.detachable!.data.length;
    if (this.#under_way > 0 && this.#waiting_bytes + size > this.#bytes_max) {
      throw new IndelibleError('BACKLOG_FULL', `${this.#waiting_bytes} bytes of data wait to be attached`, {
        details: { waiting_bytes: this.#waiting_bytes },
      });
    }
    this.#under_way++;
    this.#waiting_bytes += size;
    try {
      return await this.#record(event);
    } finally {
      this.#under_way--;
      this.#waiting_bytes -= size;
      if (this.#under_way === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    }
  }

  /** From now on `used` gathers every attachment that a record on its way into the log refers to. */
  watch(): { readonly used: ReadonlySet<string>; end(): void } {
    const used = new Set(this.#held.keys());
    this.#watches.add(used);
    return { used, end: () => void this.#watches.delete(used) };
  }

  /** Removes an attachment, unless a record that refers to it is on its way. */
  async remove(digest: string): Promise<boolean> {
    if (this.#held.has(digest)) return false;
    const removal = this.#attachments.remove(digest).finally(() => this.#removals.delete(digest));
    this.#removals.set(digest, removal);
    return removal;
  }

  /** Resolves when no event is on its way through here. */
  idle(): Promise<void> {
    if (this.#under_way === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  async #record(event: PreparedEvent): Promise<Receipt> {
    if (bytesOf(event) <= LIMITS.record_bytes) {
      // The last few bytes depend on the record's number: only the sequencer knows whether it fits.
      try {
        return await this.#submit(event);
      } catch (error) {
        if (!isIndelibleError(error, 'RECORD_TOO_LARGE')) throw error;
      }
    }
    const { data, withAttachment } = event.detachable!;
    if (bytesOf(event) - Buffer.byteLength(data) > LIMITS.record_bytes) return this.#submit(event);
    return this.#attach(data, withAttachment);
  }

  async #attach(data: string, withAttachment: NonNullable<PreparedEvent['detachable']>['withAttachment']) {
    const { bytes_max } = this.#attachments;
    const size = Buffer.byteLength(data);
    if (size > bytes_max) {
      throw new IndelibleError('ATTACHMENT_TOO_LARGE', `the data has ${size} bytes; at most ${bytes_max}`, {
        details: { size, most: bytes_max },
      });
    }
    const bytes = new TextEncoder().encode(data);
    const hash = await webcrypto.subtle.digest('SHA-256', bytes);
    const digest = `sha-256:${Buffer.from(hash).toString('hex')}`;
    this.#hold(digest, 1);
    try {
      // Whether the removal failed is for who asked for it.
      await this.#removals.get(digest)?.catch(() => {});
      await this.#attachments.put(bytes);
      return await this.#submit(withAttachment({ digest, media_type: 'application/json', size }));
    } finally {
      this.#hold(digest, -1);
    }
  }

  #hold(digest: string, more: number): void {
    const holders = (this.#held.get(digest) ?? 0) + more;
    if (holders === 0) this.#held.delete(digest);
    else this.#held.set(digest, holders);
    if (more > 0) for (const used of this.#watches) used.add(digest);
  }
}

/** A lower bound of the record's size. */
function bytesOf({ before_id, before_key, before_links, before_seq, after_seq }: PreparedEvent): number {
  const pieces = [before_id, before_key, before_links, before_seq, after_seq];
  return pieces.reduce((bytes, piece) => bytes + Buffer.byteLength(piece), 0);
}
