/**
 * One bucket: the few operations that are needed, with errors of our own.
 *
 * Objects are small enough for one request each. A digest goes with every object that is put (Content-MD5): servers ask
 * for one where there is Object Lock, and refuse what was altered on the way.
 *
 * Errors:  those of faults.ts; LEDGER_DAMAGED for an object that is shorter than the server says.
 */
import { createHash } from 'node:crypto';
import { IndelibleError } from '@indelible/core';
import { isVersioned, objectLockOf } from './bucket-settings.ts';
import type { Server } from './client.ts';
import { answeredAt, nameOf, s3Fault, statusOf } from './faults.ts';
import { allNames, listObjects, listVersions } from './list-bucket.ts';
import type { ListOptions, Named, Page, Version } from './listing.ts';
import type { BucketLock, ObjectLock } from './lock.ts';
import { factsOf, type ObjectFacts, type StoredObject, versionOf } from './object-facts.ts';
import type { LockMode } from './place.ts';

export interface PutOptions {
  /** Only when no object has the name; else nothing is written. */
  readonly if_absent?: boolean;
  readonly lock?: ObjectLock | null;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly content_type?: string;
  readonly signal?: AbortSignal | undefined;
}

const CONFLICTS_MAX = 10;
/** So many markers may lie above a version that is looked for. */
const MARKERS_MAX = 100;

export class Bucket {
  readonly name: string;
  /** How messages name it. */
  readonly place: string;
  /** Whether it keeps versions. */
  readonly versioned: boolean;
  readonly #server: Server;

  private constructor(server: Server, name: string, versioned: boolean) {
    this.#server = server;
    this.name = name;
    this.place = `s3://${name}`;
    this.versioned = versioned;
  }

  static async open(server: Server, name: string): Promise<Bucket> {
    return new Bucket(server, name, await isVersioned(server, name));
  }

