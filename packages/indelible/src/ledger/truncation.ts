/**
 * Sanctioned truncation: a bounded store drops its oldest segments, and the ledger records it first.
 *
 * The record names the first sequence number kept and the hash that it links to, so that a verifier can tell this cut
 * from any other. It repeats the configuration, because record 0 goes with the oldest segment.
 */
import { type Event, IndelibleError } from '@indelible/core';
import type { LogStore } from '../stores/contract.ts';
import type { RecordIndex } from '../stores/index/contract.ts';
import type { Attaching } from './attaching.ts';
import { configEvent, LEDGER_TRUNCATED } from './config.ts';
import { lineOf } from './lines.ts';
import { findConfig } from './opening.ts';
import { purgeAttachments, usesBetween } from './purge-attachments.ts';
import type { LedgerConfig, LedgerLog } from './types.ts';

export class Truncation {
  readonly #store: LogStore;
  readonly #index: RecordIndex | null;
  readonly #log: LedgerLog;
  readonly #write: (event: Event) => Promise<unknown>;
  readonly #before: (keep_from: number) => Promise<void>;
  readonly #attaching: Attaching | null;
  #config: LedgerConfig | null = null;
  #running: Promise<void> | null = null;

  constructor(
    store: LogStore,
    index: RecordIndex | null,
    log: LedgerLog,
    write: (event: Event) => Promise<unknown>,
    before: (keep_from: number) => Promise<void>,
    attaching: Attaching | null,
  ) {
    this.#store = store;
    this.#index = index;
    this.#log = log;
    this.#write = write;
    this.#before = before;
    this.#attaching = attaching;
  }

  /** Starts a truncation if one is due and none is under way. Cheap when the store is unbounded. */
  check(): void {
    if (this.#store.truncation === undefined || this.#running !== null) return;
    this.#running = this.#truncate()
      .catch((error: unknown) => {
        this.#log.error({ error: String(error) }, 'dropping the oldest segment failed; it is tried again');
      })
      .finally(() => {
        this.#running = null;
      });
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #truncate(): Promise<void> {
    const { truncation } = this.#store;
    const keep_from = (await truncation?.due()) ?? null;
    if (truncation === undefined || keep_from === null) return;
    const [last] = await this.#store.get([keep_from - 1]);
    if (last === undefined)
      throw new IndelibleError('LEDGER_DAMAGED', `record ${keep_from - 1} is unreadable`);
    this.#config ??= await findConfig(this.#store);
    if (this.#config === null)
      throw new IndelibleError('LEDGER_DAMAGED', 'no record says how this ledger is configured');
    const first_seq = await this.#store.firstSeq();
    const data = {
      keep_from,
      prev_hash: lineOf(last.line)[0],
      evicted: { first_seq, last_seq: keep_from - 1 },
    };
    await this.#before(keep_from);
    await this.#write(configEvent(LEDGER_TRUNCATED, this.#config, data));
    const evicted = this.#attaching === null ? [] : await usesBetween(this.#store, first_seq, keep_from);
    await truncation.truncate(keep_from);
    await this.#index?.truncate(keep_from);
    if (this.#attaching !== null && evicted.length > 0)
      await purgeAttachments(this.#store, this.#attaching, evicted);
    this.#log.info({ keep_from }, 'dropped the oldest segments, as recorded');
  }
}
