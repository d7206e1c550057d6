/**
 * Anchor: checkpoints as objects under retention, in a bucket of somebody else.
 *
 *     <prefix>/acme.example_prod-1f2e3d4c5b6a/0000000000000041
 *
 * Of an object that was put twice the first version counts: with Object Lock nobody can change or delete it before its
 * time. The time of an anchoring is the server's.
 *
 * Errors:  ANCHOR_CONFLICT, ANCHOR_DAMAGED, ANCHOR_UNAVAILABLE, ANCHOR_REFUSED, ANCHOR_CONFIG, CHECKPOINT_INVALID.
 */
import { createHash } from 'node:crypto';
import { type ErrorCode, IndelibleError, isIndelibleError } from '@indelible/core';
import { ahead } from '../../s3/ahead.ts';
import { Bucket } from '../../s3/bucket.ts';
import { Server, type ServerOptions } from '../../s3/client.ts';
import { chooseLock, type Lock, lockMetadata, lockNow, lockThatWasSet, weakened } from '../../s3/lock.ts';
import type { S3Place } from '../../s3/place.ts';
import type {
  Anchor,
  AnchoredCheckpoint,
  AnchorReceipt,
  CheckpointToAnchor,
  ReceiptVerdict,
} from '../contract.ts';
import { checkedText, checkpointOf, isHeld } from '../shared/checkpoint.ts';
import { checkpointFault, held, objectOf, refuted } from '../shared/receipt.ts';

export interface S3AnchorOptions {
  readonly place: S3Place;
  readonly name: string;
  /** Milliseconds since 1970, for retention; default Date.now. */
  readonly clock?: () => number;
  readonly server?: ServerOptions;
}

/** Reaches for the bucket when it is first needed. */
export function openS3Anchor(options: S3AnchorOptions): Anchor {
  return new S3Anchor(options);
}

interface Reached {
  readonly server: Server;
  readonly bucket: Bucket;
}

interface Kept extends AnchoredCheckpoint {
  readonly version_id: string | null;
  /** What is less than it was set to; null when nothing is. */
  readonly weakened: string | null;
}

const AT_ONCE = 8;
const DIGITS = 16;

