/**
 * After an append failed, the server tries one by itself until one succeeds. A server that says it is not ready is sent no
 * more requests, and only a record shows that recording works again: without this it would wait for ever.
 *
 * What is recorded is worth its place: that there was a fault, which, and since when.
 */
import type { Actor } from '@indelible/core';
import type { Ledger } from '../ledger/ledger.ts';
import { type ScheduleTimers, Turns } from './turns.ts';

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
  readonly #options: Required<Omit<ResumeScheduleOptions, 'timers'>>;
  readonly #turns: Turns;
  /** When a ledger was first seen to fail. */
  readonly #noticed_at = new Map<Ledger, number>();

  constructor({ timers, ...options }: ResumeScheduleOptions) {
    this.#options = { clock: Date.now, ...options };
    this.#turns = new Turns({ every_ms: options.every_ms, timers, run: () => this.run() });
  }

  start(): void {
    this.#turns.start();
  }

  /** One turn over all ledgers, none of which waits for another. Never rejects: the ledger logs what fails. */
  async run(): Promise<void> {
    await Promise.all(Array.from(this.#options.ledgers.values(), (ledger) => this.#turn(ledger)));
  }

  /** Begins no more turns, and waits for the one under way. */
  close(): Promise<void> {
    return this.#turns.close();
  }

  async #turn(ledger: Ledger): Promise<void> {
    const { actor, clock } = this.#options;
    const { fault } = ledger.stats;
    const noticed_at = this.#noticed_at.get(ledger) ?? clock();
    if (fault === null) this.#noticed_at.delete(ledger);
    else this.#noticed_at.set(ledger, noticed_at);
    if (fault === null || !(await canBeRead(ledger))) return;
    // Meanwhile somebody else may have recorded something.
    if (this.#turns.is_closed || ledger.stats.fault === null) return;
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
