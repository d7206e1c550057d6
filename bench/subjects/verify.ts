/**
 * `verifyLog` as `indelible verify` calls it, on a log that has just been written: its pages are in memory.
 */
import { availableParallelism } from 'node:os';
import { openIndex, openStore } from '../../packages/indelible/src/compose.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { type Measures, numberParam, type Params, textParam } from '../sample.ts';
import { ledgerUrl, perSecond } from './ledger-append.ts';

export async function verify(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const url = ledgerUrl(textParam(params, 'store'), folder);
  const store = await openStore(url, { read_only: true });
  const index = params.index === true ? await openIndex(url) : undefined;
  const started = performance.now();
  const report = await verifyLog({
    store,
    ...(index === undefined ? {} : { index }),
    workers: availableParallelism(),
  });
  const ms = performance.now() - started;
  await index?.close();
  await store.close();
  if (!report.ok || report.records_checked !== records) {
    throw new Error(`${report.verdict}: ${report.records_checked} records checked; ${report.detail}`);
  }
  if (index !== undefined && report.index?.checked !== records) {
    throw new Error(`the index was compared for ${report.index?.checked} of ${records} records`);
  }
  return { records_per_s: perSecond(records, ms), total_ms: ms };
}
