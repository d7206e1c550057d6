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
import { isIndelibleError } from '@indelible/core';
import type { ChainKey, LedgerLog } from '../ledger/types.ts';
import type { Outbox, OutboxLag, RefusedEvent, Sweep } from './contract.ts';
import { Leadership } from './leadership.ts';
import { OutboxAppender } from './outbox-appender.ts';
import { prepareAll, type Sorted } from './prepare.ts';

/** Taken at a time, while those before are appended. */
const CHUNK_EVENTS = 2048;
const CHUNK_BYTES = 8 << 20;
/** The outbox is looked into so often also when nobody wakes us. */
const POLL_MS = 50;
const IDLE_S = 10;
const RETRY_MS = 200;
/** After being told that this role may not seal. */
const REFUSED_MS = 10_000;

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
  readonly #lead: Leadership;
  readonly #appender: OutboxAppender;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #idle_until = 0;
  #refused = 0;
  #fault: SealerStatus['fault'] = null;

  constructor(options: SealerOptions) {
    const { outbox, keys, log = SILENT, clock = Date.now, lease_s = 5 } = options;
    const holder = options.holder ?? `${hostname()} ${process.pid} ${randomBytes(4).toString('hex')}`;
    this.#outbox = outbox;
    this.#log = log;
    this.#appender = new OutboxAppender(outbox, keys, clock);
    this.#lead = new Leadership(outbox, holder, lease_s, (epoch) => {
      this.#log.info({ ledger: outbox.ledger_name, epoch }, 'this process seals the outbox');
      this.#appender.doubt();
      this.#idle_until = 0;
    });
  }

  get status(): SealerStatus {
    return {
      is_leader: this.#lead.is_leader,
      ...this.#appender.tally,
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
      if (await this.#lead.holds()) {
        if (!(await this.#sealWaiting())) return;
      } else await pause(this.#lead.standby_ms, undefined, { signal }).catch(() => {});
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
    await this.#lead.resign();
    await this.#outbox.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (!(await this.#lead.holds())) await pause(this.#lead.standby_ms, undefined, { signal });
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

  /** Sweeps once over what waits. True when there was something. */
  async #sealWaiting(): Promise<boolean> {
    let chunk = await this.#fetch();
    const found = chunk !== null;
    while (chunk !== null && !this.#stop.signal.aborted) {
      const next = this.#fetch(chunk);
      next.catch(() => {}); // Met below, unless sealing fails before.
      const unsealable = await this.#appender.append(chunk.entries, this.#lead.epoch);
      await this.#setAside([...chunk.refused, ...unsealable]);
      chunk = await next;
      // What was fetched under a lead that is over is the other one's to seal.
      if (chunk !== null && !(await this.#lead.holds())) break;
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
      await this.#outbox.idle(this.#lead.epoch, IDLE_S);
      this.#idle_until = now + (IDLE_S * 1000) / 2;
      // What came before that was heard has woken nobody: looked for at once.
      return;
    }
    await this.#outbox.waitForEvents(POLL_MS, signal);
  }

  async #setAside(refused: readonly RefusedEvent[]): Promise<void> {
    if (refused.length === 0) return;
    await this.#outbox.setAside(this.#lead.epoch, refused);
    this.#refused += refused.length;
    const { code, message } = refused[0]!;
    const facts = { ledger: this.#outbox.ledger_name, refused: refused.length, code, error: message };
    this.#log.warn(facts, 'events in the outbox cannot be sealed; they were set aside');
  }

  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const code = isIndelibleError(error) ? error.code : 'INTERNAL';
    // Whoever leads now will seal; this one asks again.
    if (code === 'OUTBOX_FENCED') this.#lead.lost();
    if (this.#fault?.code !== code)
      this.#log.error(
        { ledger: this.#outbox.ledger_name, code, error: message },
        'sealing the outbox failed',
      );
    this.#fault = { code, message };
    this.#lead.doubt();
  }

  #recovered(): void {
    if (this.#fault !== null)
      this.#log.warn({ ledger: this.#outbox.ledger_name }, 'the outbox is sealed again');
    this.#fault = null;
  }
}
