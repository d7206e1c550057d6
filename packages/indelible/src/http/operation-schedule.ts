/**
 * Looks at operations every now and then: takes over what a process left, expires what was not approved or executed in
 * time, verifies, compensates, and closes what can no longer be undone.
 *
 * Several servers may do so on one ledger: every transition is a compare-and-set, so each happens once.
 */
import type { Governed } from './governed.ts';
import { NODE_TIMERS, type ScheduleTimers } from './verify-schedule.ts';

export interface OperationScheduleOptions {
  readonly governed: Governed;
  readonly every_ms: number;
  readonly timers?: ScheduleTimers;
}

export class OperationSchedule {
  readonly #governed: Governed;
  readonly #every_ms: number;
  readonly #timers: ScheduleTimers;
  #timer: unknown = null;
  #is_closed = false;
  #running: Promise<void> = Promise.resolve();

  constructor({ governed, every_ms, timers = NODE_TIMERS }: OperationScheduleOptions) {
    this.#governed = governed;
    this.#every_ms = every_ms;
    this.#timers = timers;
  }

  /** The first turn is now: what a crash left must not wait. */
  start(): void {
    this.#running = this.run().finally(() => {
      if (this.#is_closed) return;
      this.#timer = this.#timers.set(this.#every_ms, () => this.start());
    });
  }

  /** One turn over all ledgers. Never rejects: health shows what fails. */
  async run(): Promise<void> {
    for (const ledger of this.#governed.engines.keys()) {
      if (this.#is_closed) return;
      await this.#governed.sweep(ledger).catch(() => {});
    }
  }

  /** Begins no more turns, and waits for the one under way. */
  async close(): Promise<void> {
    this.#is_closed = true;
    this.#timers.clear(this.#timer);
    await this.#running;
  }
}
