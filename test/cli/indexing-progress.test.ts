/** A server that must build its index first says so, also to a file of logs, and not too often. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indexingNotices } from '../../packages/indelible/src/cli/indexing-progress.ts';
import { openTerminal } from '../../packages/indelible/src/cli/terminal.ts';

test('where nobody watches: a line when it begins, one a minute, one at the end', () => {
  let now = 0;
  const told: string[] = [];
  const terminal = { ...openTerminal(true, {}), notice: (line: string) => void told.push(line) };
  const { update, stop } = indexingNotices(terminal, () => now);
  const records_total = 200_000;
  for (const [ms, records] of [
    [0, 0],
    [1000, 50_000],
    [59_000, 60_000],
    [61_000, 80_000],
    [62_000, 100_000],
    [63_000, 200_000],
  ] as const) {
    now = ms;
    update({ records, records_total });
  }
  stop();
  const amounts = told.map((line) => /: (.*) of 200,000 records$/.exec(line)?.[1]);
  assert.deepEqual(amounts, ['0', '80,000', '200,000']);
});
