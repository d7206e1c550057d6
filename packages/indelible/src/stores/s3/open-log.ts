/**
 * Opens the log in a bucket, or begins one, and makes sure of what it rests on: that the server honours conditions where
 * slots are taken, that objects are locked where that is asked for, and that the head was not set back.
 *
 * Errors:  LEDGER_NOT_FOUND, LEDGER_TOO_NEW, LEDGER_URL, LEDGER_DAMAGED, STORE_NOT_WORM, STORE_WITHOUT_CONDITIONS.
 */
import { randomUUID } from 'node:crypto';
import { IndelibleError } from '@indelible/core';
import { Bucket } from '../../s3/bucket.ts';
import type { Server } from '../../s3/client.ts';
import { chooseLock, type Lock, lockMetadata, lockNow } from '../../s3/lock.ts';
import type { S3Place } from '../../s3/place.ts';
import { type Commits, HeadBucket, OneBucket } from './commits.ts';
import { HeadTracker } from './head.ts';
import {
  batchFacts,
  behind,
  formatSettings,
  parseBatchName,
  parseSettings,
  type Settings,
} from './layout.ts';

export interface OpenLogOptions {
  readonly place: S3Place;
  readonly server: Server;
  readonly read_only: boolean;
  readonly create: boolean;
  readonly clock: () => number;
}

/** Where claims are kept, when not with the records. */
export interface Heads {
  readonly bucket: Bucket;
  readonly prefix: string;
}

export interface OpenedLog {
  readonly bucket: Bucket;
  /** Of everything, ending in a slash or empty. */
  readonly prefix: string;
  readonly heads: Heads | null;
  readonly lock: Lock | null;
  readonly commits: Commits;
  readonly head: HeadTracker;
}

/** What kind of ledger it is. */
export const SETTINGS = 'ledger.json';
const JSON_TYPE = 'application/json';

export async function openLog(options: OpenLogOptions): Promise<OpenedLog> {
  const { place, server, read_only, create, clock } = options;
  const bucket = await Bucket.open(server, place.bucket);
  const asks = !read_only && place.lock.worm !== 'off';
  const [found, offered] = await Promise.all([
    readSettings(bucket, place),
    asks ? bucket.objectLock() : { enabled: false, rule: null },
  ]);
  let settings = found;
  if (settings === null && !create)
    throw new IndelibleError('LEDGER_NOT_FOUND', `there is no ledger in ${place.url}`);
  if (settings !== null && place.head_bucket !== null && place.head_bucket !== settings.head_bucket) {
    throw new IndelibleError(
      'LEDGER_URL',
      settings.head_bucket === null
        ? `${place.url} was made without a head_bucket`
        : `the head of ${place.url} is in ${settings.head_bucket}: say head_bucket=${settings.head_bucket}, or leave it out`,
    );
  }
  const lock = read_only ? null : chooseLock(place.lock, offered, place.url);
  const is_new = settings === null;
  settings ??= await begin(options, bucket, lock);
  const heads = await openHeads(server, place, settings);
  const log = { bucket, prefix: `${place.prefix}log/`, lock, clock };
  const commits =
    heads === null ? new OneBucket(log) : new HeadBucket(log, { ...heads, prefix: `${heads.prefix}head/` });
  const opened = { bucket, prefix: place.prefix, heads, lock, commits, head: new HeadTracker(commits) };
  if (!read_only && !is_new) {
    await Promise.all([
      probe(heads ?? { bucket, prefix: place.prefix }, settings),
      heads === null ? null : refuseHeadSetBack(opened, place),
    ]);
  }
  return opened;
}

async function readSettings(bucket: Bucket, { prefix, url }: S3Place): Promise<Settings | null> {
  const key = `${prefix}${SETTINGS}`;
  const first = await bucket.first(key);
  const object = first === null ? null : await bucket.get(key, first.version_id);
  return object === null ? null : parseSettings(object.bytes, `${url}/${SETTINGS}`);
}

