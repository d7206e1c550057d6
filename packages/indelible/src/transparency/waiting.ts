/**
 * Callers that wait for a checkpoint over their record.
 *
 * Errors:  LEDGER_CLOSED when it will not come any more, the signal's reason when the caller gives up.
 */
import { IndelibleError } from '@indelible/core';

interface Waiter {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Waiting {
  #waiters = new Set<Waiter>();
  #published = 0;
  #closed = false;

  /** Everything below `size` is covered. */
  published(size: number): void {
    this.#published = Math.max(this.#published, size);
    for (const waiter of this.#waiters) {
      if (waiter.seq >= this.#published) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** Resolves once a published checkpoint covers the record. */
  async covered(seq: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (seq < this.#published) return;
    if (this.#closed) throw closed();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { seq, resolve, reject };
    const giveUp = (): void => {
      this.#waiters.delete(waiter);
      reject(signal?.reason);
    };
    this.#waiters.add(waiter);
    // The timers of checkpoints keep no process alive; a caller that waits for one does.
    const alive = setInterval(() => {}, 2 ** 30);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      await promise;
    } finally {
      clearInterval(alive);
      signal?.removeEventListener('abort', giveUp);
    }
  }

  get any(): boolean {
    return this.#waiters.size > 0;
  }

  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.reject(closed());
    this.#waiters.clear();
  }
}

function closed(): IndelibleError {
  return new IndelibleError('LEDGER_CLOSED', 'the ledger was closed before a checkpoint covered the record');
}
