/**
 * When checkpoints are anchored: each anchor on its own, at an interval, sooner after a failure, and on demand.
 *
 * Nothing here is waited for by whoever records: an anchor that fails is visible in `status`, and is tried again.
 *
 * Errors:  ANCHOR_CONFIG for two anchors of one name.
 */
import { IndelibleError } from '@indelible/core';
import { AnchorTurn } from './schedule/anchor-turn.ts';
import { retryPause } from './schedule/decide.ts';
import type { AnchorOutcome, AnchorStatus, SchedulerOptions, Timers } from './schedule/types.ts';

export type {
  AnchorHistory,
  AnchoringEvent,
  AnchorOutcome,
  AnchorStatus,
  SchedulerOptions,
  SchedulerSource,
} from './schedule/types.ts';

const DAY_MS = 24 * 60 * 60_000;
const HOUR_MS = 60 * 60_000;
const RETRY_MS = 60_000;
const PUBLISH_MS_MAX = 10 * 60_000;
/** The longest that setTimeout waits; it would take more for "at once". */
const TIMER_MS_MAX = 2 ** 31 - 1;

const NODE_TIMERS: Timers = {
  set: (ms, run) => setTimeout(run, ms).unref(),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

interface Planned {
  readonly turn: AnchorTurn;
  timer: unknown;
  next_at: number | null;
}

export class AnchorScheduler {
  readonly #options: Required<SchedulerOptions>;
  readonly #planned: readonly Planned[];
  readonly #ended = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  #started = false;

  constructor(options: SchedulerOptions) {
    this.#options = {
      interval_ms: DAY_MS,
      retry_ms: RETRY_MS,
      publish_ms_max: PUBLISH_MS_MAX,
      clock: Date.now,
      timers: NODE_TIMERS,
      ...options,
    };
    const names = new Set(options.anchors.map(({ name }) => name));
    if (names.size < options.anchors.length) {
      throw new IndelibleError('ANCHOR_CONFIG', 'two anchors have the same name; add #NAME to one of them');
    }
    this.#planned = options.anchors.map((anchor) => ({
      turn: new AnchorTurn(anchor, this.#options),
      timer: null,
      next_at: null,
    }));
  }

  /** Plans each anchor by when it was anchored last; those that never were go at once. */
  async start(): Promise<void> {
    if (this.#started || this.#ended.signal.aborted) return;
    this.#started = true;
    const { clock, interval_ms } = this.#options;
    await Promise.all(
      this.#planned.map(async (planned) => {
        // What cannot be read now is read by the first attempt, and is its failure if it still cannot.
        await planned.turn.learn().catch(() => {});
        const { last_anchored_at, failing_since } = planned.turn.status;
        const due =
          last_anchored_at === null || failing_since !== null ? clock() : last_anchored_at + interval_ms;
        this.#plan(planned, due);
      }),
    );
  }

  /** Anchors now, with all or those named, and tells what came of each. Those on schedule are planned anew. */
  anchorNow(names?: readonly string[]): Promise<AnchorOutcome[]> {
    const chosen = this.#planned.filter(({ turn }) => names?.includes(turn.anchor.name) ?? true);
    return Promise.all(chosen.map((planned) => this.#run(planned)));
  }

  get status(): readonly AnchorStatus[] {
    return this.#planned.map(({ turn, next_at }) => ({ ...turn.status, next_at }));
  }

  /** Ends what is under way, and waits for it. Leaves the anchors open: checking receipts may need them. */
  async close(): Promise<void> {
    this.#ended.abort(new IndelibleError('ANCHOR_UNAVAILABLE', 'anchoring was ended'));
    for (const planned of this.#planned) this.#unplan(planned);
    await Promise.all(this.#running);
  }

  #run(planned: Planned): Promise<AnchorOutcome> {
    this.#unplan(planned);
    const { clock, interval_ms, retry_ms } = this.#options;
    const run = planned.turn.run(this.#ended.signal).then((outcome) => {
      const { failures } = planned.turn;
      // Without a checkpoint yet there will be one soon.
      const soon = outcome.result === 'failed' || (outcome.result === 'nothing_new' && outcome.size === null);
      const max_ms = Math.min(HOUR_MS, interval_ms);
      const pause = soon ? retryPause(Math.max(1, failures), { first_ms: retry_ms, max_ms }) : interval_ms;
      this.#plan(planned, clock() + pause);
      return outcome;
    });
    this.#running.add(run);
    return run.finally(() => this.#running.delete(run));
  }

  #plan(planned: Planned, at: number): void {
    this.#unplan(planned);
    if (!this.#started || this.#ended.signal.aborted) return;
    planned.next_at = at;
    const wait = Math.max(0, at - this.#options.clock());
    planned.timer = this.#options.timers.set(Math.min(wait, TIMER_MS_MAX), () => {
      if (wait > TIMER_MS_MAX) this.#plan(planned, at);
      else void this.#run(planned);
    });
  }

  #unplan(planned: Planned): void {
    if (planned.timer !== null) this.#options.timers.clear(planned.timer);
    planned.timer = null;
    planned.next_at = null;
  }
}