/** Begins a log. Of several processes that do so at once, one decides what it is. */
async function begin(options: OpenLogOptions, bucket: Bucket, lock: Lock | null): Promise<Settings> {
  const { place, server, clock } = options;
  const wanted: Settings = { id: randomUUID(), head_bucket: place.head_bucket };
  const locked = lock === null ? null : lockNow(lock, clock());
  const put = {
    lock: locked,
    metadata: locked === null ? {} : lockMetadata(locked),
    content_type: JSON_TYPE,
  };
  const key = `${place.prefix}${SETTINGS}`;
  if (place.head_bucket === null) {
    await tryConditions({ bucket, prefix: place.prefix });
    await bucket.put(key, formatSettings(wanted), { ...put, if_absent: true });
  } else {
    const heads = await headsOf(server, place, place.head_bucket);
    await tryConditions(heads);
    const mark = `${heads.prefix}${SETTINGS}`;
    await heads.bucket.put(mark, formatSettings(wanted), { if_absent: true, content_type: JSON_TYPE });
    const marked = await heads.bucket.get(mark);
    if (marked === null) throw headLost(place, place.head_bucket);
    // Here the condition may go unheard: who comes second puts the same again.
    await bucket.put(key, marked.bytes, put);
  }
  const settings = await readSettings(bucket, place);
  if (settings === null)
    throw new IndelibleError('STORE_UNAVAILABLE', `${place.url}: what was put is not there`);
  return settings;
}

async function headsOf(server: Server, { bucket, prefix }: S3Place, head_bucket: string): Promise<Heads> {
  return { bucket: await Bucket.open(server, head_bucket), prefix: `${bucket}/${prefix}` };
}

async function openHeads(
  server: Server,
  place: S3Place,
  { id, head_bucket }: Settings,
): Promise<Heads | null> {
  if (head_bucket === null) return null;
  const heads = await headsOf(server, place, head_bucket);
  const mark = await heads.bucket.get(`${heads.prefix}${SETTINGS}`);
  if (mark === null) throw headLost(place, head_bucket);
  if (parseSettings(mark.bytes, `${heads.bucket.place}/${heads.prefix}${SETTINGS}`).id !== id)
    throw new IndelibleError('LEDGER_DAMAGED', `the head in ${head_bucket} is that of another ledger`);
  return heads;
}

function headLost({ url }: S3Place, head_bucket: string): IndelibleError {
  return new IndelibleError(
    'LEDGER_DAMAGED',
    `the records are in ${url}, and their head in ${head_bucket} is gone; nothing may be appended until it is restored`,
  );
}

/** Whether a bucket honours conditions, tried with an object of its own. */
async function tryConditions({ bucket, prefix }: Heads): Promise<void> {
  const key = `${prefix}probe/${randomUUID()}`;
  const nothing = new Uint8Array();
  const versions = [];
  try {
    for (let i = 0; i < 2; i++) {
      const put = await bucket.put(key, nothing, { if_absent: true });
      if (put !== false) versions.push(put.version_id);
    }
  } finally {
    // Without the right to remove, two empty objects stay behind.
    for (const version of versions) await bucket.remove(key, version).catch(() => false);
  }
  if (versions.length > 1) throw conditionsIgnored(bucket);
}

/** The same on each opening, with the object that is there anyway. */
async function probe({ bucket, prefix }: Heads, settings: Settings): Promise<void> {
  // Behind a delete marker the first attempt may succeed; it leaves the same content, which the second one meets.
  for (let i = 0; i < 2; i++) {
    const put = await bucket.put(`${prefix}${SETTINGS}`, formatSettings(settings), {
      if_absent: true,
      content_type: JSON_TYPE,
    });
    if (put === false) return;
  }
  throw conditionsIgnored(bucket);
}

function conditionsIgnored({ place, versioned }: Bucket): IndelibleError {
  const why = versioned ? ', as some servers do in buckets that keep versions' : '';
  return new IndelibleError(
    'STORE_WITHOUT_CONDITIONS',
    `${place}: the server ignores conditions on writes${why}, so that two writers could not be kept apart`,
  );
}

/** A writer says with each batch what it knew to be durable. Where the head is before that, somebody set it back. */
async function refuseHeadSetBack({ bucket, prefix, head }: OpenedLog, { url }: S3Place): Promise<void> {
  const last = (await head.fresh())?.last_seq ?? -1;
  const log = `${prefix}log/`;
  for await (const names of bucket.names({ prefix: log, after: behind(log, last) })) {
    for (const { key, versions } of names) {
      const [first] = versions;
      if (first === undefined || parseBatchName(key.slice(log.length)) === null) continue;
      const facts = await bucket.head(key, first.version_id);
      const confirmed = facts === null ? -1 : (batchFacts(facts.metadata)?.confirmed_seq ?? -1);
      if (confirmed > Math.max(last, (await head.fresh())?.last_seq ?? -1)) {
        throw new IndelibleError(
          'LEDGER_DAMAGED',
          `the head of ${url} is at record ${last}, but record ${confirmed} was durable: the head was set back`,
        );
      }
    }
  }
}
