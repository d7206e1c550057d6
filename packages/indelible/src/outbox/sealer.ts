/**
 * The sealer: takes events out of an outbox, gives them their place in the log, and appends them.
 *
 * Any number of sealers may run; one leads, and the others stand by. All that a sealer knows can be lost at any moment:
 * an event leaves the outbox in the transaction that appends its record, and whoever leads next begins with what is
 * left. An event that can never be sealed is set aside and keeps nobody waiting.
 *
 * Errors:  none are raised by a running sealer; `status` tells the last one, and it tries again.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { sealingBehind } from '../ledger/config.ts';
import { FollowedHead } from '../ledger/followed-head.ts';
import { MonotonicClock } from '../ledger/identity.ts';
import { Keyring } from '../ledger/keyring.ts';
import { Sealer, Waiting } from '../ledger/sealing.ts';
import type { ChainKey, LedgerLog } from '../ledger/types.ts';
import type { Lease, Outbox, OutboxLag, RefusedEvent, Sweep } from './contract.ts';
import { type Entry, keysOf, prepareAll, refusal, type Sorted, withoutTaken } from './prepare.ts';

/** Taken at a time, while those before are appended. */
const CHUNK_EVENTS = 2048;
const CHUNK_BYTES = 8 << 20;
/** Appended at a time, two under way. */
const GROUP_EVENTS = 1024;
const GROUP_BYTES = 2 << 20;
/** How much of its time is left when the lead is renewed, and how often in that time somebody who does not lead asks. */
const RENEW_AT = 0.7;
const STANDBY_ASKS = 5;
/** The outbox is looked into so often also when nobody wakes us. */
const POLL_MS = 50;
const IDLE_S = 10;
const RETRY_MS = 200;
/** After being told that this role may not seal. */
const REFUSED_MS = 10_000;
/** After so many lost races for the head, other writers are kept out for a moment. */
const RACES_MAX = 2;

export interface SealerOptions {
  readonly outbox: Outbox;
  /** Of a keyed ledger, the active one first. */
  readonly keys?: readonly ChainKey[];
  readonly log?: LedgerLog;
  readonly clock?: () => number;
  /** How the lead is marked; default this machine and process. */
  readonly holder?: string;
  /** How long the lead holds without being renewed, in seconds; default 5. So soon another takes over from one that died. */
  readonly lease_s?: number;
}

export interface SealerStatus {
  readonly is_leader: boolean;
  /** By this sealer, since it was started. */
  readonly sealed: number;
  readonly duplicates: number;
  readonly refused: number;
  /** What keeps it from sealing. */
  readonly fault: { readonly code: string; readonly message: string } | null;
}

/** Events of one sweep. */
interface Chunk extends Sorted {
  /** Where the sweep goes on. */
  readonly after: number;
  readonly sweep: Sweep;
}

const SILENT: LedgerLog = { info() {}, warn() {}, error() {} };

export class OutboxSealer {
  readonly #outbox: Outbox;
  readonly #log: LedgerLog;
  readonly #holder: string;
  readonly #lease_s: number;
  readonly #head: FollowedHead;
  readonly #sealers: readonly Sealer[];
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #lease: Lease = { is_leader: false, epoch: 0 };
  #renewed_at = Number.NEGATIVE_INFINITY;
  #idle_until = 0;
  #sealed = 0;
  #duplicates = 0;
  #refused = 0;
  #fault: SealerStatus['fault'] = null;

