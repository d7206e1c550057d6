/**
 * Carries what was signed: the tree's hashes, then the checkpoints over records that the copy has.
 *
 * A copy without them could sign again only from nothing: nobody could tell whether it continues what was shown before.
 * The hashes are derived from the records, except where those were truncated.
 *
 * Errors:  CHECKPOINT_FORK when the copy has another checkpoint of the same size; those of both.
 */
import { TILE_WIDTH } from '@indelible/core';
import type { PublishedCheckpoint, TreeStorage } from '../transparency/contract.ts';
import type { KeptProofs } from './types.ts';

const CHECKPOINTS_AT_ONCE = 512;
const HASHES_AT_ONCE = 8192;
const HASH_BYTES = 32;
/** Witnesses may cosign a checkpoint when newer ones are there already: so many are looked at again. */
const LOOKED_AT_AGAIN = 64;

type Carried = { readonly checkpoint: PublishedCheckpoint; readonly published: boolean };

export class ProofCarrier {
  readonly #from: KeptProofs;
  readonly #to: KeptProofs;
  /** Sizes of the last checkpoints, oldest first. */
  #recent: number[] = [];

  constructor(from: KeptProofs, to: KeptProofs) {
    this.#from = from;
    this.#to = to;
  }

  /** Records under the newest checkpoint that both have; 0 before the first. */
  get size(): number {
    return this.#recent.at(-1) ?? 0;
  }

  /** Whether checkpoints over at most `records` records wait to be carried. */
  async isBehind(records: number): Promise<boolean> {
    const newest = await this.#from.history.newest();
    return newest !== null && newest.size > this.size && newest.size <= records;
  }

  /** Carries checkpoints over at most `records` records; how many of them are new or got more signatures. */
  async carry(records: number, signal?: AbortSignal): Promise<number> {
    let carried = 0;
    let group: Carried[] = [];
    const flush = async (): Promise<void> => {
      carried += await this.#keep(group);
      group = [];
    };
    for await (const one of this.#checkpoints(this.#recent[0] ?? 1, records)) {
      signal?.throwIfAborted();
      group.push(one);
      if (group.length >= CHECKPOINTS_AT_ONCE) await flush();
    }
    await flush();
    await this.#carryRest();
    return carried;
  }

  async *#checkpoints(from_size: number, records: number): AsyncGenerator<Carried> {
    const { history } = this.#from;
    let last = from_size - 1;
    for (;;) {
      const checkpoint = await history.atLeast(last + 1);
      if (checkpoint === null || checkpoint.size > records) break;
      yield { checkpoint, published: true };
      last = checkpoint.size;
    }
    // Signed, and withheld until witnesses have cosigned it.
    const newest = await history.newestSigned();
    if (newest !== null && newest.size > last && newest.size <= records)
      yield { checkpoint: newest, published: false };
  }

  async #keep(group: readonly Carried[]): Promise<number> {
    if (group.length === 0) return 0;
    const fresh: Carried[] = [];
    for (const one of group) if (!(await this.#has(one))) fresh.push(one);
    const size = group.at(-1)!.checkpoint.size;
    if (fresh.length > 0) {
      // Before a checkpoint is there, the tree under it is.
      await carryTree(this.#from.tree, this.#to.tree, size);
      await this.#to.history.addEarlier(fresh);
      await this.#to.history.noteTreeSynced(size);
    }
    this.#recent = [...this.#recent.filter((known) => known < group[0]!.checkpoint.size)]
      .concat(group.map(({ checkpoint }) => checkpoint.size))
      .slice(-LOOKED_AT_AGAIN);
    return fresh.length;
  }

  async #has({ checkpoint, published }: Carried): Promise<boolean> {
    const { history } = this.#to;
    const there = published ? await history.atLeast(checkpoint.size) : await history.newestSigned();
    return there?.size === checkpoint.size && there.note === checkpoint.note;
  }

  /** Where the log speaks of its keys, and whether checkpoints are withheld. */
  async #carryRest(): Promise<void> {
    const known = new Set(await this.#to.history.keyRecords());
    for (const seq of await this.#from.history.keyRecords())
      if (!known.has(seq) && seq < this.size) await this.#to.history.noteKeyRecord(seq);
    const withheld = await this.#from.history.withheld();
    if (withheld !== (await this.#to.history.withheld())) await this.#to.history.setWithheld(withheld);
  }
}

/** Brings the hashes of the tree over `size` records; as far as there are any: the copy can make them from its records. */
async function carryTree(from: TreeStorage, to: TreeStorage, size: number): Promise<void> {
  for (let level = 0, width = size; width > 0; width = Math.floor(size / TILE_WIDTH ** ++level)) {
    let at = Math.min(await to.width(level), width);
    while (at < width) {
      const hashes = await from.read(level, at, Math.min(width - at, HASHES_AT_ONCE));
      if (hashes.length === 0) break;
      await to.write(level, at, hashes);
      at += hashes.length / HASH_BYTES;
    }
  }
  await to.sync();
}
