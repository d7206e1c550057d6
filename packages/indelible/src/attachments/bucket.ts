/**
 * Attachments as objects beside a log in a bucket: `<prefix>attachments/<64 hex digits>`, named by the SHA-256 of their
 * bytes, and locked as its records are.
 *
 * A name never means other bytes: whatever somebody put over an attachment, and whatever marker hides it, any version
 * that has the right bytes is it.
 *
 * Errors:  those of the contract, of the driver and of the place (LEDGER_URL, STORE_NOT_WORM).
 */
import { IndelibleError, isIndelibleError, LIMITS } from '@indelible/core';
import type { Bucket } from '../s3/bucket.ts';
import type { Lock } from '../s3/lock.ts';
import type { AttachmentFinding, AttachmentStore } from './contract.ts';
import { altered, digestOf, digestOfHex, hexOf, hexOrNull, missing, tooLarge } from './digest.ts';
import { checkBytesMax } from './memory.ts';

export interface BucketAttachmentsOptions {
  /** The ledger's. */
  readonly url: string;
  readonly read_only?: boolean;
  /** Default 16 MiB. */
  readonly bytes_max?: number;
  /** Milliseconds since 1970, for retention; default Date.now. */
  readonly clock?: () => number;
}

/** What is opened by the first use: most commands need no attachment. */
interface Place {
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly lock: Lock | null;
  readonly close: () => void;
}

const NAME = /^[0-9a-f]{64}$/;

/** Opens the place; nothing is asked of the server before the first use. */
export function openBucketAttachments(options: BucketAttachmentsOptions): AttachmentStore {
  return new BucketAttachments(options);
}

class BucketAttachments implements AttachmentStore {
  readonly url: string;
  readonly read_only: boolean;
  readonly bytes_max: number;
  readonly #options: BucketAttachmentsOptions;
  #place: Promise<Place> | null = null;
  #closed = false;

  constructor(options: BucketAttachmentsOptions) {
    // Without options: they say how to reach it, and how long things are kept.
    this.url = `${options.url.replace(/\?.*$/, '')}/attachments`;
    this.read_only = options.read_only ?? false;
    this.bytes_max = checkBytesMax(options.bytes_max);
    this.#options = options;
  }

  async put(bytes: Uint8Array): Promise<string> {
    const place = await this.#writable();
    if (bytes.length > this.bytes_max) throw tooLarge(bytes.length, this.bytes_max);
    // The caller's bytes may change while this waits.
    const copy = bytes.slice();
    const digest = await digestOf(copy);
    if (await this.#isRight(digest)) return digest;
    const { lockMetadata, lockNow } = await import('../s3/lock.ts');
    const lock = place.lock === null ? null : lockNow(place.lock, (this.#options.clock ?? Date.now)());
    await place.bucket.put(keyOf(place, digest), copy, {
      lock,
      metadata: lock === null ? {} : lockMetadata(lock),
    });
    return digest;
  }

  async get(digest: string): Promise<Uint8Array> {
    const place = await this.#opened();
    const key = keyOf(place, digest);
    const newest = await place.bucket.get(key);
    if (newest !== null && (await isOf(newest.bytes, digest))) return newest.bytes;
    let versions = 0;
    for (const { version_id, size } of await versionsOf(place.bucket, key)) {
      versions++;
      if (size > LIMITS.attachment_bytes) continue;
      const bytes = (await place.bucket.get(key, version_id))?.bytes;
      if (bytes !== undefined && (await isOf(bytes, digest))) return bytes;
    }
    throw versions === 0 ? missing(digest) : altered(digest, 'has other bytes than those it is named by');
  }

  async has(digest: string): Promise<boolean> {
    const place = await this.#opened();
    if (hexOrNull(digest) === null) return false;
    return (await place.bucket.first(keyOf(place, digest))) !== null;
  }

  async *list(): AsyncGenerator<string> {
    const { bucket, prefix } = await this.#opened();
    for await (const names of bucket.names({ prefix }))
      for (const { key, versions } of names) {
        const hex = key.slice(prefix.length);
        if (versions.length > 0 && NAME.test(hex)) yield digestOfHex(hex);
      }
  }

  async remove(digest: string): Promise<boolean> {
    const place = await this.#writable();
    const key = keyOf(place, digest);
    const versions = await versionsOf(place.bucket, key);
    for (const { version_id } of versions) {
      if (await place.bucket.remove(key, version_id)) continue;
      throw new IndelibleError('STORE_READ_ONLY', `${key} is locked: the bucket keeps it for now`);
    }
    return versions.length > 0;
  }

  async inspect(): Promise<AttachmentFinding[]> {
    const { bucket, prefix } = await this.#opened();
    const findings: AttachmentFinding[] = [];
    for await (const names of bucket.names({ prefix })) {
      for (const { key, versions, hidden } of names) {
        const note = (detail: string): unknown =>
          findings.push({ detail: `${key} ${detail}`, damage: false });
        if (!NAME.test(key.slice(prefix.length))) note('is no attachment');
        else if (hidden) note('was deleted; what is below the marker is there, and counts');
        else if (new Set(versions.map(({ etag }) => etag)).size > 1)
          note('was overwritten; the version with the right bytes counts');
      }
    }
    return findings;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    (await this.#place?.catch(() => null))?.close();
  }

  async #isRight(digest: string): Promise<boolean> {
    try {
      await this.get(digest);
      return true;
    } catch (error) {
      if (isIndelibleError(error, 'ATTACHMENT_MISSING') || isIndelibleError(error, 'ATTACHMENT_ALTERED'))
        return false;
      throw error;
    }
  }

  async #writable(): Promise<Place> {
    if (this.read_only) throw new IndelibleError('STORE_READ_ONLY', `${this.url} was opened for reading`);
    return this.#opened();
  }

  async #opened(): Promise<Place> {
    if (this.#closed) throw new IndelibleError('LEDGER_CLOSED', `${this.url} is closed`);
    this.#place ??= this.#open();
    try {
      return await this.#place;
    } catch (error) {
      // The server may be there the next time.
      this.#place = null;
      throw error;
    }
  }

  async #open(): Promise<Place> {
    const [{ parseS3Url }, { Server }, { Bucket }, { chooseLock }] = await Promise.all([
      import('../s3/place.ts'),
      import('../s3/client.ts'),
      import('../s3/bucket.ts'),
      import('../s3/lock.ts'),
    ]);
    const place = parseS3Url(this.#options.url, 'LEDGER_URL', { head_bucket: true });
    const server = await Server.connect(place);
    try {
      const bucket = await Bucket.open(server, place.bucket);
      const lock = this.read_only ? null : chooseLock(place.lock, await bucket.objectLock(), place.url);
      return { bucket, prefix: `${place.prefix}attachments/`, lock, close: () => server.close() };
    } catch (error) {
      server.close();
      throw error;
    }
  }
}

function keyOf({ prefix }: Place, digest: string): string {
  return `${prefix}${hexOf(digest)}`;
}

async function isOf(bytes: Uint8Array, digest: string): Promise<boolean> {
  return (await digestOf(bytes)) === digest;
}

/** Every version, hidden or not; in a bucket that keeps none, the object. */
async function versionsOf(bucket: Bucket, key: string) {
  for await (const names of bucket.names({ prefix: key })) {
    const named = names.find((one) => one.key === key);
    if (named !== undefined) return named.versions;
  }
  return [];
}
