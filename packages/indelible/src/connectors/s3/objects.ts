/**
 * Objects of one bucket with versions: read, put, marked as deleted, and the history of a key.
 *
 * Nothing is repeated here: after a lost answer the engine probes.
 *
 * Errors:  DRIVER_MISSING; CONNECTOR_CONFIG, CONNECTOR_LIMIT; TARGET_CHANGED and TARGET_REFUSED when the server did
 *          nothing; CONNECTOR_UNAVAILABLE when nobody can say.
 */
import { createHash } from 'node:crypto';
import { type ErrorCode, IndelibleError, type JsonObject } from '@indelible/core';
import { Server } from '../../s3/client.ts';
import { nameOf, statusOf } from '../../s3/faults.ts';
import type { ConnectorContext, TargetState } from '../contract.ts';
import { assertInTime, assertLimits } from '../shared/checks.ts';
import { stateOf } from '../shared/state.ts';
import { EFFECT_MARK, HEADERS, OPERATION_MARK, type S3Place } from './config.ts';

type Ctx = Pick<ConnectorContext, 'signal' | 'secret'>;

export interface ObjectFacts {
  readonly sha256: string;
  readonly size: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface FoundObject {
  readonly bytes: Uint8Array;
  readonly facts: ObjectFacts;
  readonly state: TargetState;
  readonly version: string;
  readonly version_id: string;
  readonly etag: string;
  /** The effect key that it was put with; null for anybody else's. */
  readonly effect: string | null;
}

export interface NewObject {
  readonly bytes: Uint8Array;
  readonly facts: ObjectFacts;
}

export interface History {
  /** Newest first. */
  readonly version_ids: readonly string[];
  /** Of the delete marker that makes the object look gone; null: it is there, or never was. */
  readonly marker_id: string | null;
  /** False: there are older ones. */
  readonly complete: boolean;
}

/** An ETag that must still be the object's; null: there must be none; undefined: whatever is there. */
export type Condition = string | null | undefined;

const HISTORY_MAX = 100;

type Send = Parameters<Server['run']>[0];
type Work<T> = (sdk: Server['sdk'], ...send: Parameters<Send>) => Promise<T>;

export function objectState(facts: ObjectFacts, observed?: JsonObject): TargetState {
  return stateOf({ ...facts } as unknown as JsonObject, observed);
}

export function factsOf(
  bytes: Uint8Array,
  headers: ObjectFacts['headers'],
  metadata: ObjectFacts['metadata'],
): ObjectFacts {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { sha256, size: bytes.length, headers, metadata };
}

export class Objects {
  readonly #place: S3Place;
  #server: Promise<Server> | null = null;

  constructor(place: S3Place) {
    this.#place = place;
  }

  /** The newest version, or the one named; null: there is none, or it is deleted. */
  async read(key: string, ctx: Ctx, version_id?: string): Promise<FoundObject | null> {
    const { max_bytes } = this.#place;
    const answer = await this.#ask(ctx, 'reading', async (sdk, client, options) => {
      const named = {
        Bucket: this.#bucket,
        Key: key,
        ...(version_id === undefined ? {} : { VersionId: version_id }),
      };
      const found = await client.send(new sdk.GetObjectCommand(named), options).catch((error: unknown) => {
        const gone = ['NoSuchKey', 'NoSuchVersion', 'MethodNotAllowed', 'NotFound'].includes(nameOf(error));
        if (gone || (statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket')) return null;
        throw error;
      });
      if (found === null) return null;
      const size = found.ContentLength ?? Number.POSITIVE_INFINITY;
      if (size > max_bytes) {
        (found.Body as { destroy?: () => void } | undefined)?.destroy?.();
        assertLimits({ max_targets: 1, max_bytes, timeout_ms: 1 }, { targets: 1, bytes: size });
      }
      return { found, bytes: (await found.Body?.transformToByteArray()) ?? new Uint8Array() };
    });
    if (answer === null) return null;
    const { found, bytes } = answer;
    const { Metadata = {}, VersionId = 'null', ETag = '', LastModified } = found;
    const { [EFFECT_MARK]: effect = null, [OPERATION_MARK]: operation = null, ...metadata } = Metadata;
    const headers: Record<string, string> = {};
    for (const [name, member] of Object.entries(HEADERS)) {
      const value = found[member];
      if (value !== undefined) headers[name] = value;
    }
    const facts = factsOf(bytes, headers, metadata);
    const observed = {
      ...{ version_id: VersionId, etag: ETag, effect, operation },
      last_modified: LastModified?.toISOString() ?? null,
    };
    return {
      bytes,
      facts,
      state: objectState(facts, observed),
      // Objects from before the bucket kept versions are all called null.
      version: VersionId === 'null' ? `null ${ETag}` : VersionId,
      version_id: VersionId,
      etag: ETag,
      effect,
    };
  }

