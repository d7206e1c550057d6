/**
 * Counting what will be recorded together.
 */
import type { Event } from '@indelible/core';
import type { LedgerWriter } from '../ledger/types.ts';

/** The record to be, without its counts. */
export interface TallyRecord {
  readonly ledger: LedgerWriter;
  readonly event: Event;
}

/** What a grouped record says beside its event. */
export type Counted = {
  readonly count: number;
  readonly returned: number;
  readonly first_at: string;
  readonly last_at: string;
};

interface Tally {
  readonly record: TallyRecord;
  count: number;
  returned: number;
  first_at: number;
  last_at: number;
}

export class Tallies {
  readonly #clock: () => number;
  #tallies = new Map<string, Tally>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Counts one more under `key`; its first call decides what the record says. */
  add(key: string, record: TallyRecord, returned = 0): void {
    const now = this.#clock();
    const tally = this.#tallies.get(key);
    if (tally === undefined) {
      this.#tallies.set(key, { record, count: 1, returned, first_at: now, last_at: now });
      return;
    }
    tally.count++;
    tally.returned += returned;
    tally.last_at = now;
  }

  /** Hands each tally to `write`; those it rejects are kept and added to. */
  async drain(
    write: (record: TallyRecord, counted: Counted) => Promise<void>,
    onError: (error: unknown) => void,
  ): Promise<void> {
    const draining = this.#tallies;
    this.#tallies = new Map();
    for (const [key, tally] of draining) {
      const { record, count, returned, first_at, last_at } = tally;
      const counted = {
        count,
        returned,
        first_at: new Date(first_at).toISOString(),
        last_at: new Date(last_at).toISOString(),
      };
      try {
        await write(record, counted);
      } catch (error) {
        onError(error);
        this.#putBack(key, tally);
      }
    }
  }

  /** How many are counted and not written, by key. */
  remaining(): [key: string, count: number][] {
    return [...this.#tallies].map(([key, { count }]) => [key, count]);
  }

  #putBack(key: string, tally: Tally): void {
    const newer = this.#tallies.get(key);
    if (newer !== undefined) {
      tally.count += newer.count;
      tally.returned += newer.returned;
      tally.last_at = newer.last_at;
    }
    this.#tallies.set(key, tally);
  }
}
