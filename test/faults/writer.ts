/**
 * A process that records under load and says what was acknowledged, until somebody kills it.
 *
 * It records as many events as lines on its standard input allow: those that are not killed would else fill the disk.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openLedger } from '../../packages/indelible/src/compose.ts';

const [url, writer, keyed] = process.argv.slice(2) as [string, string, string];
const keys = keyed === 'keyed' ? [{ key_id: 'k1', secret: new Uint8Array(32).fill(7) }] : [];
const ledger = await openLedger(url, { keys });
let n = 0;

/** A synchronous write to the pipe: once it returns, the parent can read it whatever happens to this process. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      // The pipe is full: the parent is behind. Lines are shorter than PIPE_BUF, so nothing was written in part.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

let allowed = 0;
let wake = Promise.withResolvers<void>();
createInterface({ input: process.stdin }).on('line', (line) => {
  allowed += Number(line);
  wake.resolve();
  wake = Promise.withResolvers<void>();
});

say('ready');
await Promise.all(
  Array.from({ length: 16 }, async () => {
    for (;;) {
      while (allowed === 0) await wake.promise;
      allowed--;
      const note = createHash('sha256').update(`${writer} ${n++}`).digest('hex');
      const { seq, hash } = await ledger.record({ action: 'load.step', data: { writer, note } });
      say(`${seq} ${hash}`);
    }
  }),
);
