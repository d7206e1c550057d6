/**
 * Creating a file that only its owner may read, before SQLite would create it for everybody's eyes.
 */
import { closeSync, openSync } from 'node:fs';

/**
 * Makes an empty file of mode 0600 unless something is there. What is there is not even opened: POSIX drops all locks
 * of a process on a file when the process closes any descriptor of it, and SQLite's are among them.
 *
 * Errors:  those of Node, but EEXIST.
 */
export function createPrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'ax', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
