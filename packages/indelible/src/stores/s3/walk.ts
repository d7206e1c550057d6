/**
 * Walking through the batches in the bucket in order, and telling those that count from those that lost their slot.
 *
 * A batch that lost has the same slot as the one that won, or a slot that lies within a batch that won. So names alone
 * tell which batches count, but where several have the same slot: there the claim does.
 *
 * Errors:  those of listing, and of `Commits`.
 */
import type { Bucket } from '../../s3/bucket.ts';
import type { Named } from '../../s3/listing.ts';
import type { Commits } from './commits.ts';
import { type Commit, digits, parseBatchName } from './layout.ts';

/** What lies in the bucket at a place of the log. */
export type Found =
  /** A batch that counts, by the object that has it. */
  | { readonly kind: 'batch'; readonly slot: number; readonly last_seq: number | null; readonly named: Named }
  /** A batch that counts and is not listed: the server is slow to list it, or it is gone. */
  | { readonly kind: 'unlisted'; readonly commit: Commit }
  /** Nothing is known of the records between these numbers, the last one excluded. */
  | { readonly kind: 'gap'; readonly from: number; readonly to: number }
  /** A batch that lost its slot, or whose append did not come to its end. */
  | { readonly kind: 'left'; readonly slot: number; readonly named: Named }
  /** A name that is none of ours. */
  | { readonly kind: 'foreign'; readonly named: Named };

interface Group {
  readonly slot: number;
  readonly named: readonly { readonly named: Named; readonly last_seq: number | null }[];
}

export interface WalkOptions {
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly commits: Commits;
  /** The slot to begin with; it is taken, if anything is. */
  readonly start: number;
  /** The slot of the head: nothing behind it counts. -1 for an empty log. */
  readonly head_slot: number;
}

/** Everything from `start` on, in the order of names; what lies behind the head, too. */
export async function* walk({
  bucket,
  prefix,
  commits,
  start,
  head_slot,
}: WalkOptions): AsyncGenerator<Found> {
  /** The slot that comes next; null where the batch before does not tell. */
  let next: number | null = start;
  const names = bucket.names({ prefix, after: start === 0 ? prefix : `${prefix}${digits(start - 1)}~` });
  for await (const entry of groups(names, prefix)) {
    if (entry.kind === 'foreign') {
      yield entry;
      continue;
    }
    const { slot, named } = entry.group;
    if (slot <= head_slot) {
      while (next !== null && slot > next) {
        const commit = await commits.at(next);
        if (commit === null) {
          yield { kind: 'gap', from: next, to: slot };
          next = slot;
        } else {
          yield { kind: 'unlisted', commit };
          next = commit.last_seq + 1;
        }
      }
    }
    if (slot > head_slot || (next !== null && slot < next)) {
      for (const one of named) yield { kind: 'left', slot, named: one.named };
      continue;
    }
    const won = await winner(entry.group, commits);
    for (const one of named) if (one !== won) yield { kind: 'left', slot, named: one.named };
    yield { kind: 'batch', slot, last_seq: won.last_seq, named: won.named };
    next = won.last_seq === null ? null : won.last_seq + 1;
  }
  while (next !== null && next <= head_slot) {
    const commit = await commits.at(next);
    if (commit === null) {
      yield { kind: 'gap', from: next, to: head_slot };
      return;
    }
    yield { kind: 'unlisted', commit };
    next = commit.last_seq + 1;
  }
}

async function winner({ slot, named }: Group, commits: Commits): Promise<Group['named'][number]> {
  const [only, ...others] = named;
  if (others.length === 0) return only!;
  const commit = await commits.at(slot);
  return named.find((one) => one.named.key === commit?.key) ?? only!;
}

/** Names of the same slot together. */
async function* groups(
  pages: AsyncIterable<readonly Named[]>,
  prefix: string,
): AsyncGenerator<{ kind: 'foreign'; named: Named } | { kind: 'group'; group: Group }> {
  let slot = -1;
  let group: { named: Named; last_seq: number | null }[] = [];
  for await (const page of pages) {
    for (const named of page) {
      const name = parseBatchName(named.key.slice(prefix.length));
      // A name without versions is a marker of what is gone.
      if (name === null || named.versions.length === 0) {
        yield { kind: 'foreign', named };
        continue;
      }
      if (name.slot !== slot && group.length > 0) {
        yield { kind: 'group', group: { slot, named: group } };
        group = [];
      }
      slot = name.slot;
      group.push({ named, last_seq: name.last_seq });
    }
  }
  if (group.length > 0) yield { kind: 'group', group: { slot, named: group } };
}
