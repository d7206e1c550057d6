/**
 * Tells waiting readers that the log has grown: at once within the process, by watching the folder across processes.
 */
import { type FSWatcher, watch } from 'node:fs';

/** Watching is not reliable on every file system (network shares have none): look also by oneself this often. */
const POLL_MS = 1000;

export class AppendSignal {
  readonly #waiting = new Set<() => void>();

  /** Wakes everyone. */
  notify(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves at the next `notify` or when `signal` aborts. */
  next(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}

/** Resolves when `moved` returns true, looked at whenever the folder changes, or when `signal` aborts. */
export function waitForChange(directory: string, signal: AbortSignal, moved: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let watcher: FSWatcher | null = null;
    const finish = (error?: unknown) => {
      clearInterval(timer);
      watcher?.close();
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAbort = () => finish();
    const look = () => {
      try {
        if (moved()) finish();
      } catch (error) {
        finish(error);
      }
    };
    const timer = setInterval(look, POLL_MS);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) return finish();
    try {
      watcher = watch(directory, look);
      // A watch that breaks leaves the poll.
      watcher.on('error', () => watcher?.close());
    } catch {
      // No watches left, or none on this file system: the poll does it alone.
    }
    // What was appended before the watch began.
    look();
  });
}
