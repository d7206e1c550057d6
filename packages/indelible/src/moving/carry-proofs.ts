/**
 * Carries what was signed: the tree's hashes, then the checkpoints over records that the copy has.
 *
 * A copy without them could sign again only from nothing: nobody could tell whether it continues what was shown before.
 *
 * Errors:  CHECKPOINT_OTHER_LOG, CHECKPOINT_FORK when what was signed beside the copy is not of this log; those of
 *          carrying the tree, and of both.
 */
import type { PublishedCheckpoint } from '../transparency/contract.ts';
import { carryTree } from './carry-tree.ts';
import { mustBeSignedGround } from './signed-ground.ts';
import type { CopySource, CopyTarget, KeptProofs, SourceProofs } from './types.ts';

const CHECKPOINTS_AT_ONCE = 512;
/** Witnesses may cosign a checkpoint when newer ones are there already: so many are looked at again. */
const LOOKED_AT_AGAIN = 64;

type Carried = { readonly checkpoint: PublishedCheckpoint; readonly published: boolean };

export class ProofCarrier {
  readonly #from: SourceProofs;
  readonly #to: KeptProofs;
  readonly #log: CopySource['store'];
  readonly #copy: CopyTarget['store'];
  /** Sizes of the last checkpoints, oldest first. */
  #recent: number[] = [];
  #is_ground = false;

  /** Null while there is nothing to carry, or no place for it. `whole`: compares also what was carried before. */
  static async open(from: CopySource, to: CopyTarget, whole: boolean): Promise<ProofCarrier | null> {
    const ours = await from.openProofs();
    const theirs = ours === null ? null : await to.openProofs();
    if (ours === null || theirs === null) return null;
    const carrier = new ProofCarrier(ours, theirs, from.store, to.store);
    if (!whole) carrier.#recent = await theirs.history.newestSizes(LOOKED_AT_AGAIN);
    return carrier;
  }

  private constructor(
    from: SourceProofs,
    to: KeptProofs,
    log: CopySource['store'],
    copy: CopyTarget['store'],
  ) {
    this.#from = from;
    this.#to = to;
    this.#log = log;
    this.#copy = copy;
  }

  /** Before anything is written: raises when what was signed beside the copy is not of this log. */
  async mustFit(ledger: string): Promise<void> {
    if (this.#is_ground) return;
    const [from, to, log, place] = [this.#from, this.#to, this.#log, this.#copy.url];
    await mustBeSignedGround({ ledger, log, from, to, place });
    this.#is_ground = true;
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
    const newest = group.at(-1)!.checkpoint;
    if (fresh.length > 0) {
      // Before a checkpoint is there, the tree under it is.
      await carryTree(this.#from, this.#to, this.#copy, newest);
      await this.#to.history.addEarlier(fresh);
      await this.#to.history.noteTreeSynced(newest.size);
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
