/**
 * A ledger's transparency: follows the log, signs checkpoints, gives proofs.
 *
 * Opening for writing without a signer keeps a tree that is there growing, and signs nothing. Opening for reading
 * writes nothing.
 *
 * Errors:  SIGNER_REFUSED at opening for a key that the log does not know as its own; SIGNER_MISSING; those of the
 *          parts. A log that is not what was signed opens all the same: the fault CHECKPOINT_FORK shows it.
 */
import { IndelibleError, isIndelibleError, type NoteSigner, type Receipt } from '@indelible/core';
import type { LedgerLog, LedgerWriter } from '../ledger/types.ts';
import type { LineBatch } from '../stores/contract.ts';
import { Checkpointer } from './checkpointer.ts';
import type {
  CheckpointHistory,
  Cosigner,
  LogFollower,
  PublishedCheckpoint,
  Transparency,
  TreeStorage,
} from './contract.ts';
import { KeyChain } from './key-chain.ts';
import { announcedEvent, rotatedEvent } from './key-records.ts';
import { writeKeyedLeaf, writePlainLeaf } from './leaf-hashes.ts';
import { Proofs } from './proofs.ts';
import { SigningKeys } from './signing-keys.ts';
import { knownKeys, resumeState } from './stored-state.ts';
import { SYSTEM_TIMERS, type Timers } from './timers.ts';
import { TreeFollower } from './tree-follower.ts';
import { Waiting } from './waiting.ts';

export const CHECKPOINT_INTERVAL_MS = 1000;
/** How often a process that does not sign looks for what another has signed. */
const LOOK_MS = 200;

export interface TransparencyOptions {
  readonly ledger: LedgerWriter;
  /** Whether the ledger's records are hashed with a key. */
  readonly keyed: boolean;
  readonly storage: TreeStorage;
  readonly history: CheckpointHistory;
  readonly log: LedgerLog;
  readonly signer?: NoteSigner;
  readonly interval_ms?: number;
  readonly timers?: Timers;
  readonly cosigner?: Cosigner;
  /** Publish a checkpoint only when enough witnesses have cosigned it. */
  readonly withhold_until_policy?: boolean;
}

export class LedgerTransparency extends Proofs implements Transparency, LogFollower {
  readonly #options: TransparencyOptions;
  readonly #follower: TreeFollower;
  readonly #checkpointer: Checkpointer;
  readonly #keys: SigningKeys;
  readonly #timers: Timers;
  readonly #waiting = new Waiting();
  readonly #state: Parameters<typeof resumeState>[0];
  #stop_looking: (() => void) | null = null;
  #fault: { readonly code: string; readonly message: string } | null = null;
  #closed = false;

