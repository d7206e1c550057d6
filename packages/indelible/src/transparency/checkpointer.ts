/**
 * Signs checkpoints: after appends, at most one in each interval, the first at once, a last one on closing.
 *
 * Before a checkpoint is kept, the records under it are durable; before it is published, it is kept. The tree beside is
 * derived from the records: it is made durable now and then, since syncing it takes time from the log on the same disk
 * (stored-state.ts hashes the rest again after a crash). Nothing here ever delays or fails an append.
 *
 * Errors:  CHECKPOINT_FORK stops signing until the ledger is opened again; every other fault is shown and tried again.
 */
import { formatCheckpoint, IndelibleError, isIndelibleError } from '@indelible/core';
import type { LedgerLog } from '../ledger/types.ts';
import type { CheckpointHistory, Cosigner, PublishedCheckpoint, TreeStorage } from './contract.ts';
import { Cosigning } from './cosigning.ts';
import { type SigningKeys, signNote } from './signing-keys.ts';
import { storedRoot } from './stored-tree.ts';
import type { Timers } from './timers.ts';
import type { TreeFollower } from './tree-follower.ts';

const RETRY_MS_MAX = 60_000;
/** How much signing lies between two syncs of the tree: so much may have to be hashed again after a crash. */
const TREE_SYNC_MS = 10_000;

export interface CheckpointerOptions {
  readonly origin: string;
  readonly follower: TreeFollower;
  readonly storage: TreeStorage;
  readonly history: CheckpointHistory;
  readonly keys: SigningKeys;
  readonly interval_ms: number;
  readonly timers: Timers;
  readonly log: LedgerLog;
  readonly cosigner: Cosigner | null;
  /** A checkpoint was published, or found to be. */
  readonly onPublished: (size: number) => void;
}

export interface Fault {
  readonly code: string;
  readonly message: string;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #cosigning: Cosigning | null;
  #running: Promise<void> | null = null;
  /** Something was appended since the last run began. */
  #due = false;
  #started_at = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #cancel: (() => void) | null = null;
  #fault: Fault | null = null;
  /** Nothing is signed any more. */
  #stopped = false;
  #signed_size = 0;
  #published_size = 0;
  #synced_at: number;
  /** Publish only what witnesses have cosigned. */
  #withhold = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#synced_at = options.timers.now();
    this.#cosigning =
      options.cosigner === null
        ? null
        : new Cosigning({
            cosigner: options.cosigner,
            storage: options.storage,
            history: options.history,
            onCosigned: (size, meets_policy) => {
              if (meets_policy || !this.#withhold) this.#published(size);
            },
          });
  }

  get fault(): Fault | null {
    return this.#fault ?? this.#cosigning?.fault ?? null;
  }
  get signed_size(): number {
    return this.#signed_size;
  }
  get published_size(): number {
    return this.#published_size;
  }

  /** Takes note of what was signed before this process. */
  start(signed_size: number, published_size: number, withhold: boolean): void {
    this.#withhold = withhold;
    this.#signed_size = signed_size;
    this.#published_size = published_size;
  }

  /** Records were appended: sees to it that a checkpoint follows. Never throws. */
  note(): void {
    this.#due = true;
    this.#schedule();
  }

  /** Shows a fault; one that is final stops signing. */
  fail(error: unknown): void {
    const code = isIndelibleError(error) ? error.code : 'INTERNAL';
    const message = error instanceof Error ? error.message : String(error);
    const is_final = code === 'CHECKPOINT_FORK' || code === 'TREE_DAMAGED';
    if (this.#fault?.code !== code) {
      this.#options.log.error(
        { ledger: this.#options.origin, code, error: message },
        is_final
          ? 'no checkpoints are signed any more; recording goes on'
          : 'signing a checkpoint failed; recording goes on, it is tried again',
      );
    }
    this.#fault = { code, message };
    this.#stopped ||= is_final;
  }