  /** Puts an object. False when the condition was not met. */
  async put(
    key: string,
    bytes: Uint8Array,
    options: PutOptions = {},
  ): Promise<{ readonly version_id: string | null } | false> {
    const { if_absent = false, lock = null, metadata = {}, content_type, signal } = options;
    const command = new this.#server.sdk.PutObjectCommand({
      Bucket: this.name,
      Key: key,
      Body: bytes,
      ContentLength: bytes.length,
      ContentMD5: createHash('md5').update(bytes).digest('base64'),
      ContentType: content_type ?? 'application/octet-stream',
      Metadata: { ...metadata },
      ...(if_absent ? { IfNoneMatch: '*' } : {}),
      ...(lock?.retain_until == null
        ? {}
        : { ObjectLockMode: lock.mode as LockMode, ObjectLockRetainUntilDate: new Date(lock.retain_until) }),
      ...(lock?.legal_hold ? { ObjectLockLegalHoldStatus: 'ON' } : {}),
    });
    for (let conflicts = 0; ; conflicts++) {
      try {
        const put = await this.#server.run((client, how) => client.send(command, how), {
          bytes: bytes.length,
          signal,
        });
        return { version_id: put.VersionId ?? null };
      } catch (error) {
        if (if_absent && statusOf(error) === 412) return false;
        // Another request for the same name is under way: once that is decided, this one will be.
        if (!if_absent || statusOf(error) !== 409 || conflicts === CONFLICTS_MAX)
          throw retainedTooShort(error, lock, this.place) ?? s3Fault(error, this.place, `putting ${key}`);
      }
    }
  }

  /** An object, or a version of it; null when there is none. */
  async get(key: string, version_id: string | null = null): Promise<StoredObject | null> {
    const command = new this.#server.sdk.GetObjectCommand({
      Bucket: this.name,
      Key: key,
      ...versionOf(version_id),
    });
    try {
      return await this.#server.run(async (client, how) => {
        const answer = await client.send(command, how);
        const bytes = await answer.Body!.transformToByteArray();
        const facts = factsOf(answer);
        if (bytes.length !== facts.size) throw new Error(`${bytes.length} of ${facts.size} bytes came`);
        return { ...facts, bytes };
      });
    } catch (error) {
      return this.#absent(error, `getting ${key}`);
    }
  }

  /** The version of an object that came first, hidden or not; null when there is none. */
  async first(key: string): Promise<Version | null> {
    if (!this.versioned) {
      const facts = await this.head(key);
      return facts === null ? null : { ...facts, etag: '' };
    }
    // It is the first of all names that begin so.
    for await (const [named] of this.names({ prefix: key }))
      if (named !== undefined) return named.key === key ? (named.versions[0] ?? null) : null;
    return null;
  }

  /** The newest version of an object, hidden or not; null when there is none. */
  async newest(key: string): Promise<StoredObject | null> {
    const shown = await this.get(key);
    if (shown !== null || !this.versioned) return shown;
    const { names } = await this.list({ prefix: key, page: MARKERS_MAX });
    const newest = names[0]?.key === key ? names[0].versions.at(-1) : undefined;
    return newest === undefined ? null : this.get(key, newest.version_id);
  }

  /** What the server says about an object, without its bytes; null when there is none. */
  async head(key: string, version_id: string | null = null): Promise<ObjectFacts | null> {
    const command = new this.#server.sdk.HeadObjectCommand({
      Bucket: this.name,
      Key: key,
      ...versionOf(version_id),
    });
    try {
      return factsOf(await this.#server.run((client, how) => client.send(command, how)));
    } catch (error) {
      return this.#absent(error, `looking at ${key}`);
    }
  }

  /** Whether a version has a retention. Null: these credentials may not know. */
  async hasRetention(key: string, version_id: string | null): Promise<boolean | null> {
    const command = new this.#server.sdk.GetObjectRetentionCommand({
      Bucket: this.name,
      Key: key,
      ...versionOf(version_id),
    });
    try {
      const { Retention } = await this.#server.run((client, how) => client.send(command, how));
      return Retention?.Mode !== undefined;
    } catch (error) {
      if (statusOf(error) === 403) return null;
      if (statusOf(error) === 404 || statusOf(error) === 400) return false;
      throw s3Fault(error, this.place, `looking at the retention of ${key}`);
    }
  }

  /** One page of names below a prefix, in order, each with its versions as far as they are on the page. */
  async list(options: ListOptions): Promise<Page> {
    const list = this.versioned ? listVersions : listObjects;
    return list(this.#server, this.name, options);
  }

  /** Every name below a prefix, in order, page by page, with all its versions. */
  names(options: Omit<ListOptions, 'cursor'>): AsyncGenerator<Named[]> {
    return allNames((page) => this.list(page), options);
  }

  objectLock(): Promise<BucketLock> {
    return objectLockOf(this.#server, this.name);
  }

  /** Removes an object, or a version of it. False when that is not allowed. */
  async remove(key: string, version_id: string | null = null): Promise<boolean> {
    const command = new this.#server.sdk.DeleteObjectCommand({
      Bucket: this.name,
      Key: key,
      ...versionOf(version_id),
    });
    try {
      await this.#server.run((client, how) => client.send(command, how));
      return true;
    } catch (error) {
      if (statusOf(error) === 403) return false;
      throw s3Fault(error, this.place, `removing ${key}`);
    }
  }

  #absent(error: unknown, doing: string): null {
    const status = statusOf(error);
    if (status === 404 && nameOf(error) !== 'NoSuchBucket') return null;
    // What cannot be the name of a version is the name of none.
    if (status === 400 && /^(?:InvalidArgument|NoSuchVersion)$/.test(nameOf(error))) return null;
    throw s3Fault(error, this.place, doing);
  }
}

/** A server refuses a retention that is over by its own clock, in words that say nothing of clocks. */
function retainedTooShort(error: unknown, lock: ObjectLock | null, place: string): IndelibleError | null {
  const now = answeredAt(error);
  const until = lock?.retain_until ?? null;
  if (now === null || until === null || until > now) return null;
  const [ends, is] = [until, now].map((time) => new Date(time).toISOString());
  return new IndelibleError(
    'STORE_UNAVAILABLE',
    `${place}: the clock of this machine is wrong: the object was to be retained until ${ends}, and there it is ${is}`,
  );
}
