/**
 * After an append failed, the server tries one by itself until one succeeds. A server that says it is not ready is sent no
 * more requests, and only a record shows that recording works again: without this it would wait for ever.
 *
 * What is recorded is worth its place: that there was a fault, which, and since when.
 */
import type { Actor } from '@indelible/core';
import type { Ledger } from '../ledger/ledger.ts';
import { NODE_TIMERS, type ScheduleTimers } from './verify-schedule.ts';

export const RECORDING_RESUMED = 'ledger.recording_resumed';

export interface ResumeScheduleOptions {
  readonly ledgers: ReadonlyMap<string, Ledger>;
  /** Who records it. */
  readonly actor: Actor;
  readonly every_ms: number;
  readonly clock?: () => number;
  readonly timers?: ScheduleTimers;
}

export class ResumeSchedule {
  readonly #options: Required<ResumeScheduleOptions>;
  /** When a ledger was first seen to fail. */
  readonly #noticed_at = new Map<Ledger, number>();
  #timer: unknown = null;
  #is_closed = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ResumeScheduleOptions) {
    this.#options = { clock: Date.now, timers: NODE_TIMERS, ...options };
  }

  start(): void {
    if (this.#is_closed) return;
    const { timers, every_ms } = this.#options;
    this.#timer = timers.set(every_ms, () => {
      this.#running = this.run().finally(() => this.start());
    });
  }

  /** One turn over all ledgers, none of which waits for another. Never rejects: the ledger logs what fails. */
  async run(): Promise<void> {
    await Promise.all(Array.from(this.#options.ledgers.values(), (ledger) => this.#turn(ledger)));
  }

  /** Begins no more turns, and waits for the one under way. */
  async close(): Promise<void> {
    this.#is_closed = true;
    this.#options.timers.clear(this.#timer);
    await this.#running;
  }

  async #turn(ledger: Ledger): Promise<void> {
    const { actor, clock } = this.#options;
    const { fault } = ledger.stats;
    const noticed_at = this.#noticed_at.get(ledger) ?? clock();
    if (fault === null) this.#noticed_at.delete(ledger);
    else this.#noticed_at.set(ledger, noticed_at);
    if (fault === null || !(await canBeRead(ledger))) return;
    // Meanwhile somebody else may have recorded something.
    if (this.#is_closed || ledger.stats.fault === null) return;
    const resource = { type: 'ledger', id: ledger.name };
    const data = { code: fault.code, noticed_at: new Date(noticed_at).toISOString() };
    await ledger.recordOwn({ action: RECORDING_RESUMED, actor, resource, data }).catch(() => {});
  }
}

/** Nothing can be appended to a log that cannot even be read: that is found out without an append that fails. */
function canBeRead(ledger: Ledger): Promise<boolean> {
  return ledger.head().then(
    () => true,
    () => false,
  );
}
