/**
 * Work for the end of a process's tests, whichever of its files asks for it. A room loads this before its files, so that
 * the hook is the room's.
 */
import { after } from 'node:test';

const works: (() => Promise<void>)[] = [];

export function atEnd(work: () => Promise<void>): void {
  works.push(work);
}

// Hooks run in the order in which they were registered: a file that is run by itself registers its own first.
queueMicrotask(() =>
  after(async () => {
    for (const work of works.splice(0)) await work();
  }),
);