  /** Signs what the tree has now, unless that is signed already. Rejects with what keeps it from doing so. */
  async now(): Promise<void> {
    while (this.#running !== null) await this.#running;
    this.#cancelTimer();
    await this.#start(true);
  }

  /** A last checkpoint, and the end of it all. Never rejects. */
  async close(): Promise<void> {
    this.#cancelTimer();
    while (this.#running !== null) await this.#running;
    if (!this.#stopped && this.#options.keys.any) {
      await this.#start(false);
      while (this.#running !== null) await this.#running;
      await this.#syncTree().catch((error: unknown) => this.fail(error));
    }
    this.#stopped = true;
    this.#cancelTimer();
    await this.#cosigning?.close();
  }

  /** Records below `keep_from` are about to go, and cannot be hashed again: the tree over them must be there to resume. */
  async outlive(keep_from: number): Promise<void> {
    if (!this.#options.keys.any) return;
    if (this.#signed_size < keep_from) await this.now();
    await this.#syncTree();
  }

  /** Makes the tree under the newest checkpoint durable, so that resuming needs no record below it. */
  async #syncTree(): Promise<void> {
    const { follower, history } = this.#options;
    const size = this.#signed_size;
    if (size === ((await history.newestSynced())?.size ?? 0)) return;
    await follower.sync();
    await history.noteTreeSynced(size);
  }

  #schedule(): void {
    if (
      !this.#due ||
      this.#stopped ||
      !this.#options.keys.any ||
      this.#running !== null ||
      this.#cancel !== null
    )
      return;
    const { timers, interval_ms } = this.#options;
    const pause = Math.min(interval_ms * 2 ** this.#failures, Math.max(RETRY_MS_MAX, interval_ms));
    // The clock may have been set back: no wait is longer than the pause.
    const wait = Math.min(pause, Math.max(0, this.#started_at + pause - timers.now()));
    this.#cancel = timers.after(wait, () => {
      this.#cancel = null;
      void this.#start(false);
    });
  }

  #cancelTimer(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** One run at a time; the caller has made sure of that. */
  #start(raise: boolean): Promise<void> {
    this.#due = false;
    this.#started_at = this.#options.timers.now();
    const run = this.#checkpoint().then(
      () => {
        this.#failures = 0;
        if (this.#fault !== null)
          this.#options.log.warn({ ledger: this.#options.origin }, 'signing works again');
        this.#fault = null;
      },
      (error: unknown) => {
        this.#failures = Math.min(this.#failures + 1, 16);
        this.#due = true;
        this.fail(error);
        if (raise) throw error;
      },
    );
    this.#running = run
      .catch(() => {})
      .finally(() => {
        this.#running = null;
        this.#schedule();
      });
    return run;
  }

  async #checkpoint(): Promise<void> {
    if (this.#stopped)
      throw new IndelibleError('CHECKPOINT_FORK', this.#fault?.message ?? 'signing has stopped');
    const { follower, history, keys, origin, timers } = this.#options;
    await follower.catchUp();
    const newest = await history.newestSigned();
    if (newest !== null && newest.size !== this.#signed_size) await this.#adopt(newest);
    const { size, root } = follower.state();
    if (newest !== null && newest.size >= size) return this.#again(newest, size, root);
    if (size === 0) return;
    const signers = keys.signers(follower.keys, newest?.size ?? 0);
    const tree_synced = await this.#writeTree();
    const text = formatCheckpoint({ origin, size, root, extensions: [] });
    const note = await signNote(text, signers);
    const checkpoint = { size, root, note, signed_at: timers.now() };
    const withheld = this.#withhold;
    await this.#keep(checkpoint, !withheld, tree_synced);
    this.#signed_size = Math.max(this.#signed_size, size);
    if (!withheld) this.#published(size);
    await this.#cosign(checkpoint, withheld);
  }

  /** Whether the tree is durable now, and not only written. */
  async #writeTree(): Promise<boolean> {
    const { follower, timers } = this.#options;
    const is_due = Math.abs(timers.now() - this.#synced_at) >= TREE_SYNC_MS;
    if (!is_due) await follower.flush();
    else {
      await follower.sync();
      this.#synced_at = timers.now();
    }
    return is_due;
  }

  /** Waits for witnesses only where publishing waits for them. */
  async #cosign(checkpoint: PublishedCheckpoint, withheld: boolean): Promise<void> {
    const cosigned = this.#cosigning?.cosign(checkpoint, withheld);
    if (!withheld) return;
    await cosigned;
    const fault = this.#cosigning?.fault ?? null;
    if (fault !== null) throw new IndelibleError('WITNESSES_MISSING', fault.message);
  }

  /** Keeps a checkpoint, unless another process was faster with a longer one. */
  async #keep(checkpoint: PublishedCheckpoint, publish: boolean, tree_synced: boolean): Promise<void> {
    const { history } = this.#options;
    try {
      await history.add(checkpoint, publish, tree_synced);
    } catch (error) {
      const newest = await history.newestSigned();
      if (!isIndelibleError(error, 'CHECKPOINT_FORK') || newest === null || newest.size <= checkpoint.size)
        throw error;
      await this.#adopt(newest);
    }
  }

  /** Another process has signed: our tree must agree. */
  async #adopt({ size, root }: PublishedCheckpoint): Promise<void> {
    const { follower, storage } = this.#options;
    await follower.catchUp(size);
    await follower.flush();
    const ours = await storedRoot(storage, size);
    if (ours !== root) {
      throw new IndelibleError(
        'CHECKPOINT_FORK',
        `a checkpoint of ${size} records was signed whose root is not that of this log`,
        { details: { size, root, log_root: ours } },
      );
    }
    this.#signed_size = size;
  }

  /** The newest covers everything: only what was withheld is left to do. */
  async #again(newest: PublishedCheckpoint, size: number, root: string): Promise<void> {
    if (newest.size === size && newest.root !== root) {
      throw new IndelibleError(
        'CHECKPOINT_FORK',
        `a checkpoint of ${size} records was signed with another root`,
      );
    }
    this.#signed_size = newest.size;
    const published = await this.#options.history.newest();
    if (published !== null) this.#published(published.size);
    if (published?.size === newest.size) return;
    if (this.#withhold) return this.#cosign(newest, true);
    // It was withheld, which is no longer asked for.
    await this.#options.history.add(newest, true);
    this.#published(newest.size);
  }

  #published(size: number): void {
    this.#published_size = Math.max(this.#published_size, size);
    this.#options.onPublished(this.#published_size);
  }
}
