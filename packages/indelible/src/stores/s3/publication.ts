/**
 * A log published into a bucket, beside the ledger that lies there or without one: the place of a Publication
 * (transparency/publication.ts). What never changes is locked as the records are.
 *
 * Errors:  those of opening, and of the bucket.
 */
import type { NoteSigner } from '@indelible/core';
import { ahead } from '../../s3/ahead.ts';
import { Bucket } from '../../s3/bucket.ts';
import { Server, type ServerOptions } from '../../s3/client.ts';
import { chooseLock, type Lock, lockMetadata, lockNow } from '../../s3/lock.ts';
import { parseS3Url, type S3Place } from '../../s3/place.ts';
import { type BatchesHeld, batchesHeld } from './batches-held.ts';
import { isChanging, manifestPath } from './layout.ts';
import { formatManifest, type Manifest } from './manifest.ts';
import { openLog } from './open-log.ts';

export interface S3PublicationOptions {
  readonly url: string;
  readonly read_only?: boolean;
  /** Milliseconds since 1970, for retention; default Date.now. */
  readonly clock?: () => number;
  readonly server?: ServerOptions;
}

const FILES_AT_ONCE = 8;
const TEXT = 'text/plain; charset=utf-8';

export async function openS3Publication(options: S3PublicationOptions): Promise<S3Publication> {
  const { read_only = false, clock = Date.now } = options;
  const place = parseS3Url(options.url, 'LEDGER_URL', { head_bucket: true });
  const server = await Server.connect(place, options.server);
  try {
    const bucket = await Bucket.open(server, place.bucket);
    const lock = read_only ? null : chooseLock(place.lock, await bucket.objectLock(), place.url);
    return new S3Publication({ place, server, bucket, lock, clock });
  } catch (error) {
    server.close();
    throw error;
  }
}

interface Parts {
  readonly place: S3Place;
  readonly server: Server;
  readonly bucket: Bucket;
  readonly lock: Lock | null;
  readonly clock: () => number;
}

export class S3Publication {
  readonly place: string;
  readonly files_at_once = FILES_AT_ONCE;
  readonly keeps_history = true;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.place = parts.place.url;
  }

  async read(path: string): Promise<Uint8Array | null> {
    const { bucket } = this.#parts;
    const key = this.#key(path);
    if (isChanging(path)) return (await bucket.newest(key))?.bytes ?? null;
    const first = await bucket.first(key);
    return first === null ? null : ((await bucket.get(key, first.version_id))?.bytes ?? null);
  }

  async has(path: string, bytes: number | null): Promise<boolean> {
    const facts = await this.#parts.bucket.head(this.#key(path));
    return facts !== null && (bytes === null ? facts.size > 0 : facts.size === bytes);
  }

  async keep(path: string, bytes: Uint8Array): Promise<void> {
    await this.#put(path, bytes, true);
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    await this.#put(path, bytes, false);
  }

  /** The names in a folder, in order. */
  async *list(folder: string): AsyncGenerator<string> {
    const { bucket, place } = this.#parts;
    for await (const names of bucket.names({ prefix: this.#key(`${folder}/`) }))
      for (const { key, versions } of names) if (versions.length > 0) yield key.slice(place.prefix.length);
  }

  /** Files in the order of their names, several on their way at a time. */
  async *readAll(paths: AsyncIterable<string>): AsyncGenerator<{ path: string; bytes: Uint8Array | null }> {
    for await (const { item, result } of ahead(paths, (path) => this.read(path), {
      count_max: FILES_AT_ONCE,
    }))
      yield { path: item, bytes: result };
  }

  async keepManifest(statement: Omit<Manifest, 'lock' | 'batches'>, signer: NoteSigner): Promise<void> {
    const { lock } = this.#parts;
    const path = manifestPath(statement.size);
    if (await this.has(path, null)) return;
    const batches = await this.#batches(statement.from, statement.size);
    const note = await formatManifest({ ...statement, lock, batches }, signer);
    await this.keep(path, new TextEncoder().encode(note));
  }

  async close(): Promise<void> {
    this.#parts.server.close();
  }

  /** Null where no ledger lies beside what is published. */
  async #batches(from: number, to: number): Promise<BatchesHeld | null> {
    const { place, server, bucket, clock } = this.#parts;
    if ((await bucket.first(this.#key('ledger.json'))) === null) return null;
    return batchesHeld(await openLog({ place, server, read_only: true, create: false, clock }), from, to);
  }

  async #put(path: string, bytes: Uint8Array, if_absent: boolean): Promise<void> {
    const { bucket, lock, clock } = this.#parts;
    const locked = lock === null ? null : lockNow(lock, clock());
    await bucket.put(this.#key(path), bytes, {
      if_absent,
      lock: locked,
      metadata: locked === null ? {} : lockMetadata(locked),
      content_type: path.startsWith('tile/') ? 'application/octet-stream' : TEXT,
    });
  }

  #key(path: string): string {
    return `${this.#parts.place.prefix}${path}`;
  }
}
