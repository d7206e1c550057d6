/**
 * One anchor's turns: what is known about it, and one attempt after another.
 *
 * An outage is recorded once for each kind of failure, not for each attempt: else the record of an anchor that is away
 * for a month would be all that the ledger holds.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { Anchor, AnchorReceipt, CheckpointToAnchor } from '../contract.ts';
import { RECEIPT_BYTES_MAX, receiptBytes } from '../shared/receipt.ts';
import { hasNews, type LastAnchored } from './decide.ts';
import type { AnchorOutcome, AnchorStatus, SchedulerSource, Timers } from './types.ts';

export interface TurnOptions {
  readonly source: SchedulerSource;
  readonly clock: () => number;
  readonly timers: Timers;
  readonly publish_ms_max: number;
}

interface Fault {
  readonly code: string;
  readonly message: string;
}

const MESSAGE_LENGTH_MAX = 500;

export class AnchorTurn {
  readonly anchor: Anchor;
  readonly #options: TurnOptions;
  #learned = false;
  #last: (LastAnchored & { at: number }) | null = null;
  #failing: (Fault & { since: number }) | null = null;
  /** Codes of this outage that stand in records. */
  readonly #recorded = new Set<string>();
  #running: Promise<unknown> = Promise.resolve();
  /** Failures in a row. */
  failures = 0;

  constructor(anchor: Anchor, options: TurnOptions) {
    this.anchor = anchor;
    this.#options = options;
  }

  get status(): Omit<AnchorStatus, 'next_at'> {
    const { name, kind } = this.anchor;
    const failing = this.#failing;
    return {
      anchor: name,
      kind,
      last_anchored_size: this.#last?.size ?? null,
      last_anchored_at: this.#last?.at ?? null,
      failing_since: failing?.since ?? null,
      error: failing === null ? null : { code: failing.code, message: failing.message },
    };
  }

  /** One attempt, after those under way. Never rejects. */
  run(signal: AbortSignal): Promise<AnchorOutcome> {
    const outcome = this.#running.then(() => this.#run(signal));
    this.#running = outcome;
    return outcome;
  }

  /** Learns from the records what happened before this process. */
  async learn(): Promise<void> {
    if (this.#learned) return;
    const { anchored, failed } = await this.#options.source.history(this.anchor.name);
    this.#learned = true;
    this.#last = anchored;
    if (failed === null) return;
    this.#failing = { code: failed.code, message: failed.message, since: failed.at };
    this.#recorded.add(failed.code);
  }

  async #run(signal: AbortSignal): Promise<AnchorOutcome> {
    const { name: anchor, kind } = this.anchor;
    const { source, clock } = this.#options;
    let checkpoint: CheckpointToAnchor | null = null;
    try {
      signal.throwIfAborted();
      await this.learn();
      checkpoint = await source.latest();
      const news =
        checkpoint !== null &&
        (await hasNews(checkpoint, this.#last, (from, to) => source.anchoringRecords(from, to)));
      if (checkpoint === null || !news) {
        if (checkpoint !== null) this.#recover();
        return { result: 'nothing_new', anchor, size: this.#last?.size ?? null };
      }
      const { size, root } = checkpoint;
      const receipt = await this.#publish(checkpoint, signal);
      await source.record({
        action: 'ledger.anchored',
        outcome: 'ok',
        data: { anchor, kind, size, root, receipt },
      });
      this.#last = { size, root, at: clock() };
      this.#recover();
      return { result: 'anchored', anchor, kind, size, root, receipt };
    } catch (error) {
      const fault = faultOf(error);
      // Ended from here: says nothing about the anchor.
      if (!signal.aborted) await this.#fail(fault, checkpoint?.size ?? null);
      return { result: 'failed', anchor, ...fault };
    }
  }

  async #publish(checkpoint: CheckpointToAnchor, signal: AbortSignal): Promise<AnchorReceipt> {
    const { timers, publish_ms_max } = this.#options;
    const late = new AbortController();
    const { promise: given_up, reject } = Promise.withResolvers<never>();
    // Nobody listens once the anchor has answered.
    given_up.catch(() => {});
    const both = AbortSignal.any([signal, late.signal]);
    both.addEventListener('abort', () => reject(both.reason), { once: true });
    const timer = timers.set(publish_ms_max, () =>
      late.abort(
        new IndelibleError('ANCHOR_UNAVAILABLE', `${this.anchor.name} took more than ${publish_ms_max} ms`),
      ),
    );
    try {
      // Also given up on when it does not heed the signal.
      const receipt = await Promise.race([this.anchor.publish(checkpoint, both), given_up]);
      const bytes = receiptBytes(receipt);
      if (bytes > RECEIPT_BYTES_MAX) {
        throw new IndelibleError('ANCHOR_REFUSED', `${this.anchor.name} gave a receipt of ${bytes} bytes`);
      }
      return receipt;
    } finally {
      timers.clear(timer);
    }
  }

  /** Whatever failed no longer does: there is nothing that is not anchored. */
  #recover(): void {
    this.#failing = null;
    this.#recorded.clear();
    this.failures = 0;
  }

  async #fail(fault: Fault, size: number | null): Promise<void> {
    const { source, clock } = this.#options;
    this.failures++;
    this.#failing = { ...fault, since: this.#failing?.since ?? clock() };
    if (this.#recorded.has(fault.code)) return;
    const data = { anchor: this.anchor.name, size, ...fault };
    try {
      await source.record({ action: 'ledger.anchor_failed', outcome: 'error', data });
      this.#recorded.add(fault.code);
    } catch {
      // The status shows the failure, and the next attempt tries to record it again.
    }
  }
}

function faultOf(error: unknown): Fault {
  if (isIndelibleError(error)) {
    return { code: error.code, message: error.message.slice(0, MESSAGE_LENGTH_MAX).toWellFormed() };
  }
  // Whatever a foreign error says may hold anything.
  return { code: 'INTERNAL', message: `the anchor failed in a way that it should not (${nameOf(error)})` };
}

function nameOf(error: unknown): string {
  const name = error instanceof Error ? error.name : typeof error;
  return /^\w{1,40}$/.test(name) ? name : 'unknown';
}
