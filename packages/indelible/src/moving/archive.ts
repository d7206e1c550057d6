/**
 * Continuous copying: a second store that follows a ledger.
 *
 * Off the acknowledgement path: whatever fails here, recording goes on. What fails is logged, shown in the status and
 * tried again, with growing pauses; where to go on, the archive's own last record says.
 *
 * Errors:  none after the start, but in `status`. `once` raises them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isIndelibleError } from '@indelible/core';
import { Keyring } from '../ledger/keyring.ts';
import type { ChainKey, LedgerLog } from '../ledger/types.ts';
import type { Head, LogStore } from '../stores/contract.ts';
import { type ArchiveLag, lagOf } from './archive-lag.ts';
import { ProofCarrier } from './carry-proofs.ts';
import { copyRecords, mustFit } from './copy.ts';
import type { CopySource, CopyTarget } from './types.ts';

export const ARCHIVE_INTERVAL_MS = 1000;
/** Checkpoints follow their records: without new records they are looked for so often. */
const LOOK_MS = 2000;
const RETRY_MS_MAX = 60_000;
const TELL_MS = 60_000;

/** What the archive holds after a round. */
export interface ArchivedState {
  readonly ledger: string;
  /** Records below this number are in the archive. */
  readonly size: number;
  /** Records under the newest checkpoint that is beside them; 0 without. */
  readonly checkpoint_size: number;
}

