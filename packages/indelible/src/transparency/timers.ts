/**
 * Time, handed in so that tests need not wait.
 */

export interface Timers {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `work` after so many milliseconds; the function returned calls it off. Keeps no process alive. */
  after(ms: number, work: () => void): () => void;
}

export const SYSTEM_TIMERS: Timers = {
  now: () => Date.now(),
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
