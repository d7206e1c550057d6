/**
 * Reading the log: which objects hold a range of it, and their lines. Several objects are on their way at a time.
 *
 * Of an object with several versions the first counts: nobody can change it, whatever was put over it.
 *
 * Errors:  those of the bucket; LEDGER_DAMAGED.
 */
import { ahead } from '../../s3/ahead.ts';
import type { Bucket } from '../../s3/bucket.ts';
import type { StoredObject } from '../../s3/object-facts.ts';
import type { LineBatch } from '../contract.ts';
import type { Commits } from './commits.ts';
import { cutLines } from './cut-lines.ts';
import { floorSlot } from './find-slots.ts';
import type { HeadTracker } from './head.ts';
import { batchFacts, type Commit } from './layout.ts';
import { RecentObjects } from './recent-objects.ts';
import { walk } from './walk.ts';

const AHEAD_MAX = 12;
const AHEAD_BYTES_MAX = 32 << 20;

export interface ReaderOptions {
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly commits: Commits;
  readonly head: HeadTracker;
}

/** An object that holds part of the range. */
interface Located {
  readonly slot: number;
  readonly key: string;
  readonly version_id: string | null;
  readonly size: number;
}

export class LogReader {
  readonly #options: ReaderOptions;
  readonly #recent = new RecentObjects();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** The lines with `from` <= seq < `stop`, none of them behind the head. */
  async *read(from: number, stop: number, head: Commit): AsyncGenerator<LineBatch> {
    const objects = ahead(
      this.#locate(from, stop, head),
      ({ key, version_id }) => this.#options.bucket.get(key, version_id),
      { count_max: AHEAD_MAX, weight_max: AHEAD_BYTES_MAX, weigh: ({ size }) => size },
    );
    for await (const { item, result } of objects) {
      const batch = result === null ? null : batchOf(result, item.slot, from, stop);
      if (batch !== null) yield batch;
    }
  }

  /** The lines with these numbers, in the order asked for. */
  async get(seqs: readonly number[], head: Commit): Promise<{ seq: number; line: Uint8Array }[]> {
    const commits = new Map<string, Commit>();
    const holders: (Commit | null)[] = [];
    for (const seq of seqs) {
      const holder = [...commits.values()].find((one) => seq >= one.first_seq && seq <= one.last_seq);
      const found = holder ?? (seq < 0 || seq > head.last_seq ? null : await this.#commitWith(seq));
      holders.push(found);
      if (found !== null) commits.set(found.key, found);
    }
    const batches = new Map<string, LineBatch | null>();
    const wanted = [...commits.values()];
    for (let at = 0; at < wanted.length; at += AHEAD_MAX) {
      const some = wanted.slice(at, at + AHEAD_MAX);
      const got = await Promise.all(some.map((commit) => this.#batch(commit)));
      for (const [i, { key }] of some.entries()) batches.set(key, got[i]!);
    }
    return seqs.flatMap((seq, i) => {
      const batch = batches.get(holders[i]?.key ?? '') ?? null;
      const at = batch === null ? -1 : seq - batch.first_seq;
      if (batch === null || at < 0 || at >= batch.ends.length) return [];
      return [{ seq, line: batch.bytes.slice(at === 0 ? 0 : batch.ends[at - 1], batch.ends[at]) }];
    });
  }

  /** The number of the first record that is stored. */
  async firstSeq(): Promise<number> {
    const { commits } = this.#options;
    const { slots } = await commits.slots(-1, 1);
    const [first] = slots;
    if (first === undefined || first > 0) return first ?? 0;
    return (await commits.at(0))?.first_seq ?? 0;
  }

  async #commitWith(seq: number): Promise<Commit | null> {
    const { commits, head } = this.#options;
    const known = head.from(seq)?.[0] ?? null;
    if (known !== null) return known;
    const slot = await floorSlot(commits, seq);
    const commit = slot === null ? null : await commits.at(slot);
    return commit === null || seq < commit.first_seq || seq > commit.last_seq ? null : commit;
  }

  async #batch({ key, version_id, slot }: Commit): Promise<LineBatch | null> {
    const object = await this.#recent.get(key, () => this.#options.bucket.get(key, version_id));
    return object === null ? null : batchOf(object, slot, 0, Number.MAX_SAFE_INTEGER);
  }

  async *#locate(from: number, stop: number, head: Commit): AsyncGenerator<Located> {
    const { commits, bucket, prefix } = this.#options;
    const known = this.#options.head.from(from);
    if (known !== null) {
      for (const { slot, first_seq, key, version_id } of known) {
        if (first_seq >= stop) return;
        yield { slot, key, version_id, size: 0 };
      }
      return;
    }
    const start = from <= 0 ? 0 : ((await floorSlot(commits, from)) ?? 0);
    for await (const found of walk({ bucket, prefix, commits, start, head_slot: head.slot })) {
      if (found.kind === 'unlisted') {
        const { slot, key, version_id } = found.commit;
        if (slot !== 0 && slot >= stop) return;
        yield { slot, key, version_id, size: 0 };
      } else if (found.kind === 'batch') {
        const { slot, named } = found;
        if (slot !== 0 && slot >= stop) return;
        const [first] = named.versions;
        yield { slot, key: named.key, version_id: first!.version_id, size: first!.size };
      }
    }
  }
}

/** The lines of an object with `from` <= seq < `stop`; null when it has none. */
function batchOf(object: StoredObject, slot: number, from: number, stop: number): LineBatch | null {
  const { bytes, metadata } = object;
  // The first batch has slot 0 also when it begins with another record.
  const first_seq = slot === 0 ? (batchFacts(metadata)?.first_seq ?? 0) : slot;
  const ends = cutLines(bytes);
  const skipped = Math.max(0, from - first_seq);
  const count = Math.min(ends.length, stop - first_seq) - skipped;
  if (count <= 0) return null;
  const start = skipped === 0 ? 0 : ends[skipped - 1]!;
  const end = ends[skipped + count - 1]!;
  return {
    first_seq: first_seq + skipped,
    bytes: bytes.subarray(start, end),
    ends: ends.subarray(skipped, skipped + count).map((one) => one - start),
  };
}
