/** What a server says about an object. Pure. */
import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { ObjectLock } from './lock.ts';

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

/** The part of a request that names a version. */
export function versionOf(version_id: string | null): { VersionId?: string } {
  return version_id === null ? {} : { VersionId: version_id };
}

export function factsOf(answer: Pick<HeadObjectCommandOutput, FactMembers>): ObjectFacts {
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
