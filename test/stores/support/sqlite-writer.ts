/**
 * A process that appends to an SQLite ledger, for tests of several processes, crashes and refusing disks.
 *
 * Arguments: path, a note that marks its records, how many batches (0: until it is killed).
 * SIGTERM:   finishes the append it is at, and ends.
 * Prints:    one line `SEQ HASH` for each record whose append was acknowledged, or `error CODE`.
 */
import { writeSync } from 'node:fs';
import { isIndelibleError } from '@indelible/core';
import {
  type SampleLine,
  sampleBatch,
  sampleLines,
} from '../../../packages/indelible/src/stores/conformance.ts';
import { openSqliteStore } from '../../../packages/indelible/src/stores/sqlite/sqlite-store.ts';

const [path = '', note = '', count = '0'] = process.argv.slice(2);
const batches = Number(count) || Number.POSITIVE_INFINITY;

// Synchronous, so that what was acknowledged is told even if the next moment kills this process.
const say = (text: string) => writeSync(1, text);

try {
  const store = await openSqliteStore({ path });
  let stopping = false;
  process.once('SIGTERM', () => {
    stopping = true;
  });
  for (let done = 0; done < batches && !stopping; ) {
    const head = await store.head();
    const after: SampleLine | undefined =
      head === null ? undefined : { ...head, bytes: new Uint8Array(), text: '' };
    const lines = sampleLines(1 + (done % 5), { after, note });
    try {
      await store.append(sampleBatch(lines), head);
    } catch (error) {
      if (isIndelibleError(error, 'HEAD_MOVED')) continue;
      throw error;
    }
    say(lines.map(({ seq, hash }) => `${seq} ${hash}\n`).join(''));
    done++;
  }
  await store.close();
} catch (error) {
  say(`error ${isIndelibleError(error) ? error.code : error}\n`);
  process.exitCode = 1;
}
