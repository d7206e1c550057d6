/**
 * What a server does by itself every now and then: one turn after the other, each some time after the last one's end.
 */

/** setTimeout and clearTimeout, for tests. A timer must not keep the process alive. */
export interface ScheduleTimers {
  set(ms: number, run: () => void): unknown;
  clear(timer: unknown): void;
}

const TIMER_MS_MAX = 2 ** 31 - 1;

const NODE_TIMERS: ScheduleTimers = {
  set: (ms, run) => setTimeout(run, ms).unref(),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

export interface TurnsOptions {
  readonly every_ms: number;
  readonly timers?: ScheduleTimers | undefined;
  /** A turn. Never rejects. */
  readonly run: () => Promise<void>;
}

export class Turns {
  readonly #options: TurnsOptions;
  readonly #timers: ScheduleTimers;
  #timer: unknown = null;
  #is_closed = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#timers = options.timers ?? NODE_TIMERS;
  }

  get is_closed(): boolean {
    return this.#is_closed;
  }

  /** The first turn comes once the time is over. */
  start(): void {
    if (this.#is_closed) return;
    this.#timer = this.#timers.set(Math.min(this.#options.every_ms, TIMER_MS_MAX), () => this.startNow());
  }

  startNow(): void {
    this.#running = this.#options.run().finally(() => this.start());
  }

  /** Begins no more turns, and waits for the one under way. */
  async close(): Promise<void> {
    this.#is_closed = true;
    this.#timers.clear(this.#timer);
    await this.#running;
  }
}
