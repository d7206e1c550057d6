/**
 * How a batch becomes part of the log: of all who want the same slot, exactly one gets it.
 *
 * An object is only put if none has its name. Where the bucket of the records honours that condition, the batch itself
 * is put so: one request, and where versions are kept another, which looks whether it became the first. Where it does
 * not, as some servers in buckets that keep versions, the batch goes there under a name of its own, and a small claim in
 * another bucket decides (two requests, of which the first may run ahead).
 *
 * Errors:  those of faults.ts; LEDGER_DAMAGED for an object that does not have its form.
 */
import { randomBytes } from 'node:crypto';
import { IndelibleError } from '@indelible/core';
import type { Bucket } from '../../s3/bucket.ts';
import { type Lock, lockMetadata, lockNow } from '../../s3/lock.ts';
import {
  batchFacts,
  batchMetadata,
  type Commit,
  claimedKey,
  digits,
  formatClaim,
  parseClaim,
} from './layout.ts';
import { listedSlots } from './listed-slots.ts';

/** A batch that wants a slot. */
export interface Candidate {
  readonly slot: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly hash: string;
  readonly bytes: Uint8Array;
  /** The last record known to be durable when it was put. */
  readonly confirmed_seq: number;
}

/** A batch that lies in the bucket, or can be put there, and has not got its slot yet. */
export interface Prepared {
  readonly nonce: string;
  /** Takes the slot; null when somebody else has it. */
  claim(): Promise<Commit | null>;
}

export interface Commits {
  /** How many batches may be prepared at once. */
  readonly in_flight: number;
  /** The batch that has the slot; null when none has. Always fresh. */
  at(slot: number): Promise<Commit | null>;
  /** The first `count` slots behind `after` that are taken, and whether there are more; fewer only when there are not. */
  slots(after: number, count: number): Promise<{ readonly slots: readonly number[]; readonly more: boolean }>;
  prepare(candidate: Candidate): Promise<Prepared>;
}

/** What is put, and how. */
export interface BatchPlace {
  readonly bucket: Bucket;
  /** Of the batches, ending in `log/`. */
  readonly prefix: string;
  readonly lock: Lock | null;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

const CONTENT_TYPE = 'application/x-ndjson';
const newNonce = (): string => randomBytes(8).toString('hex');

function put(
  { bucket, lock, clock }: BatchPlace,
  key: string,
  candidate: Candidate,
  nonce: string,
  if_absent: boolean,
): ReturnType<Bucket['put']> {
  const locked = lock === null ? null : lockNow(lock, clock());
  const metadata = {
    ...batchMetadata({ ...candidate, nonce }),
    ...(locked === null ? {} : lockMetadata(locked)),
  };
  return bucket.put(key, candidate.bytes, { if_absent, lock: locked, metadata, content_type: CONTENT_TYPE });
}

/** Without the bytes: commits are kept in memory. */
function commitOf(
  { slot, first_seq, last_seq, hash }: Candidate,
  key: string,
  version_id: string | null,
  nonce: string,
): Commit {
  return { slot, first_seq, last_seq, hash, key, version_id, nonce };
}

/** The batches themselves take the slots: of several versions of a name, the first has it. */
export class OneBucket implements Commits {
  readonly in_flight = 1;
  readonly #place: BatchPlace;

  constructor(place: BatchPlace) {
    this.#place = place;
  }

  async at(slot: number): Promise<Commit | null> {
    const { bucket, prefix } = this.#place;
    const key = `${prefix}${digits(slot)}`;
    // A delete marker hides a batch from who asks for the newest version; it has its slot all the same.
    const first = bucket.versioned ? await bucket.first(key) : null;
    if (bucket.versioned && first === null) return null;
    const found = await bucket.head(key, first?.version_id);
    if (found === null && first === null) return null;
    const facts = batchFacts(found?.metadata ?? {});
    if (facts === null || (slot !== 0 && facts.first_seq !== slot))
      throw new IndelibleError('LEDGER_DAMAGED', `${bucket.place}/${key} is no batch of ours`);
    const { first_seq, last_seq, hash, nonce } = facts;
    return { slot, first_seq, last_seq, hash, key, version_id: first?.version_id ?? null, nonce };
  }

  slots(after: number, count: number): ReturnType<Commits['slots']> {
    return listedSlots(this.#place.bucket, this.#place.prefix, after, count);
  }

  async prepare(candidate: Candidate): Promise<Prepared> {
    const key = `${this.#place.prefix}${digits(candidate.slot)}`;
    const nonce = newNonce();
    return {
      nonce,
      claim: async () => {
        const done = await put(this.#place, key, candidate, nonce, true);
        if (done === false || !(await this.#isFirst(key, done.version_id))) return null;
        return commitOf(candidate, key, done.version_id, nonce);
      },
    };
  }

  /** A server that takes a delete marker for an absence lets a second batch into a slot that is taken. */
  async #isFirst(key: string, version_id: string | null): Promise<boolean> {
    const { bucket } = this.#place;
    if (!bucket.versioned) return true;
    const first = await bucket.first(key);
    // What was put may yet turn out to have the slot: the next append looks.
    if (first === null)
      throw new IndelibleError('STORE_UNAVAILABLE', `${bucket.place}: what was put as ${key} is not there`);
    return first.version_id === (version_id ?? 'null');
  }
}

/** Claims in another bucket take the slots. */
export class HeadBucket implements Commits {
  readonly in_flight = 2;
  readonly #place: BatchPlace;
  readonly #heads: { readonly bucket: Bucket; readonly prefix: string };

  constructor(place: BatchPlace, heads: { readonly bucket: Bucket; readonly prefix: string }) {
    this.#place = place;
    this.#heads = heads;
  }

  async at(slot: number): Promise<Commit | null> {
    const { bucket, prefix } = this.#heads;
    const key = `${prefix}${digits(slot)}`;
    const claim = await bucket.get(key);
    if (claim === null) return null;
    return parseClaim(claim.bytes, slot, `${bucket.place}/${key}`, this.#place.prefix);
  }

  slots(after: number, count: number): ReturnType<Commits['slots']> {
    return listedSlots(this.#heads.bucket, this.#heads.prefix, after, count);
  }

  async prepare(candidate: Candidate): Promise<Prepared> {
    const { slot, last_seq } = candidate;
    const nonce = newNonce();
    const key = claimedKey(this.#place.prefix, slot, last_seq, nonce);
    const done = await put(this.#place, key, candidate, nonce, false);
    const version_id = done === false ? null : done.version_id;
    const { bucket, prefix } = this.#heads;
    return {
      nonce,
      claim: async () => {
        const commit = commitOf(candidate, key, version_id, nonce);
        const won = await bucket.put(`${prefix}${digits(slot)}`, formatClaim(commit), {
          if_absent: true,
          content_type: 'application/json',
        });
        return won === false ? null : commit;
      },
    };
  }
}
