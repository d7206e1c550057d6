/**
 * Keeps the growing tree in step with the log: fed by our own appends, catching up by reading where those are not all.
 *
 * Errors:  LEDGER_DAMAGED for a line that is none; TREE_DAMAGED where records are gone that the tree lacks.
 */
import { IndelibleError } from '@indelible/core';
import type { LineBatch, LogStore } from '../stores/contract.ts';
import type { TreeStorage } from './contract.ts';
import { KeyChain } from './key-chain.ts';
import type { WriteLeaf } from './leaf-hashes.ts';
import { lookForKeys } from './look-for-keys.ts';
import type { LogTree } from './tree.ts';

/** So many hashes (2 MiB) gather before they are written without need. */
const UNWRITTEN_USUAL = 65_536;
/** Storage that fails must not fill the memory: beyond these (32 MiB) records are left for catching up. */
const UNWRITTEN_MAX = 1_048_576;

export interface TreeFollowerOptions {
  readonly store: LogStore;
  readonly storage: TreeStorage;
  readonly writeLeaf: WriteLeaf;
  /** A record about signing keys was seen. */
  readonly onKeyRecord: (seq: number) => void;
  /** Following failed between two calls; it is tried again by the next `catchUp`. */
  readonly onFault: (error: unknown) => void;
}

export class TreeFollower {
  readonly #options: TreeFollowerOptions;
  #tree: LogTree | null = null;
  #keys = new KeyChain();
  /** Records that are known to be durable. */
  #durable = 0;
  #catching_up: Promise<void> = Promise.resolve();
  #reading = false;

  constructor(options: TreeFollowerOptions) {
    this.#options = options;
  }

  /** Continues from `size` records, or stops following with null. */
  follow(tree: LogTree | null, keys: KeyChain): void {
    this.#tree = tree;
    this.#keys = keys;
  }

  get size(): number {
    return this.#tree?.size ?? 0;
  }

  get keys(): KeyChain {
    return this.#keys;
  }

  /** The state as of now; root and size are of the same moment. */
  state(): { readonly size: number; readonly root: string } {
    const tree = this.#tree!;
    return { size: tree.size, root: tree.root() };
  }

  /** Our own writer has appended. Never throws. */
  noteAppend(batch: LineBatch): void {
    const end = batch.first_seq + batch.ends.length;
    this.#durable = Math.max(this.#durable, end);
    const tree = this.#tree;
    if (tree === null || end <= tree.size || tree.unwritten > UNWRITTEN_MAX) return;
    if (batch.first_seq > tree.size) {
      // Other processes have appended; a reading under way goes on to what is here now.
      if (!this.#reading) this.catchUp().catch(this.#options.onFault);
      return;
    }
    try {
      this.#add(tree, batch);
      if (tree.unwritten > UNWRITTEN_USUAL) tree.flush().catch(this.#options.onFault);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  /** Reads what the tree lacks of the records that are known to be durable, or of the first `size`. */
  catchUp(size = 0): Promise<void> {
    this.#durable = Math.max(this.#durable, size);
    const caught_up = this.#catching_up.then(() => this.#catchUp());
    this.#catching_up = caught_up.catch(() => {});
    return caught_up;
  }

  async #catchUp(): Promise<void> {
    this.#reading = true;
    try {
      await this.#read();
    } finally {
      this.#reading = false;
    }
  }

  async #read(): Promise<void> {
    const tree = this.#tree;
    while (tree !== null && tree.size < this.#durable) {
      const before = tree.size;
      for await (const batch of this.#options.store.read(before)) {
        // Our own appends go on meanwhile, and may have brought these already.
        if (batch.first_seq + batch.ends.length <= tree.size) continue;
        if (batch.first_seq > tree.size) throw evicted(tree.size, batch.first_seq);
        this.#add(tree, batch);
        if (tree.unwritten > UNWRITTEN_USUAL) await tree.flush();
      }
      if (tree.size === before) {
        throw new IndelibleError(
          'CHECKPOINT_FORK',
          `the log ends before record ${this.#durable - 1}, which it had`,
        );
      }
    }
  }

  /** Writes everything, so that a checkpoint of this size can be proven from the storage. */
  async flush(): Promise<void> {
    await this.#tree?.flush();
  }

  /** Makes everything durable, so that the log need not be hashed again after a crash. */
  async sync(): Promise<void> {
    await this.flush();
    await this.#options.storage.sync();
  }

  #add(tree: LogTree, batch: LineBatch): void {
    const from = tree.size - batch.first_seq;
    tree.add(batch, from);
    lookForKeys(batch, from, this.#keys, this.#options.onKeyRecord);
  }
}

function evicted(size: number, first_seq: number): IndelibleError {
  return new IndelibleError(
    'TREE_DAMAGED',
    `the tree ends at ${size}, but records before ${first_seq} were truncated: it cannot be built again`,
  );
}
