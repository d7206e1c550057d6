/**
 * Fills a ledger for the subjects that read one, with thousands of records in flight.
 */
import { EventSource } from '../events.ts';
import { type Measures, numberParam, type Params, textParam } from '../sample.ts';
import { ledgerUrl, openBenchLedger, perSecond, recordAll } from './ledger-append.ts';

const CALLERS = 2000;

export async function buildLedger(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const ledger = await openBenchLedger(ledgerUrl(textParam(params, 'store'), folder));
  const started = performance.now();
  // Record 0 is the ledger's own.
  await recordAll(ledger, new EventSource(), records - 1, Math.min(CALLERS, records - 1));
  const acknowledged = performance.now();
  await ledger.caughtUp();
  await ledger.close();
  return { records_per_s: perSecond(records, acknowledged - started) };
}
