/**
 * A server process under load: several callers that record, and try again with the same idempotency key until they have
 * a receipt. Says `ready`, then `KEY SEQ HASH` for each receipt. SIGTERM: finishes what is under way, says `end`.
 *
 * Arguments: URL, a name that marks its records, how many callers.
 */
import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { openLedger } from '../../packages/indelible/src/compose.ts';

const [url = '', name = '', callers = '8'] = process.argv.slice(2);

/** Synchronous: once it returns, the parent can read it whatever happens to this process. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      // The parent is behind. Lines are shorter than PIPE_BUF, so nothing was written in part.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch {
      // The database is down, or comes back: whoever needs a receipt asks again.
      await pause(20);
    }
  }
}

const ledger = await patiently(() => openLedger(url));
let stopping = false;
process.once('SIGTERM', () => {
  stopping = true;
});
say('ready');
let n = 0;
await Promise.all(
  Array.from({ length: Number(callers) }, async () => {
    while (!stopping) {
      const idempotency_key = `${name} ${n++}`;
      const event = { action: 'server.step', idempotency_key, data: { key: idempotency_key } };
      const { seq, hash } = await patiently(() => ledger.record(event));
      say(`${idempotency_key} ${seq} ${hash}`);
    }
  }),
);
await ledger.close();
say('end');
