/**
 * How fast the index follows: behind a burst of appends, and from nothing.
 */
import { rmSync } from 'node:fs';
import { indexPath } from '../../packages/indelible/src/compose.ts';
import { EventSource } from '../events.ts';
import { type Measures, numberParam, type Params, textParam } from '../sample.ts';
import { ledgerUrl, openBenchLedger, perSecond, recordAll } from './ledger-append.ts';

/** After a bulk append: how long until the last acknowledged record can be found. */
export async function catchUp(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const ledger = await openBenchLedger(ledgerUrl(textParam(params, 'store'), folder));
  const events = new EventSource();
  const callers = Math.min(numberParam(params, 'callers'), records);
  await recordAll(ledger, events, Math.ceil(records / 10), callers);
  await ledger.caughtUp();
  const started = performance.now();
  await recordAll(ledger, events, records, callers);
  const acknowledged = performance.now();
  const lag_records = ledger.stats.head_seq + 1 - (ledger.stats.index_position ?? 0);
  await ledger.caughtUp();
  const indexed = performance.now();
  await ledger.close();
  return {
    records_per_s: perSecond(records, indexed - started),
    lag_records,
    catch_up_ms: indexed - acknowledged,
  };
}

/** `indelible reindex`: the index file is gone, and the tail builds it from the log. */
export async function reindex(params: Params, folder: string): Promise<Measures> {
  const url = ledgerUrl(textParam(params, 'store'), folder);
  const path = indexPath(url);
  if (path === null) throw new Error('a memory ledger has no index file');
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  const started = performance.now();
  const ledger = await openBenchLedger(url);
  await ledger.caughtUp();
  const ms = performance.now() - started;
  const { head_seq, index_position } = ledger.stats;
  await ledger.close();
  const records = numberParam(params, 'records');
  // The ledger may have been built for others, who have it anchored, which is a record more.
  if (head_seq < records - 1 || index_position !== head_seq + 1) {
    throw new Error(`${index_position} of ${head_seq + 1} records indexed, ${records} expected`);
  }
  return { records_per_s: perSecond(records, ms), total_ms: ms };
}
