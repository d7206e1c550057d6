/** The inside of a worker thread: serves one borrower after the other (threads.ts). */
import { parentPort } from 'node:worker_threads';
import type { Assignment, Serve } from './threads.ts';

parentPort!.on('message', async ({ module, setup, port }: Assignment) => {
  // What fails here is not caught: it ends the thread, and the borrower hears of it.
  const { serve } = (await import(module)) as { serve: Serve<unknown> };
  serve(setup, port);
});
