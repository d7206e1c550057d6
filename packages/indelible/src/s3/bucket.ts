/**
 * One bucket: the few operations that are needed, with errors of our own.
 *
 * Objects are small enough for one request each. A digest goes with every object that is put (Content-MD5): servers ask
 * for one where there is Object Lock, and refuse what was altered on the way.
 *
 * Errors:  those of faults.ts; LEDGER_DAMAGED for an object that is shorter than the server says.
 */
import { createHash } from 'node:crypto';
import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { Server } from './client.ts';
import { nameOf, s3Fault, statusOf } from './faults.ts';
import { byName, type Cursor, type ListOptions, type Named, type Page, type Version } from './listing.ts';
import type { BucketLock, ObjectLock } from './lock.ts';
import type { LockMode } from './place.ts';

/** What a server says about an object. */
export interface ObjectFacts {
  readonly version_id: string | null;
  readonly size: number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly modified_at: number | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly lock: ObjectLock;
}

export interface StoredObject extends ObjectFacts {
  readonly bytes: Uint8Array;
}

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
          throw s3Fault(error, this.place, `putting ${key}`);
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
    return this.versioned ? this.#versions(options) : this.#objects(options);
  }

  /** Every name below a prefix, in order, page by page, with all its versions. */
  async *names(options: Omit<ListOptions, 'cursor'>): AsyncGenerator<Named[]> {
    let last: Named | null = null;
    let cursor: Cursor | undefined;
    do {
      const page: Page = await this.list({ ...options, ...(cursor === undefined ? {} : { cursor }) });
      const names: Named[] = [];
      for (const named of page.names) {
        if (last !== null && last.key === named.key) {
          last = {
            key: named.key,
            versions: [...named.versions, ...last.versions],
            hidden: last.hidden || named.hidden,
          };
          continue;
        }
        if (last !== null) names.push(last);
        last = named;
      }
      cursor = page.next ?? undefined;
      // Whether there are more versions of the last name is for the next page to say.
      if (cursor === undefined && last !== null) names.push(last);
      yield names;
    } while (cursor !== undefined);
  }

  async #versions({ prefix, after, page, cursor }: ListOptions): Promise<Page> {
    const marker = cursor ?? (after === undefined ? {} : { KeyMarker: after });
    const command = new this.#server.sdk.ListObjectVersionsCommand({
      Bucket: this.name,
      Prefix: prefix,
      ...marker,
      ...(page === undefined ? {} : { MaxKeys: page }),
    });
    try {
      const answer = await this.#server.run((client, how) => client.send(command, how));
      const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = answer;
      const more = answer.IsTruncated === true && KeyMarker !== undefined;
      return {
        names: byName(answer.Versions ?? [], answer.DeleteMarkers ?? []),
        next: more ? { KeyMarker, ...(VersionIdMarker === undefined ? {} : { VersionIdMarker }) } : null,
      };
    } catch (error) {
      throw s3Fault(error, this.place, `listing ${prefix}`);
    }
  }

  async #objects({ prefix, after, page, cursor }: ListOptions): Promise<Page> {
    const command = new this.#server.sdk.ListObjectsV2Command({
      Bucket: this.name,
      Prefix: prefix,
      ...(cursor ?? (after === undefined ? {} : { StartAfter: after })),
      ...(page === undefined ? {} : { MaxKeys: page }),
    });
    try {
      const answer = await this.#server.run((client, how) => client.send(command, how));
      const { NextContinuationToken: ContinuationToken } = answer;
      const more = answer.IsTruncated === true && ContinuationToken !== undefined;
      return { names: byName(answer.Contents ?? [], []), next: more ? { ContinuationToken } : null };
    } catch (error) {
      throw s3Fault(error, this.place, `listing ${prefix}`);
    }
  }

  async objectLock(): Promise<BucketLock> {
    const command = new this.#server.sdk.GetObjectLockConfigurationCommand({ Bucket: this.name });
    try {
      const answer = await this.#server.run((client, how) => client.send(command, how));
      const { ObjectLockEnabled, Rule } = answer.ObjectLockConfiguration ?? {};
      const { Mode, Days, Years } = Rule?.DefaultRetention ?? {};
      const days = Days ?? (Years === undefined ? undefined : Years * 365);
      return {
        enabled: ObjectLockEnabled === 'Enabled',
        rule: Mode === undefined || days === undefined ? null : { mode: Mode, days },
      };
    } catch (error) {
      const none = ['ObjectLockConfigurationNotFoundError', 'NotImplemented'].includes(nameOf(error));
      if (none || statusOf(error) === 501) return { enabled: false, rule: null };
      throw s3Fault(error, this.place, 'asking about Object Lock');
    }
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

/** Without the right to know, as if there were some: listing versions works either way. */
async function isVersioned(server: Server, name: string): Promise<boolean> {
  const command = new server.sdk.GetBucketVersioningCommand({ Bucket: name });
  try {
    const { Status } = await server.run((client, how) => client.send(command, how));
    // A bucket whose versioning was suspended still has the versions from before.
    return Status === 'Enabled' || Status === 'Suspended';
  } catch (error) {
    if (statusOf(error) === 403 && nameOf(error) === 'AccessDenied') return true;
    if (nameOf(error) === 'NotImplemented' || statusOf(error) === 501) return false;
    throw s3Fault(error, `s3://${name}`, 'asking whether the bucket keeps versions');
  }
}

function versionOf(version_id: string | null): { VersionId?: string } {
  return version_id === null ? {} : { VersionId: version_id };
}

function factsOf(answer: Pick<HeadObjectCommandOutput, FactMembers>): ObjectFacts {
  return {
    version_id: answer.VersionId ?? null,
    size: answer.ContentLength ?? 0,
    modified_at: answer.LastModified?.getTime() ?? null,
    metadata: answer.Metadata ?? {},
    lock: {
      mode: answer.ObjectLockMode ?? null,
      retain_until: answer.ObjectLockRetainUntilDate?.getTime() ?? null,
      legal_hold: answer.ObjectLockLegalHoldStatus === 'ON',
    },
  };
}

type FactMembers =
  | 'VersionId'
  | 'ContentLength'
  | 'LastModified'
  | 'Metadata'
  | 'ObjectLockMode'
  | 'ObjectLockRetainUntilDate'
  | 'ObjectLockLegalHoldStatus';