  constructor(options: TransparencyOptions) {
    const { ledger, storage, history, log, keyed } = options;
    const origin = ledger.name;
    const { store } = ledger;
    const writeLeaf = keyed ? writeKeyedLeaf : writePlainLeaf;
    const follower = new TreeFollower({
      store,
      storage,
      writeLeaf,
      onKeyRecord: (seq) => void history.noteKeyRecord(seq).catch((error: unknown) => this.#noteFault(error)),
      onFault: (error) => this.#noteFault(error),
    });
    super({ origin, store, storage, history, verifierKeys: () => follower.keys.keys });
    this.#options = options;
    this.#follower = follower;
    this.#state = { store, storage, history, writeLeaf, log };
    this.#timers = options.timers ?? SYSTEM_TIMERS;
    this.#keys = new SigningKeys(origin, options.signer ?? null);
    this.#checkpointer = new Checkpointer({
      origin,
      follower,
      storage,
      history,
      keys: this.#keys,
      interval_ms: options.interval_ms ?? CHECKPOINT_INTERVAL_MS,
      timers: this.#timers,
      log,
      cosigner: options.cosigner ?? null,
      onPublished: (size) => this.#waiting.published(size),
    });
  }

  get transparency(): Transparency {
    return this;
  }

  get fault(): Transparency['fault'] {
    return this.#checkpointer.fault ?? this.#fault;
  }
  get tree_size(): number {
    return this.#follower.size;
  }
  get signed_size(): number {
    return this.#checkpointer.signed_size;
  }
  get published_size(): number {
    return this.#checkpointer.published_size;
  }

  async open(): Promise<void> {
    const { history, ledger } = this.#options;
    const [signed, published] = [await history.newestSigned(), await history.newest()];
    const asked = this.#options.withhold_until_policy;
    if (asked !== undefined && !ledger.store.read_only) await history.setWithheld(asked);
    this.#checkpointer.start(signed?.size ?? 0, published?.size ?? 0, await history.withheld());
    this.#waiting.published(published?.size ?? 0);
    if (ledger.store.read_only) {
      this.#follower.follow(null, await knownKeys(this.#state, signed?.size ?? 0));
      return;
    }
    if (await this.#resume()) await this.#announce();
  }

  /** False when the log is not what was signed: then nothing is followed and nothing signed. */
  async #resume(): Promise<boolean> {
    try {
      const { tree, keys } = await resumeState(this.#state);
      this.#follower.follow(tree, keys);
      const head = await this.#options.ledger.head();
      await this.#follower.catchUp((head?.seq ?? -1) + 1);
      return true;
    } catch (error) {
      const known = ['CHECKPOINT_FORK', 'TREE_DAMAGED', 'LEDGER_DAMAGED'] as const;
      if (!known.some((code) => isIndelibleError(error, code))) throw error;
      this.#follower.follow(null, new KeyChain());
      this.#checkpointer.fail(error);
      return false;
    }
  }

  /** The first key makes itself known; any other must be the log's. */
  async #announce(): Promise<void> {
    const { signer, ledger } = this.#options;
    if (signer === undefined) return;
    if (this.#follower.keys.active === null) {
      const vkey = this.#keys.add(signer);
      await this.#record(announcedEvent(this.origin, vkey));
    }
    this.#keys.active(this.#follower.keys);
    const head = await ledger.head();
    if ((head?.seq ?? -1) + 1 > this.signed_size) this.#checkpointer.note();
  }

  noteAppend(batch: LineBatch): void {
    this.#follower.noteAppend(batch);
    this.#checkpointer.note();
  }

  async checkpointNow(): Promise<PublishedCheckpoint> {
    this.#mustSign();
    const head = await this.#options.ledger.head();
    await this.#follower.catchUp((head?.seq ?? -1) + 1);
    await this.#checkpointer.now();
    const newest = await this.latest();
    if (newest !== null && newest.size >= this.signed_size) return newest;
    if (this.signed_size > 0)
      throw new IndelibleError(
        'WITNESSES_MISSING',
        'checkpoints of this log are withheld until witnesses cosign them',
      );
    throw new IndelibleError('CHECKPOINT_MISSING', 'there is nothing to sign yet');
  }

  async waitFor(seq: number, signal?: AbortSignal): Promise<PublishedCheckpoint> {
    const there = await this.covering(seq);
    if (there !== null) return there;
    const covered = this.#waiting.covered(seq, signal);
    this.#look();
    await covered;
    return (await this.covering(seq))!;
  }

  async rotateSigningKey(signer: NoteSigner): Promise<Receipt> {
    this.#mustSign();
    const { keys } = this.#follower;
    const from = this.#keys.active(keys);
    const vkey = this.#keys.add(signer);
    if (keys.keys.includes(vkey)) {
      throw new IndelibleError('SIGNER_REFUSED', `${vkey} signs this log already, or did and was retired`);
    }
    // Both keys are at hand before the record is: the checkpoint over it needs both.
    const event = await rotatedEvent(this.origin, from, { vkey, signer });
    const receipt = await this.#record(event);
    this.#keys.active(this.#follower.keys);
    await this.checkpointNow();
    this.#keys.remove(from.vkey);
    return receipt;
  }

  async carry(keep_from: number): Promise<void> {
    const { keys } = this.#follower;
    if (keys.active !== null && keys.announced_seq < keep_from)
      await this.#record(announcedEvent(this.origin, keys.active, keys.keys.slice(1)));
    await this.#checkpointer.outlive(keep_from).catch((error: unknown) => this.#noteFault(error));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#checkpointer.close();
    this.#stop_looking?.();
    this.#waiting.close();
    if (!this.#options.ledger.store.read_only) {
      await this.#follower.sync().catch((error: unknown) => this.#noteFault(error));
    }
    await this.#options.history.close();
    await this.#options.storage.close();
  }

  /** Records, and sees to it that the key chain knows of it. */
  async #record(event: Parameters<LedgerWriter['recordOwn']>[0]): Promise<Receipt> {
    const receipt = await this.#options.ledger.recordOwn(event);
    await this.#follower.catchUp(receipt.seq + 1);
    return receipt;
  }

  #mustSign(): void {
    if (this.#options.ledger.store.read_only)
      throw new IndelibleError('STORE_READ_ONLY', 'the ledger was opened for reading alone');
    if (!this.#keys.any)
      throw new IndelibleError('SIGNER_MISSING', 'the ledger was opened without a signing key');
  }

  /** While somebody waits, looks for checkpoints of other processes. */
  #look(): void {
    if (this.#stop_looking !== null || !this.#waiting.any || this.#closed) return;
    this.#stop_looking = this.#timers.after(LOOK_MS, () => {
      void this.latest()
        .then(
          (newest) => this.#waiting.published(newest?.size ?? 0),
          (error: unknown) => this.#noteFault(error),
        )
        .finally(() => {
          this.#stop_looking = null;
          this.#look();
        });
    });
  }

  /** A fault of following: what signs next finds out whether it lasts. */
  #noteFault(error: unknown): void {
    const code = isIndelibleError(error) ? error.code : 'INTERNAL';
    this.#fault = { code, message: error instanceof Error ? error.message : String(error) };
    this.#options.log.error(
      { ledger: this.origin, code, error: this.#fault.message },
      'following the log failed',
    );
    if (code === 'CHECKPOINT_FORK') this.#checkpointer.fail(error);
  }
}
