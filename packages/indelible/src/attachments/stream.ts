/**
 * Attachments beside a ledger in JetStream, in a stream of their own, so that every server of the ledger has them.
 *
 * One is as many messages as it takes, on the subject `indelible.STREAM.attachments.<64 hex digits>.part`, and a last one on
 * that subject without `.part`, which says how many there are and where they begin: only then is it there. A name may be
 * there twice, from two who put it at once or from a repair: what has the right bytes counts.
 *
 * Errors:  those of the contract and of the store (stores/jetstream): LEDGER_URL, DRIVER_MISSING, STORE_UNAVAILABLE;
 *          STORE_UNSUITABLE from `put`, when the stream's settings lack what attachments need.
 */
import { randomBytes } from 'node:crypto';
import { IndelibleError } from '@indelible/core';
import { parseAddress, type StreamAddress, shownAddress } from '../stores/jetstream/address.ts';
import type { Place } from '../stores/jetstream/attachment-stream.ts';
import type { AttachmentFinding, AttachmentStore } from './contract.ts';
import { altered, digestOf, digestOfHex, hexOf, hexOrNull, missing, tooLarge } from './digest.ts';
import { checkBytesMax } from './memory.ts';

export interface StreamAttachmentsOptions {
  /** The ledger's. */
  readonly url: string;
  readonly read_only?: boolean;
  /** Default 16 MiB. */
  readonly bytes_max?: number;
}

/** Opens the place; nothing is asked of the servers before the first use. */
export function openStreamAttachments(options: StreamAttachmentsOptions): AttachmentStore {
  return new StreamAttachments(options);
}

class StreamAttachments implements AttachmentStore {
  readonly url: string;
  readonly read_only: boolean;
  readonly bytes_max: number;
  readonly #address: StreamAddress;
  #place: Promise<Place> | null = null;
  #closed = false;

  constructor(options: StreamAttachmentsOptions) {
    this.#address = parseAddress(options.url);
    this.url = `${shownAddress(this.#address)}-attachments`;
    this.read_only = options.read_only ?? false;
    this.bytes_max = checkBytesMax(options.bytes_max);
  }

  async put(bytes: Uint8Array): Promise<string> {
    const place = await this.#writable();
    if (bytes.length > this.bytes_max) throw tooLarge(bytes.length, this.bytes_max);
    // The caller's bytes may change while this waits.
    const copy = bytes.slice();
    const digest = await digestOf(copy);
    if ((await find(place, digest)).bytes !== null) return digest;
    await place.publish(hexOf(digest), copy, randomBytes(8).toString('hex'));
    return digest;
  }

  async get(digest: string): Promise<Uint8Array> {
    const place = await this.#opened();
    const first = await find(place, digest);
    if (first.bytes !== null) return first.bytes;
    await place.surelyLed();
    const { bytes, there } = await find(place, digest);
    if (bytes !== null) return bytes;
    throw there ? altered(digest, 'has other bytes than those it is named by') : missing(digest);
  }

  async has(digest: string): Promise<boolean> {
    const place = await this.#opened();
    const hex = hexOrNull(digest);
    return hex !== null && (await place.next(hex, 1)) !== null;
  }

  async *list(): AsyncGenerator<string> {
    for (const hex of await (await this.#opened()).names()) yield digestOfHex(hex);
  }

  async remove(digest: string): Promise<boolean> {
    const place = await this.#writable();
    const found = await this.has(digest);
    if (found && !(await place.purge(hexOf(digest))))
      throw new IndelibleError('STORE_READ_ONLY', `${this.url} keeps what it has: deny_purge is set`);
    return found;
  }

  /** The stream's settings and counts; whether bytes are right and there, `get` says. */
  async inspect(): Promise<AttachmentFinding[]> {
    const problems = await (await this.#opened()).problems();
    return problems.map((detail) => ({ detail: `Attachment stream: ${detail}`, damage: true }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await (await this.#place?.catch(() => null))?.close();
  }

  async #writable(): Promise<Place> {
    this.#checkOpen();
    if (this.read_only) throw new IndelibleError('STORE_READ_ONLY', `${this.url} was opened for reading`);
    return this.#opened();
  }

  /** Loaded by the first use: most commands need no attachment. */
  async #opened(): Promise<Place> {
    this.#checkOpen();
    this.#place ??= import('../stores/jetstream/attachment-stream.ts').then(({ openPlace }) =>
      openPlace(this.#address),
    );
    return this.#place;
  }

  #checkOpen(): void {
    if (this.#closed) throw new IndelibleError('LEDGER_CLOSED', `${this.url} is closed`);
  }
}

/** What has the right bytes, and whether there is anything under that name. */
async function find(place: Place, digest: string): Promise<{ bytes: Uint8Array | null; there: boolean }> {
  const hex = hexOf(digest);
  let there = false;
  for (let last = await place.next(hex, 1); last !== null; last = await place.next(hex, last.seq + 1)) {
    there = true;
    const bytes = await place.assemble(hex, last);
    if (bytes !== null && (await digestOf(bytes)) === digest) return { bytes, there };
  }
  return { bytes: null, there };
}
