/**
 * The journal of access: who read, exported or was refused, as records of the ledger itself.
 *
 * Nothing is dropped silently. What is grouped is counted in memory until the next flush (once per interval, and on
 * close); what cannot be written is counted on and tried again, and close says in the log what it could not write.
 *
 * Errors:  `read` and the exports raise the ledger's errors: what cannot be recorded is not handed out.
 *          `denied` never raises: a refusal stands whether or not the disk is full.
 */
import type { Actor, Event, JsonObject } from '@indelible/core';
import type { LedgerLog, LedgerWriter } from '../ledger/types.ts';
import { Tallies } from './tallies.ts';

export const READ = 'access.read';
export const DENIED = 'access.denied';
export const EXPORT_STARTED = 'access.export_started';
export const EXPORT_COMPLETED = 'access.export_completed';
export const EXPORT_ABORTED = 'access.export_aborted';
export const TAIL_STARTED = 'access.tail_started';
export const TAIL_ENDED = 'access.tail_ended';

const GROUP_INTERVAL_MS = 60_000;
/** Refusals recorded one by one per interval; more of them, from many addresses, are counted together. */
const DENIALS_EACH_MAX = 100;

export interface JournalOptions {
  /** `each` (default): a record per read, durable before the answer. `grouped`: one per token and route per interval. */
  readonly reads?: 'each' | 'grouped';
  readonly group_interval_ms?: number;
  readonly clock?: () => number;
  readonly log?: LedgerLog;
}

export interface Read {
  readonly ledger: LedgerWriter;
  readonly actor: Actor;
  /** e.g. `GET /v1/records`. */
  readonly route: string;
  /** What was asked: filters, identifiers. */
  readonly query: JsonObject;
  /** How many records the answer holds. */
  readonly returned: number;
  /** Counted rather than recorded one by one, whatever `reads` says: for answers that hold no record. */
  readonly grouped?: boolean;
}

export interface Denial {
  readonly actor: Actor;
  readonly route: string;
  readonly status: 401 | 403;
  /** Why, in a word: `no_token`, `expired`, `scope`, … */
  readonly reason: string;
  readonly ledger?: string;
  readonly token_id?: string;
}

export class AccessJournal {
  readonly #home: LedgerWriter;
  readonly #reads_grouped: boolean;
  readonly #tallies: Tallies;
  readonly #log: LedgerLog | undefined;
  readonly #timer: NodeJS.Timeout;
  #seen = new Set<string>();
  #flushing: Promise<void> = Promise.resolve();
  #closing: Promise<void> | null = null;

  /** Refusals go to `home`, where the tokens are; reads to the ledger that was read. */
  constructor(home: LedgerWriter, options: JournalOptions = {}) {
    this.#home = home;
    this.#reads_grouped = options.reads === 'grouped';
    this.#log = options.log;
    this.#tallies = new Tallies(options.clock ?? Date.now);
    this.#timer = setInterval(
      () => void this.flush(),
      options.group_interval_ms ?? GROUP_INTERVAL_MS,
    ).unref();
  }

  /** Records a read. With `reads: each` it is durable once this resolves, unless `grouped`. */
  async read({ ledger, actor, route, query, returned, grouped = false }: Read): Promise<void> {
    const resource = { type: 'ledger', id: ledger.name };
    if (this.#reads_grouped || grouped) {
      const key = JSON.stringify([READ, ledger.name, actor.id, route]);
      this.#tallies.add(key, { ledger, event: { action: READ, actor, resource, data: { route } } }, returned);
      return;
    }
    await ledger.recordOwn({ action: READ, actor, resource, data: { route, query, returned } });
  }

  /** Records a refusal: the first of its kind at once, repetitions in the same interval as one record with a count. */
  async denied({ actor, route, status, reason, ledger, token_id }: Denial): Promise<void> {
    const data = { route, status, reason, ...(ledger === undefined ? {} : { ledger }) };
    const named = token_id === undefined ? data : { ...data, token_id };
    const event: Event = { action: DENIED, actor, outcome: 'denied', data: named };
    const key = JSON.stringify([DENIED, actor.type, actor.id, route, status, reason, ledger, token_id]);
    if (this.#seen.has(key)) return this.#tallies.add(key, { ledger: this.#home, event });
    if (this.#seen.size >= DENIALS_EACH_MAX) {
      const many: Event = {
        ...event,
        actor: { type: actor.type, id: 'many' },
        data: { route, status, reason },
      };
      return this.#tallies.add(JSON.stringify([DENIED, actor.type, route, status, reason]), {
        ledger: this.#home,
        event: many,
      });
    }
    this.#seen.add(key);
    try {
      await this.#home.recordOwn(event);
    } catch (error) {
      this.#log?.error(
        { error: String(error), reason },
        'a refusal could not be recorded; it is tried again',
      );
      this.#tallies.add(key, { ledger: this.#home, event });
    }
  }

  /** Records a step of an export or a tail; durable once this resolves. */
  async step(
    action: string,
    { ledger, actor, route }: Omit<Read, 'query' | 'returned' | 'grouped'>,
    data: JsonObject,
    outcome: 'ok' | 'error' | 'pending',
  ): Promise<void> {
    const resource = { type: 'ledger', id: ledger.name };
    await ledger.recordOwn({ action, actor, resource, outcome, data: { route, ...data } });
  }

  /** Writes what was counted. What cannot be written is kept for the next flush. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#drain());
    return this.#flushing;
  }

  /** Flushes. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
    for (const [key, count] of this.#tallies.remaining()) {
      this.#log?.error(
        { group: key, count },
        'these accesses happened and could not be recorded before closing',
      );
    }
  }

  async #drain(): Promise<void> {
    this.#seen = new Set();
    await this.#tallies.drain(
      async ({ ledger, event }, counted) => {
        await ledger.recordOwn({
          ...event,
          data: { ...(event.data as JsonObject), grouped: true, ...counted },
        });
      },
      (error) =>
        this.#log?.error({ error: String(error) }, 'grouped access records could not be written yet'),
    );
  }
}