  constructor(options: SealerOptions) {
    const { outbox, keys, log = SILENT, clock = Date.now } = options;
    this.#outbox = outbox;
    this.#log = log;
    this.#lease_s = options.lease_s ?? 5;
    this.#holder = options.holder ?? `${hostname()} ${process.pid} ${randomBytes(4).toString('hex')}`;
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

  get status(): SealerStatus {
    return {
      is_leader: this.#lease.is_leader,
      sealed: this.#sealed,
      duplicates: this.#duplicates,
      refused: this.#refused,
      fault: this.#fault,
    };
  }

  /** Seals until `close`. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Seals what waits now, once this sealer leads, and raises what keeps it from that. */
  async drain(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await this.#leads()) {
        if (!(await this.#sealWaiting())) return;
      } else await pause(this.#standby_ms, undefined, { signal }).catch(() => {});
    }
  }

  /** How much waits, whoever seals it. */
  lag(): Promise<OutboxLag> {
    return this.#outbox.lag();
  }

  /** Finishes what it is at, lets another lead, and closes the outbox. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    if (this.#lease.is_leader) {
      this.#lease = { ...this.#lease, is_leader: false };
      // Otherwise the next one has to wait until the lead runs out.
      await this.#outbox.lead(this.#holder, 0).catch(() => {});
    }
    await this.#outbox.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (!(await this.#leads())) await pause(this.#standby_ms, undefined, { signal });
        else if (!(await this.#sealWaiting())) await this.#rest(signal);
        this.#recovered();
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
        const is_refused = isIndelibleError(error, 'STORE_READ_ONLY');
        await pause(is_refused ? REFUSED_MS : RETRY_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  get #standby_ms(): number {
    return (this.#lease_s * 1000) / STANDBY_ASKS;
  }

  async #leads(): Promise<boolean> {
    if (this.#lease.is_leader && performance.now() - this.#renewed_at < this.#lease_s * 1000 * (1 - RENEW_AT))
      return true;
    const asked_at = performance.now();
    const lease = await this.#outbox.lead(this.#holder, this.#lease_s);
    if (lease.is_leader && (!this.#lease.is_leader || lease.epoch !== this.#lease.epoch)) {
      this.#log.info(
        { ledger: this.#outbox.ledger_name, epoch: lease.epoch },
        'this process seals the outbox',
      );
      this.#head.doubt();
      this.#idle_until = 0;
    }
    this.#lease = lease;
    this.#renewed_at = asked_at;
    return lease.is_leader;
  }

  /** Sweeps once over what waits. True when there was something. */
  async #sealWaiting(): Promise<boolean> {
    let chunk = await this.#fetch();
    const found = chunk !== null;
    while (chunk !== null && !this.#stop.signal.aborted) {
      const next = this.#fetch(chunk);
      next.catch(() => {}); // Met below, unless sealing fails before.
      const unsealable = await this.#sealAll(chunk.entries);
      await this.#setAside([...chunk.refused, ...unsealable]);
      chunk = await next;
      // What was fetched under a lead that is over is the other one's to seal.
      if (chunk !== null && !(await this.#leads())) break;
    }
    return found;
  }

  /** Fetches and prepares, while what was fetched before is on its way into the log. Null at the end of the sweep. */
  async #fetch(before?: Chunk): Promise<Chunk | null> {
    if (before !== undefined && before.after >= before.sweep.up_to) return null;
    const { events, sweep } = await this.#outbox.waiting(CHUNK_EVENTS, CHUNK_BYTES, before);
    const last = events.at(-1);
    if (last === undefined) return null;
    return { ...prepareAll(events, this.#outbox.ledger_name), after: last.position, sweep };
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    if (now >= this.#idle_until) {
      await this.#outbox.idle(this.#lease.epoch, IDLE_S);
      this.#idle_until = now + (IDLE_S * 1000) / 2;
      // What came before that was heard has woken nobody: looked for at once.
      return;
    }
    await this.#outbox.waitForEvents(POLL_MS, signal);
  }

  /** Goes on behind whatever others append meanwhile; returns those that turned out not to fit into a record. */
  async #sealAll(all: readonly Entry[]): Promise<RefusedEvent[]> {
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
        refused.push(...sorted.refused);
        const done = await this.#sealGroups(sorted.entries, sorted.duplicates, refused);
        if (done > 0) races = 0;
        rest = sorted.entries.slice(done);
      }
    } finally {
      await release?.();
    }
    return refused;
  }

  /** Two groups under way at a time. Returns how many entries are over and done with before a race was lost. */
  async #sealGroups(
    entries: readonly Entry[],
    duplicates: readonly number[],
    refused: RefusedEvent[],
  ): Promise<number> {
    const flights: Promise<number>[] = [];
    let tip = this.#head.known;
    let extra = duplicates;
    for (let from = 0; from < entries.length || extra.length > 0; ) {
      const group = nextGroup(entries, from);
      from += group.length;
      // Its buffer is free again once that one is durable.
      const settled = await flights.at(-2)?.catch(() => null);
      if (settled === null) break;
      const sealer = this.#sealers[flights.length % 2]!;
      const { sealed, positions, unfit } = sealGroup(sealer, group, tip, this.#head.sealing);
      tip = sealed.head;
      const gone = [...positions, ...extra];
      const doubled = extra.length;
      extra = [];
      refused.push(...unfit);
      if (gone.length === 0) {
        flights.push(Promise.resolve(group.length));
        continue;
      }
      const flight = this.#outbox.seal(this.#lease.epoch, sealed.batch, sealed.behind, gone).then(() => {
        this.#head.advance(sealed.head);
        this.#sealed += positions.length;
        this.#duplicates += doubled;
        return group.length;
      });
      flight.catch(() => {}); // Looked at below.
      flights.push(flight);
    }
    let done = 0;
    for (const result of await Promise.allSettled(flights)) {
      if (result.status === 'fulfilled') {
        done += result.value;
        continue;
      }
      this.#head.doubt();
      if (!isIndelibleError(result.reason, 'HEAD_MOVED')) throw result.reason;
      break;
    }
    return done;
  }

  async #readHead(): Promise<void> {
    await this.#head.read();
    if (this.#head.known !== null) return;
    this.#head.doubt();
    throw new IndelibleError('LEDGER_NOT_FOUND', `${this.#outbox.url} has no first record yet`);
  }

  async #setAside(refused: readonly RefusedEvent[]): Promise<void> {
    if (refused.length === 0) return;
    await this.#outbox.setAside(this.#lease.epoch, refused);
    this.#refused += refused.length;
    const { code, message } = refused[0]!;
    const facts = { ledger: this.#outbox.ledger_name, refused: refused.length, code, error: message };
    this.#log.warn(facts, 'events in the outbox cannot be sealed; they were set aside');
  }

  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const code = isIndelibleError(error) ? error.code : 'INTERNAL';
    // Whoever leads now will seal; this one asks again.
    if (code === 'OUTBOX_FENCED') this.#lease = { ...this.#lease, is_leader: false };
    if (this.#fault?.code !== code)
      this.#log.error(
        { ledger: this.#outbox.ledger_name, code, error: message },
        'sealing the outbox failed',
      );
    this.#fault = { code, message };
    this.#renewed_at = Number.NEGATIVE_INFINITY;
  }

  #recovered(): void {
    if (this.#fault !== null)
      this.#log.info({ ledger: this.#outbox.ledger_name }, 'the outbox is sealed again');
    this.#fault = null;
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
  const positions: number[] = [];
  const unfit: RefusedEvent[] = [];
  const places = new Map<Waiting, number>();
  const waiting = group.map(({ event, position }) => {
    const reject = (error: unknown) => void unfit.push(refusal(position, error));
    const one = new Waiting(event, () => {}, reject, false);
    places.set(one, position);
    return one;
  });
  const sealed = sealer.seal(waiting, behind, sealing);
  for (const placed of sealed.placed) positions.push(places.get(placed.waiting)!);
  return { sealed, positions, unfit };
}