class S3Anchor implements Anchor {
  readonly name: string;
  readonly kind = 's3';
  readonly #options: S3AnchorOptions;
  readonly #clock: () => number;
  #reached: Promise<Reached> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: S3AnchorOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
  }

  publish(checkpoint: CheckpointToAnchor, signal: AbortSignal): Promise<AnchorReceipt> {
    // One after another, so that each sees what the one before has put.
    const done = this.#last.then(() => this.#try(() => this.#publish(checkpoint, signal)));
    this.#last = done.catch(() => {});
    return done;
  }

  async #publish(checkpoint: CheckpointToAnchor, signal: AbortSignal): Promise<AnchorReceipt> {
    checkedText(checkpoint);
    signal.throwIfAborted();
    const { bucket } = await this.#reach();
    const lock = chooseLock(this.#options.place.lock, await bucket.objectLock(), this.name);
    const newest = await this.#newest(checkpoint.origin);
    signal.throwIfAborted();
    const key = this.#key(checkpoint);
    if (!isHeld(this.name, newest, checkpoint)) await this.#put(key, checkpoint.note, lock, signal);
    // What counts is what came first: another process may have been faster.
    const kept = await this.#at(checkpoint.origin, checkpoint.size);
    if (kept === null)
      throw new IndelibleError('ANCHOR_DAMAGED', `${this.name} does not hold what was just put`);
    isHeld(this.name, kept, checkpoint);
    return {
      anchored_at: kept.anchored_at,
      evidence: { bucket: bucket.name, key, version_id: kept.version_id },
    };
  }

  async #put(key: string, note: string, lock: Lock | null, signal: AbortSignal): Promise<void> {
    const { bucket } = await this.#reach();
    const locked = lock === null ? null : lockNow(lock, this.#clock());
    await bucket.put(key, new TextEncoder().encode(note), {
      if_absent: true,
      lock: locked,
      metadata: locked === null ? {} : lockMetadata(locked),
      content_type: 'text/plain; charset=utf-8',
      signal,
    });
  }

  async newest(origin: string): Promise<AnchoredCheckpoint | null> {
    const kept = await this.#try(() => this.#newest(origin));
    return kept === null ? null : plain(kept);
  }

  async *all(origin: string): AsyncGenerator<AnchoredCheckpoint> {
    const sizes = this.#sizes(origin);
    try {
      const found = ahead(sizes, (size) => this.#at(origin, size), { count_max: AT_ONCE });
      for await (const { result } of found) if (result !== null) yield plain(result);
    } catch (error) {
      throw this.#fault(error);
    }
  }

  async check({ evidence }: AnchorReceipt, checkpoint: CheckpointToAnchor): Promise<ReceiptVerdict> {
    const fault = checkpointFault(checkpoint);
    if (fault !== null) return fault;
    const { bucket, key, version_id } = objectOf(evidence) ?? {};
    if (typeof bucket !== 'string' || typeof key !== 'string' || version_id === undefined)
      return refuted('the receipt is none of a bucket');
    if (bucket !== this.#options.place.bucket || key !== this.#key(checkpoint))
      return refuted('the receipt is for another checkpoint');
    const kept = await this.#try(() => this.#at(checkpoint.origin, checkpoint.size));
    if (kept === null || kept.version_id !== version_id)
      return refuted(`${this.name} no longer holds what the receipt names`);
    if (kept.checkpoint.root !== checkpoint.root)
      return refuted(`${this.name} holds another root for ${checkpoint.size} records`);
    const less = kept.weakened === null ? '' : `; it ${kept.weakened}`;
    return held(`${this.name} holds this checkpoint${less}`, kept.anchored_at);
  }

  async close(): Promise<void> {
    await this.#last;
    const reached = await this.#reached?.catch(() => null);
    reached?.server.close();
  }

  async #newest(origin: string): Promise<Kept | null> {
    let newest: number | null = null;
    for await (const size of this.#sizes(origin)) newest = size;
    return newest === null ? null : this.#at(origin, newest);
  }

  /** Sizes of the checkpoints of an origin, smallest first; also of those that somebody hid. */
  async *#sizes(origin: string): AsyncGenerator<number> {
    const { bucket } = await this.#reach();
    const prefix = this.#folder(origin);
    for await (const names of bucket.names({ prefix })) {
      for (const { key, versions } of names) {
        const digits = /^\d{16}$/.exec(key.slice(prefix.length))?.[0];
        if (digits !== undefined && versions.length > 0) yield Number(digits);
      }
    }
  }

  /** The checkpoint of a size, as it was first put. */
  async #at(origin: string, size: number): Promise<Kept | null> {
    const { bucket } = await this.#reach();
    const key = this.#key({ origin, size });
    const first = await bucket.first(key);
    const object = first === null ? null : await bucket.get(key, first.version_id);
    if (object === null) return null;
    const checkpoint = this.#read(object.bytes);
    if (checkpoint?.origin !== origin || checkpoint.size !== size)
      throw new IndelibleError('ANCHOR_DAMAGED', `${this.name}: ${key} holds another checkpoint`);
    const set = lockThatWasSet(object.metadata);
    return {
      checkpoint,
      anchored_at: object.modified_at === null ? null : new Date(object.modified_at).toISOString(),
      version_id: object.version_id,
      weakened: set === null ? null : weakened(set, object.lock, this.#clock()),
    };
  }

  #read(bytes: Uint8Array): CheckpointToAnchor | null {
    try {
      return checkpointOf(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch {
      return null;
    }
  }

  #key({ origin, size }: Pick<CheckpointToAnchor, 'origin' | 'size'>): string {
    return `${this.#folder(origin)}${String(size).padStart(DIGITS, '0')}`;
  }

  /** A name that a person can read, and a digest that tells apart what reads the same. */
  #folder(origin: string): string {
    const readable = origin.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, 80);
    const digest = createHash('sha256').update(origin).digest('hex').slice(0, 12);
    return `${this.#options.place.prefix}${readable}-${digest}/`;
  }

  #reach(): Promise<Reached> {
    this.#reached ??= this.#connect().catch((error: unknown) => {
      // It may be better the next time.
      this.#reached = null;
      throw error;
    });
    return this.#reached;
  }

  async #connect(): Promise<Reached> {
    const { place, server: options } = this.#options;
    const server = await Server.connect(place, options);
    try {
      return { server, bucket: await Bucket.open(server, place.bucket) };
    } catch (error) {
      server.close();
      throw error;
    }
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#fault(error);
    }
  }

  #fault(error: unknown): unknown {
    if (!isIndelibleError(error)) return error;
    const code = CODES[error.code];
    return code === undefined
      ? error
      : new IndelibleError(code, `${this.name}: ${error.message}`, { cause: error });
  }
}

const CODES: Partial<Record<ErrorCode, ErrorCode>> = {
  STORE_UNAVAILABLE: 'ANCHOR_UNAVAILABLE',
  STORE_FULL: 'ANCHOR_UNAVAILABLE',
  STORE_READ_ONLY: 'ANCHOR_REFUSED',
  LEDGER_NOT_FOUND: 'ANCHOR_UNAVAILABLE',
  STORE_NOT_WORM: 'ANCHOR_CONFIG',
};

function plain({ checkpoint, anchored_at }: Kept): AnchoredCheckpoint {
  return { checkpoint, anchored_at };
}
