/**
 * Has checkpoints cosigned, one at a time; of those that come meanwhile the newest is next.
 *
 * Errors:  none are raised: a policy that is not met is shown as a fault, and tried again with the next checkpoint, or
 *          with the same one after a while.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { CheckpointHistory, Cosigner, PublishedCheckpoint, TreeStorage } from './contract.ts';
import { storedConsistency } from './stored-tree.ts';

/** Longer than any witness may take; only so that closing ends. */
const CLOSING_MS_MAX = 30_000;

export interface CosigningOptions {
  readonly cosigner: Cosigner;
  readonly storage: TreeStorage;
  readonly history: CheckpointHistory;
  readonly onCosigned: (size: number, meets_policy: boolean) => void;
}

interface Wanted {
  readonly checkpoint: PublishedCheckpoint;
  /** Not published before the policy is met. */
  readonly withheld: boolean;
}

export class Cosigning {
  readonly #options: CosigningOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #next: Wanted | null = null;
  #fault: { readonly code: string; readonly message: string } | null = null;

  constructor(options: CosigningOptions) {
    this.#options = options;
  }

  get fault(): { readonly code: string; readonly message: string } | null {
    return this.#fault;
  }

  /** Resolves when nothing is being cosigned. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  /** Resolves when this checkpoint, or one behind it, was shown to the witnesses. Never rejects. */
  cosign(checkpoint: PublishedCheckpoint, withheld: boolean): Promise<void> {
    this.#next = { checkpoint, withheld };
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Lets what is under way end, within reason. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), CLOSING_MS_MAX);
    await this.idle();
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    while (this.#next !== null) {
      const wanted = this.#next;
      this.#next = null;
      try {
        await this.#cosign(wanted);
      } catch (error) {
        const code = isIndelibleError(error) ? error.code : 'INTERNAL';
        this.#fault = { code, message: error instanceof Error ? error.message : String(error) };
      }
    }
  }

  async #cosign({ checkpoint, withheld }: Wanted): Promise<void> {
    const { cosigner, storage, history, onCosigned } = this.#options;
    const { note, meets_policy, faults } = await cosigner.cosign(
      checkpoint.note,
      (from) => storedConsistency(storage, from, checkpoint.size),
      this.#stop.signal,
    );
    await history.add({ ...checkpoint, note }, !withheld || meets_policy);
    onCosigned(checkpoint.size, meets_policy);
    if (!meets_policy) {
      throw new IndelibleError(
        'WITNESSES_MISSING',
        `too few witnesses cosigned the checkpoint of ${checkpoint.size} records: ${faults.join('; ').slice(0, 1000)}`,
      );
    }
    this.#fault = null;
  }
}
