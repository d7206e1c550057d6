/**
 * Verifies the ledgers that are served every now and then: what is new, and everything less often.
 *
 * A verification is a record. Were that a reason to verify again, an idle ledger would feed itself for ever: so nothing
 * but the ledger's own bookkeeping is no news.
 */
import { LINE_BODY_START } from '@indelible/core';
import { verifiedPosition } from '../compose/verification.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerLog } from '../ledger/types.ts';
import { type ScheduleTimers, Turns } from './turns.ts';
import type { Verifications } from './verifications.ts';

export interface VerifyScheduleOptions {
  readonly ledgers: ReadonlyMap<string, Ledger>;
  readonly verifications: Verifications;
  readonly every_ms: number;
  /** How often everything is read; default a day. */
  readonly full_every_ms?: number;
  readonly clock?: () => number;
  readonly timers?: ScheduleTimers;
  readonly log?: LedgerLog;
}

const DAY_MS = 24 * 60 * 60_000;
const BOOKKEEPING = new TextEncoder().encode('{"action":"ledger.');

export class VerifySchedule {
  readonly #options: Required<Omit<VerifyScheduleOptions, 'log' | 'timers'>> &
    Pick<VerifyScheduleOptions, 'log'>;
  readonly #turns: Turns;
  readonly #ended = new AbortController();
  readonly #started_at: number;
  readonly #full_at = new Map<string, number>();

  constructor({ timers, ...options }: VerifyScheduleOptions) {
    this.#options = { full_every_ms: DAY_MS, clock: Date.now, ...options };
    this.#turns = new Turns({ every_ms: options.every_ms, timers, run: () => this.run() });
    this.#started_at = this.#options.clock();
  }

  start(): void {
    this.#turns.start();
  }

  /** One turn over all ledgers. Never rejects. */
  async run(): Promise<void> {
    for (const ledger of this.#options.ledgers.values()) {
      if (this.#ended.signal.aborted) return;
      await this.#turn(ledger).catch((error: unknown) =>
        this.#options.log?.warn(
          { ledger: ledger.name, error: String(error) },
          'a scheduled verification could not be made; it is tried again',
        ),
      );
    }
  }

  /** Ends what is under way, and waits for it. */
  close(): Promise<void> {
    this.#ended.abort();
    return this.#turns.close();
  }

  async #turn(ledger: Ledger): Promise<void> {
    const { verifications, clock, full_every_ms } = this.#options;
    const full_at = this.#full_at.get(ledger.name) ?? (await fullAt(ledger)) ?? this.#started_at;
    const is_due = clock() - full_at >= full_every_ms;
    if (!is_due && !(await this.#hasNews(ledger))) return;
    await verifications.run(ledger, { incremental: !is_due, signal: this.#ended.signal });
    const last = verifications.last(ledger.name);
    if (last?.mode === 'full') this.#full_at.set(ledger.name, clock());
  }

  /** Whether anything but bookkeeping came since the last one. What failed is tried again. */
  async #hasNews(ledger: Ledger): Promise<boolean> {
    const last = this.#options.verifications.last(ledger.name);
    if (last === null || last.fault !== null) return true;
    for await (const { bytes, ends } of ledger.store.read(last.size)) {
      let start = 0;
      for (let i = 0; i < ends.length; i++) {
        const body = start + LINE_BODY_START;
        if (!BOOKKEEPING.every((byte, at) => bytes[body + at] === byte)) return true;
        start = ends[i]!;
      }
    }
    return false;
  }
}

/** When everything was last read, as far as that is written down. */
async function fullAt({ url }: Ledger): Promise<number | null> {
  if (url.startsWith('memory:')) return null;
  const position = await verifiedPosition(url)?.read();
  return position == null ? null : Date.parse(position.full_at);
}