  /** Raises CONNECTOR_CONFIG unless what is written over stays. */
  async assertVersioned(ctx: Ctx): Promise<void> {
    const { Status } = await this.#ask(ctx, 'asking', (sdk, client, options) =>
      client.send(new sdk.GetBucketVersioningCommand({ Bucket: this.#bucket }), options),
    );
    if (Status === 'Enabled') return;
    throw new IndelibleError('CONNECTOR_CONFIG', `the bucket ${this.#bucket} does not keep versions`);
  }

  /** Resolves to the id of the new version. */
  async put(
    key: string,
    { bytes, facts }: NewObject,
    marks: { readonly effect_key: string; readonly operation_id: string },
    condition: Condition,
    ctx: Ctx,
  ): Promise<string> {
    const headers = Object.entries(HEADERS).map(([name, member]) => [member, facts.headers[name]]);
    const { VersionId = 'null' } = await this.#ask(ctx, 'putting', (sdk, client, options) =>
      client.send(
        new sdk.PutObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          Body: bytes,
          ...Object.fromEntries(headers.filter(([, value]) => value !== undefined)),
          Metadata: {
            ...facts.metadata,
            [EFFECT_MARK]: marks.effect_key,
            [OPERATION_MARK]: marks.operation_id,
          },
          ...(condition === undefined
            ? {}
            : condition === null
              ? { IfNoneMatch: '*' }
              : { IfMatch: condition }),
        }),
        options,
      ),
    );
    return VersionId;
  }

  /** Puts a delete marker; resolves to its id. */
  async delete(key: string, condition: Condition, ctx: Ctx): Promise<string> {
    const { VersionId = 'null' } = await this.#ask(ctx, 'deleting', (sdk, client, options) =>
      client.send(
        new sdk.DeleteObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          ...(typeof condition === 'string' ? { IfMatch: condition } : {}),
        }),
        options,
      ),
    );
    return VersionId;
  }

  /** The newest versions of a key, and whether a delete marker lies over them. */
  async history(key: string, ctx: Ctx): Promise<History> {
    const found = await this.#ask(ctx, 'listing', (sdk, client, options) => {
      const named = { Bucket: this.#bucket, Prefix: key, MaxKeys: HISTORY_MAX };
      return client.send(new sdk.ListObjectVersionsCommand(named), options);
    });
    const versions = (found.Versions ?? []).filter(({ Key }) => Key === key);
    const marker = (found.DeleteMarkers ?? []).find(({ Key, IsLatest }) => Key === key && IsLatest === true);
    return {
      version_ids: versions.map(({ VersionId = 'null' }) => VersionId),
      marker_id: marker?.VersionId ?? null,
      complete: found.IsTruncated !== true,
    };
  }

  async close(): Promise<void> {
    const server = await this.#server?.catch(() => null);
    this.#server = null;
    server?.close();
  }

  get #bucket(): string {
    return this.#place.config.bucket;
  }

  async #ask<T>(ctx: Ctx, doing: string, work: Work<T>): Promise<T> {
    assertInTime(ctx.signal);
    const server = await (this.#server ??= this.#connect(ctx));
    try {
      return await server.run((client, options) => work(server.sdk, client, options), {
        bytes: this.#place.max_bytes,
        signal: ctx.signal,
      });
    } catch (error) {
      throw s3ConnectorFault(error, this.#bucket, doing);
    }
  }

  #connect(ctx: Ctx): Promise<Server> {
    const { endpoint, region, config } = this.#place;
    const { access_key_id: accessKeyId, secret_key_secret } = config;
    return Server.connect(
      { endpoint, region },
      {
        attempts_max: 1,
        ...(accessKeyId === undefined
          ? {}
          : {
              credentials: async () => ({
                accessKeyId,
                secretAccessKey: await ctx.secret(secret_key_secret!),
              }),
            }),
      },
    );
  }
}

const CONFIGURATION: Readonly<Record<string, string>> = {
  NoSuchBucket: 'there is no such bucket',
  CredentialsProviderError: 'no credentials were found',
  InvalidAccessKeyId: 'the credentials are not known there',
  SignatureDoesNotMatch: 'the secret of the credentials is wrong',
  PermanentRedirect: 'the bucket is in another region',
  AuthorizationHeaderMalformed: 'the bucket is in another region',
};

/** Errors of the SDK hold requests with their signatures: only their names go on from here. */
function s3ConnectorFault(error: unknown, bucket: string, doing: string): IndelibleError {
  if (error instanceof IndelibleError) return error;
  const status = statusOf(error);
  const name = nameOf(error);
  const fault = (code: ErrorCode, what: string) =>
    new IndelibleError(code, `${bucket}: ${what} (${doing}: ${name})`, {
      details: status === null ? {} : { status },
    });
  const wrong = CONFIGURATION[name];
  if (wrong !== undefined) return fault('CONNECTOR_CONFIG', wrong);
  if (status === 412 || name === 'ConditionalRequestConflict')
    return fault('TARGET_CHANGED', 'the object has changed since it was planned upon');
  if (status === null || status >= 500 || [408, 429].includes(status))
    return fault('CONNECTOR_UNAVAILABLE', 'no answer that tells what happened');
  return fault('TARGET_REFUSED', 'the server refuses');
}
