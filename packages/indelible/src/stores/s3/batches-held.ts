/** Which objects hold a range of the log, as a manifest states it: how many, and a digest of their names. */
import { createHash, type Hash } from 'node:crypto';
import type { OpenedLog } from './open-log.ts';
import { walk } from './walk.ts';

export interface BatchesHeld {
  readonly count: number;
  /** SHA-256 over a line for each: `<key> <version>\n`, the key without the place's prefix. */
  readonly sha256: string;
}

/** Gathers batches, in the order of their slots. */
export class BatchDigest {
  readonly #hash: Hash = createHash('sha256');
  #count = 0;

  add(name: string, version_id: string | null): void {
    this.#hash.update(`${name} ${version_id ?? '-'}\n`);
    this.#count++;
  }

  held(): BatchesHeld {
    return { count: this.#count, sha256: this.#hash.copy().digest('hex') };
  }
}

/** Of the batches whose slot lies in [from, to). */
export async function batchesHeld(log: OpenedLog, from: number, to: number): Promise<BatchesHeld> {
  const { bucket, prefix, commits, head } = log;
  const digest = new BatchDigest();
  const last = await head.fresh();
  const start = from <= 0 ? 0 : ((await commits.slots(from - 1, 1)).slots[0] ?? null);
  if (last === null || start === null) return digest.held();
  for await (const found of walk({ bucket, prefix: `${prefix}log/`, commits, start, head_slot: last.slot })) {
    if (found.kind === 'unlisted') {
      const { slot, key, version_id } = found.commit;
      if (slot >= to) break;
      digest.add(key.slice(prefix.length), version_id);
    } else if (found.kind === 'batch') {
      if (found.slot >= to) break;
      digest.add(found.named.key.slice(prefix.length), found.named.versions[0]!.version_id);
    }
  }
  return digest.held();
}
