/**
 * Gives events from an outbox their place in the log, behind whatever others append meanwhile.
 *
 * Two groups are under way at a time: one is sealed while the other is written.
 *
 * Errors:  those of the outbox's `seal` and of reading the log; LEDGER_NOT_FOUND for a ledger without a first record;
 *          KEY_REQUIRED and KEY_UNKNOWN for a keyed one.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { sealingBehind } from '../ledger/config.ts';
import { FollowedHead } from '../ledger/followed-head.ts';
import { MonotonicClock } from '../ledger/identity.ts';
import { Keyring } from '../ledger/keyring.ts';
import { Sealer, Waiting } from '../ledger/sealing.ts';
import type { ChainKey } from '../ledger/types.ts';
import type { Outbox, RefusedEvent } from './contract.ts';
import { type Entry, keysOf, refusal, withoutTaken } from './prepare.ts';

/** Appended at a time, two under way. */
const GROUP_EVENTS = 1024;
const GROUP_BYTES = 2 << 20;
/** After so many lost races for the head, other writers are kept out for a moment. */
const RACES_MAX = 2;

/** What became of events, since the appender was made. */
export interface Tally {
  sealed: number;
  duplicates: number;
}

/** What is over and done with before a race was lost. */
interface Progress {
  done: number;
  readonly refused: RefusedEvent[];
}

export class OutboxAppender {
  readonly tally: Tally = { sealed: 0, duplicates: 0 };
  readonly #outbox: Outbox;
  readonly #head: FollowedHead;
  readonly #sealers: readonly Sealer[];

  constructor(outbox: Outbox, keys: readonly ChainKey[] | undefined, clock: () => number) {
    this.#outbox = outbox;
    const keyring = new Keyring(keys);
    const monotonic = new MonotonicClock(clock);
    this.#head = new FollowedHead(
      { store: outbox.log, keys: null, sealingBehind: (last) => sealingBehind(last, keyring) },
      monotonic,
      null,
    );
    // Each with a buffer of its own: one is filled while the other's is written.
    this.#sealers = [new Sealer(monotonic), new Sealer(monotonic)];
  }

  /** Asks the log for its head before the next group. */
  doubt(): void {
    this.#head.doubt();
  }

  /** Returns the events that turned out to be unsealable; all others are in the log. */
  async append(all: readonly Entry[], epoch: number): Promise<RefusedEvent[]> {
    const refused: RefusedEvent[] = [];
    let rest = all;
    let release: (() => Promise<void>) | undefined;
    try {
      for (let races = 0; rest.length > 0; races++) {
        if (races >= RACES_MAX) {
          release = await this.#outbox.log.reserve?.();
          // While that was waited for, others appended.
          this.#head.doubt();
        }
        if (this.#head.uncertain) await this.#readHead();
        const keys = keysOf(rest);
        const taken = keys.length === 0 ? new Map() : await this.#outbox.sealedKeys(keys);
        const sorted = withoutTaken(rest, taken);
        const progress = await this.#appendGroups(sorted.entries, sorted.duplicates, epoch);
        refused.push(...sorted.refused, ...progress.refused);
        if (progress.done > 0) races = 0;
        rest = sorted.entries.slice(progress.done);
      }
    } finally {
      await release?.();
    }
    return refused;
  }

  async #appendGroups(
    entries: readonly Entry[],
    duplicates: readonly number[],
    epoch: number,
  ): Promise<Progress> {
    const flights: Promise<Progress>[] = [];
    let tip = this.#head.known;
    let doubled = duplicates;
    for (let from = 0; from < entries.length || doubled.length > 0; ) {
      const group = nextGroup(entries, from);
      from += group.length;
      // Its buffer is free again once that one is durable.
      const settled = await flights.at(-2)?.catch(() => null);
      if (settled === null) break;
      const sealer = this.#sealers[flights.length % 2]!;
      const { sealed, positions, refused } = sealGroup(sealer, group, tip, this.#head.sealing);
      const more = { sealed: positions.length, duplicates: doubled.length };
      const gone = [...positions, ...doubled];
      const flight =
        gone.length === 0
          ? Promise.resolve()
          : this.#outbox.seal(epoch, sealed.batch, sealed.behind, gone).then(() => {
              this.#head.advance(sealed.head);
              this.tally.sealed += more.sealed;
              this.tally.duplicates += more.duplicates;
            });
      tip = sealed.head;
      doubled = [];
      const landed = flight.then(() => ({ done: group.length, refused }));
      landed.catch(() => {}); // Looked at below.
      flights.push(landed);
    }
    return this.#landed(flights);
  }

  async #landed(flights: readonly Promise<Progress>[]): Promise<Progress> {
    const progress: Progress = { done: 0, refused: [] };
    for (const result of await Promise.allSettled(flights)) {
      if (result.status === 'fulfilled') {
        progress.done += result.value.done;
        progress.refused.push(...result.value.refused);
        continue;
      }
      this.#head.doubt();
      if (!isIndelibleError(result.reason, 'HEAD_MOVED')) throw result.reason;
      break;
    }
    return progress;
  }

  async #readHead(): Promise<void> {
    await this.#head.read();
    if (this.#head.known !== null) return;
    this.#head.doubt();
    throw new IndelibleError('LEDGER_NOT_FOUND', `${this.#outbox.url} has no first record yet`);
  }
}

function nextGroup(entries: readonly Entry[], from: number): readonly Entry[] {
  let to = from;
  for (let length = 0; to < entries.length && to - from < GROUP_EVENTS && length < GROUP_BYTES; to++)
    length += entries[to]!.event.length;
  return entries.slice(from, to);
}

/** Seals what fits into records. */
function sealGroup(
  sealer: Sealer,
  group: readonly Entry[],
  behind: FollowedHead['known'],
  sealing: FollowedHead['sealing'],
) {
  const refused: RefusedEvent[] = [];
  const places = new Map<Waiting, number>();
  const waiting = group.map(({ event, position }) => {
    const reject = (error: unknown) => void refused.push(refusal(position, error));
    const one = new Waiting(event, () => {}, reject, false);
    places.set(one, position);
    return one;
  });
  const sealed = sealer.seal(waiting, behind, sealing);
  return { sealed, positions: sealed.placed.map(({ waiting }) => places.get(waiting)!), refused };
}