export interface ArchiveTarget extends CopyTarget {
  /**
   * Shows what it holds to whoever reads the archive alone. Called after each round that brought something; false when
   * it is put off, and then it is called again. Not put off when it is the `last` time.
   */
  publish?(state: ArchivedState, last: boolean, signal?: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

export interface ArchiveOptions {
  readonly from: CopySource;
  /** Opens the archive; called again after a fault. */
  readonly openTarget: () => Promise<ArchiveTarget>;
  readonly keys?: readonly ChainKey[];
  /** Called before the first record goes into an archive that is empty; what it records is archived. */
  readonly onBegin?: () => Promise<void>;
  /** Called when there is more in the archive, once a minute at most, and before it is closed. Never rejects. */
  readonly onArchived?: (store: LogStore) => Promise<void>;
  /** At most one round in so many milliseconds; default 1000. */
  readonly interval_ms?: number;
  readonly log: LedgerLog;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
  /** For tests. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface ArchiveStatus {
  /** Records below this number are in the archive; null before it was reached for the first time. */
  readonly size: number | null;
  readonly checkpoint_size: number;
  readonly last_archived_at: number | null;
  readonly failing_since: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

interface Reached {
  readonly target: ArchiveTarget;
  /** Null as long as the log is not signed. */
  carrier: ProofCarrier | null;
}

export class Archive {
  readonly #options: ArchiveOptions;
  readonly #keyring: Keyring;
  readonly #stop = new AbortController();
  #reached: Reached | null = null;
  #running: Promise<void> | null = null;
  /** The end of the queue of rounds: one runs at a time. */
  #last_round: Promise<unknown> = Promise.resolve();
  #failures = 0;
  /** Nothing is left to do before the first record goes into the archive. */
  #begun = false;
  /** Something is in the archive that it does not show yet. */
  #unpublished = true;
  /** What `onArchived` was last called for. */
  #told = { size: 0, at: Number.NEGATIVE_INFINITY };
  #status: ArchiveStatus = {
    size: null,
    checkpoint_size: 0,
    last_archived_at: null,
    failing_since: null,
    error: null,
  };

  constructor(options: ArchiveOptions) {
    this.#options = options;
    this.#keyring = new Keyring(options.keys ?? []);
  }

  get status(): ArchiveStatus {
    return this.#status;
  }

  /** Null before there is anything to tell. Rejects when the log cannot be read. */
  async lag(): Promise<ArchiveLag | null> {
    return lagOf(this.#options.from.store, this.#status, this.#now());
  }

  /** Archives what is there now; raises what keeps it from doing so, an interruption too. */
  async once(signal?: AbortSignal): Promise<ArchiveStatus> {
    await this.#inTurn(true, signal);
    return this.#status;
  }

  /** Follows the log until closed. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Stops where it is: the next start goes on from there. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#last_round;
    if (this.#reached !== null) await this.#tell(this.#reached.target, true);
    await this.#letGo();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { interval_ms = ARCHIVE_INTERVAL_MS, pause = pauseFor } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#inTurn(false);
        this.#failures = 0;
        await this.#change(signal);
        await pause(interval_ms, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#fail(error);
        await pause(Math.min(interval_ms * 2 ** this.#failures, Math.max(RETRY_MS_MAX, interval_ms)), signal);
        this.#failures = Math.min(this.#failures + 1, 16);
      }
    }
  }

  /** Resolves when there may be something to archive. */
  async #change(signal: AbortSignal): Promise<void> {
    const { store } = this.#options.from;
    const size = this.#status.size ?? 0;
    const reached = this.#reached;
    const isBehind = async (): Promise<boolean> => {
      if (reached === null) return false;
      if (reached.carrier !== null) return reached.carrier.isBehind(size);
      // Signed for the first time.
      return (await this.#carrierOf(reached)) !== null;
    };
    const looking = this.#options.pause ?? pauseFor;
    while (!signal.aborted && !(await isBehind())) {
      const waiting = new AbortController();
      const either = AbortSignal.any([signal, waiting.signal]);
      const appended = store.waitForAppend(size - 1, either);
      const looked = looking(LOOK_MS, either);
      try {
        await Promise.race([appended, looked]);
      } finally {
        waiting.abort();
        await Promise.allSettled([appended, looked]);
      }
      if (this.#unpublished || ((await store.head())?.seq ?? -1) >= size) return;
    }
  }

  #inTurn(last: boolean, interruption?: AbortSignal): Promise<void> {
    const stops = [this.#stop.signal, ...(interruption === undefined ? [] : [interruption])];
    const round = this.#last_round.then(async () => {
      try {
        await this.#round(last, AbortSignal.any(stops));
      } catch (error) {
        // What failed may be the connection: the next round begins with a new one.
        await this.#letGo();
        throw error;
      }
    });
    this.#last_round = round.catch(() => {});
    return round;
  }

  async #round(last: boolean, signal: AbortSignal): Promise<void> {
    const { from, log, onBegin } = this.#options;
    const reached = (this.#reached ??= await this.#reach());
    const { target } = reached;
    const begin = async (there: Head | null): Promise<void> => {
      if (there === null) await onBegin?.();
      // Recorded once, however often the first record then fails to come.
      this.#begun = true;
    };
    const copying = copyRecords({
      from,
      to: target,
      openCarrier: () => this.#carrierOf(reached),
      keyring: this.#keyring,
      whole: false,
      signal,
      ...(this.#begun || onBegin === undefined ? {} : { onBegin: begin }),
    });
    const { head, copied, ground } = await copying.catch(async (error: unknown) => {
      if (signal.aborted && error === signal.reason) await this.#lookHowFar(target);
      throw error;
    });
    // What may fail from here on keeps no record out of the archive.
    const size = head.seq + 1;
    this.#status = { ...this.#status, size };
    const carrier = await this.#carrierOf(reached);
    await carrier?.mustFit(ground.ledger);
    const carried = (await carrier?.carry(size, signal)) ?? 0;
    const state = { ledger: ground.ledger, size, checkpoint_size: carrier?.size ?? 0 };
    // Also when nothing came: what an interrupted round left out is made good.
    this.#unpublished ||= copied > 0 || carried > 0;
    if (this.#unpublished) this.#unpublished = (await target.publish?.(state, last, signal)) === false;
    if (this.#status.failing_since !== null) log.warn({ archive: target.store.url }, 'archiving works again');
    const { checkpoint_size } = state;
    this.#status = { size, checkpoint_size, last_archived_at: this.#now(), failing_since: null, error: null };
    await this.#tell(target, last);
  }

  /** After an interruption, which keeps what came before. */
  async #lookHowFar({ store }: ArchiveTarget): Promise<void> {
    const head = await store.head().catch(() => null);
    if (head !== null) this.#status = { ...this.#status, size: head.seq + 1 };
  }

  async #tell({ store }: ArchiveTarget, last: boolean): Promise<void> {
    const { size } = this.#status;
    const now = this.#now();
    if (size === null || size === this.#told.size || (!last && isWithin(TELL_MS, this.#told.at, now))) return;
    this.#told = { size, at: now };
    await this.#options.onArchived?.(store);
  }

  async #reach(): Promise<Reached> {
    const { from, openTarget } = this.#options;
    await mustFit(from, this.#keyring);
    return { target: await openTarget(), carrier: null };
  }

  async #carrierOf(reached: Reached): Promise<ProofCarrier | null> {
    const { from } = this.#options;
    reached.carrier ??= await ProofCarrier.open(from, reached.target, false);
    return reached.carrier;
  }

  async #letGo(): Promise<void> {
    const reached = this.#reached;
    this.#reached = null;
    await reached?.target.close().catch((error: unknown) => {
      this.#options.log.warn({ error: String(error) }, 'closing the archive failed');
    });
  }

  #fail(error: unknown): void {
    const code = isIndelibleError(error) ? error.code : 'INTERNAL';
    const message = error instanceof Error ? error.message : String(error);
    if (this.#status.error?.code !== code)
      this.#options.log.error(
        { code, error: message },
        'archiving failed; recording goes on, it is tried again',
      );
    this.#status = {
      ...this.#status,
      failing_since: this.#status.failing_since ?? this.#now(),
      error: { code, message },
    };
  }

  #now(): number {
    return (this.#options.clock ?? Date.now)();
  }
}

/** False also when the clock was set back behind `since`, however far: what is put off must come. */
export function isWithin(ms: number, since: number, now: number): boolean {
  return now >= since && now - since < ms;
}

async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
