/**
 * Looks at operations every now and then: takes over what a process left, expires what was not approved or executed in
 * time, verifies, compensates, and closes what can no longer be undone.
 *
 * Several servers may do so on one ledger: every transition is a compare-and-set, so each happens once.
 */
import type { Governed } from './governed.ts';
import { type ScheduleTimers, Turns } from './turns.ts';

export interface OperationScheduleOptions {
  readonly governed: Governed;
  readonly every_ms: number;
  readonly timers?: ScheduleTimers;
}

export class OperationSchedule {
  readonly #governed: Governed;
  readonly #turns: Turns;

  constructor({ governed, every_ms, timers }: OperationScheduleOptions) {
    this.#governed = governed;
    this.#turns = new Turns({ every_ms, timers, run: () => this.run() });
  }

  /** The first turn is now: what a crash left must not wait. */
  start(): void {
    this.#turns.startNow();
  }

  /** One turn over all ledgers. Never rejects: health shows what fails. */
  async run(): Promise<void> {
    for (const ledger of this.#governed.engines.keys()) {
      if (this.#turns.is_closed) return;
      await this.#governed.sweep(ledger).catch(() => {});
    }
  }

  /** Begins no more turns, and waits for the one under way. */
  close(): Promise<void> {
    return this.#turns.close();
  }
}
