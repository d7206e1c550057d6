/**
 * Object Lock: what is asked for when an object is put, and whether that is still what the server says.
 *
 * What was set stands in the object's metadata, too. Metadata is part of a version and cannot be changed without making
 * another one, so that a retention that was shortened later is told from one that was never longer.
 *
 * Source:  Amazon S3 API reference, "Object Lock".
 * Pure:    no I/O, no clock.
 */
import { IndelibleError } from '@indelible/core';
import type { LockMode, LockWish } from './place.ts';

const DAY_MS = 86_400_000;
/** Servers keep whole seconds. */
const SLACK_MS = 1000;

/** What a bucket offers. */
export interface BucketLock {
  readonly enabled: boolean;
  /** The rule for objects that say nothing. */
  readonly rule: { readonly mode: LockMode; readonly days: number } | null;
}

/** What every object gets. */
export interface Lock {
  readonly retention: { readonly mode: LockMode; readonly days: number } | null;
  readonly legal_hold: boolean;
}

/** A lock as it is set on one object, or as a server says that it is. */
export interface ObjectLock {
  readonly mode: string | null;
  /** Milliseconds since 1970. */
  readonly retain_until: number | null;
  readonly legal_hold: boolean;
}

/** The lock for objects in this bucket; null for none. Raises STORE_NOT_WORM when one is required and not to be had. */
export function chooseLock(wish: LockWish, bucket: BucketLock, place: string): Lock | null {
  if (wish.worm === 'off') return null;
  const retention = wish.retention ?? bucket.rule;
  const wanted = retention !== null || wish.legal_hold;
  if (bucket.enabled && wanted) return { retention, legal_hold: wish.legal_hold };
  if (wish.worm === 'preferred') return null;
  throw new IndelibleError(
    'STORE_NOT_WORM',
    bucket.enabled
      ? `${place}: the bucket has Object Lock, but nothing says how long objects are to be kept: add retention_days=…, legal_hold=true, or a default rule to the bucket`
      : `${place}: the bucket has no Object Lock, which must be chosen when a bucket is made; worm=preferred or worm=off does without`,
  );
}

/** The lock of an object that is put now. */
export function lockNow({ retention, legal_hold }: Lock, now: number): ObjectLock {
  return {
    mode: retention?.mode ?? null,
    retain_until: retention === null ? null : Math.floor((now + retention.days * DAY_MS) / 1000) * 1000,
    legal_hold,
  };
}

/** As metadata of the object. */
export function lockMetadata({ mode, retain_until, legal_hold }: ObjectLock): Record<string, string> {
  return {
    ...(mode === null || retain_until === null
      ? {}
      : { 'lock-mode': mode, 'retain-until': new Date(retain_until).toISOString() }),
    ...(legal_hold ? { 'legal-hold': 'on' } : {}),
  };
}

/** What was set, from the object's metadata; null when nothing was. */
export function lockThatWasSet(metadata: Readonly<Record<string, string>>): ObjectLock | null {
  const mode = metadata['lock-mode'] ?? null;
  const until = metadata['retain-until'] === undefined ? Number.NaN : Date.parse(metadata['retain-until']);
  const legal_hold = metadata['legal-hold'] === 'on';
  if (mode === null && !legal_hold) return null;
  return { mode, retain_until: Number.isNaN(until) ? null : until, legal_hold };
}

/** What is less than what was set: null when nothing is. */
export function weakened(set: ObjectLock, found: ObjectLock, now: number): string | null {
  if (set.retain_until !== null && set.retain_until > now) {
    const until = new Date(set.retain_until).toISOString();
    if (found.retain_until === null) return `was to be retained until ${until} and has no retention`;
    if (found.retain_until < set.retain_until - SLACK_MS)
      return `was to be retained until ${until}, which was shortened to ${new Date(found.retain_until).toISOString()}`;
    if (set.mode === 'COMPLIANCE' && found.mode !== 'COMPLIANCE')
      return `was retained in mode COMPLIANCE, which was weakened to ${found.mode}`;
  }
  return null;
}

/** Whether a hold that was set is there no more: somebody lifted it, as somebody may. */
export function isHoldLifted(set: ObjectLock, found: ObjectLock): boolean {
  return set.legal_hold && !found.legal_hold;
}
