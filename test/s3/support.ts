/** Buckets to test in, and the hands of somebody with the credentials of their owner. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { VerifyReport } from '../../packages/indelible/src/ledger/types.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openS3Store, type S3StoreOptions } from '../../packages/indelible/src/stores/s3/s3-store.ts';
import { S3Proxy } from '../support/s3-proxy.ts';
import type { S3TestServer } from '../support/s3-server.ts';

/** Buckets of one server: one whose objects can be locked, one that keeps no versions. */
export interface Buckets {
  readonly endpoint: string;
  readonly locked: string;
  readonly plain: string;
  readonly client: S3Client;
}

/** Makes buckets; from here on the SDK finds the owner's credentials in the environment. */
export async function makeBuckets({ endpoint, owner }: S3TestServer): Promise<Buckets> {
  Object.assign(process.env, owner);
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const suffix = randomBytes(4).toString('hex');
  const [locked, plain] = [`locked-${suffix}`, `plain-${suffix}`];
  await client.send(new CreateBucketCommand({ Bucket: locked, ObjectLockEnabledForBucket: true }));
  await client.send(new CreateBucketCommand({ Bucket: plain }));
  return { endpoint, locked, plain, client };
}

let places = 0;
/** A prefix that nothing lies below. */
export const newPrefix = (): string => `place-${process.pid}-${places++}`;

/** Options of a URL. */
export function url(
  bucket: string,
  prefix: string,
  options: Readonly<Record<string, string | number>>,
): string {
  const query = new URLSearchParams(Object.entries(options).map(([name, value]) => [name, String(value)]));
  return `s3://${bucket}/${prefix}?${query}`;
}

/** The URL of a ledger whose records are locked, and whose head lies in the bucket without versions. */
export function lockedUrl(
  { endpoint, locked, plain }: Buckets,
  prefix: string,
  more: Readonly<Record<string, string | number>> = {},
): string {
  return url(locked, prefix, { endpoint, head_bucket: plain, retention_days: 1, ...more });
}

/** The URL of a ledger in the bucket without versions. */
export function plainUrl({ endpoint, plain }: Buckets, prefix: string): string {
  return url(plain, prefix, { endpoint, worm: 'off' });
}

/**
 * A proxy that honours conditions as AWS does: by the current version, so that a delete marker counts as an absence.
 *
 * Source:  Amazon S3 user guide, "How to prevent object overwrites with conditional writes".
 */
export function startConditional({ endpoint, client }: Buckets): Promise<S3Proxy> {
  return S3Proxy.start(endpoint, (path) => {
    const [, bucket, ...key] = path.split('/');
    const command = new HeadObjectCommand({ Bucket: bucket, Key: key.join('/') });
    return client.send(command).then(
      () => true,
      (error: { $metadata?: { httpStatusCode?: number } }) => {
        if (error.$metadata?.httpStatusCode !== 404) throw error;
        return false;
      },
    );
  });
}

/** A store that looks for other writers often, so that tests need not wait. */
export function openStore(address: string, options: Omit<S3StoreOptions, 'url'> = {}): Promise<LogStore> {
  return openS3Store({ url: address, poll_ms: 20, ...options });
}

/** A ledger with a few records, an object each. Closed again. */
export async function recordSteps(address: string, what: string): Promise<void> {
  const ledger = await Ledger.open({ store: await openStore(address), name: `acme.example/${what}` });
  for (let i = 0; i < 3; i++) await ledger.record({ action: `${what}.step`, data: { i } });
  await ledger.close();
}

/** What a verifier says who comes now. */
export async function verified(address: string): Promise<VerifyReport> {
  const store = await openStore(address, { read_only: true });
  try {
    return await verifyLog({ store });
  } finally {
    await store.close();
  }
}

/** What somebody can do who has credentials and no scruples. */
export class Hand {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** Names and versions, the oldest of each name first. */
  async versions(prefix: string): Promise<{ key: string; version: string }[]> {
    const { Versions = [] } = await this.#client.send(
      new ListObjectVersionsCommand({ Bucket: this.#bucket, Prefix: prefix }),
    );
    const versions = Versions.map(({ Key, VersionId }) => ({ key: Key!, version: VersionId! }));
    return versions.reverse().sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }

  async put(key: string, body: string, metadata: Record<string, string> = {}): Promise<void> {
    const command = new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: body, Metadata: metadata });
    await this.#client.send(command);
  }

  async metadata(key: string): Promise<Record<string, string>> {
    const { Metadata } = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
    return Metadata ?? {};
  }

  async text(key: string): Promise<string> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
    return Body!.transformToString();
  }

  /** Deletes a version, or the newest, which leaves a marker. Whether the server let it. */
  async delete(key: string, version?: string): Promise<boolean> {
    const command = new DeleteObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      BypassGovernanceRetention: true,
      ...(version === undefined ? {} : { VersionId: version }),
    });
    return this.#client.send(command).then(
      () => true,
      (error: { name: string }) => {
        if (error.name !== 'AccessDenied') throw error;
        return false;
      },
    );
  }

  /** Changes how long a version is kept. Whether the server let it. */
  async retain(
    key: string,
    version: string,
    mode: 'GOVERNANCE' | 'COMPLIANCE',
    until: Date,
  ): Promise<boolean> {
    const command = new PutObjectRetentionCommand({
      Bucket: this.#bucket,
      Key: key,
      VersionId: version,
      BypassGovernanceRetention: true,
      Retention: { Mode: mode, RetainUntilDate: until },
    });
    return this.#client.send(command).then(
      () => true,
      (error: { name: string }) => {
        if (error.name !== 'AccessDenied') throw error;
        return false;
      },
    );
  }

  async liftHold(key: string, version: string): Promise<void> {
    const command = new PutObjectLegalHoldCommand({
      Bucket: this.#bucket,
      Key: key,
      VersionId: version,
      LegalHold: { Status: 'OFF' },
    });
    await this.#client.send(command);
  }
}

/** The message of the error with this code that `work` raises. */
export async function rejectsWith(code: string, work: () => Promise<unknown>): Promise<string> {
  const error = await work().then(
    () => null,
    (reason: unknown) => reason as { code?: string; message: string },
  );
  assert.equal(error?.code, code, String(error));
  return error!.message;
}
