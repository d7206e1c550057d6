/**
 * Fills a ledger for the subjects that read one, with thousands of records in flight.
 */
import { join } from 'node:path';
import { openFileAnchor } from '../../packages/indelible/src/anchors/file/file-anchor.ts';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { EventSource } from '../events.ts';
import { type Measures, numberParam, type Params, textParam } from '../sample.ts';
import { ledgerUrl, openBenchLedger, perSecond, recordAll } from './ledger-append.ts';

const CALLERS = 2000;

/** The anchor of a ledger that was built here. */
export function anchorPath(store: string, folder: string): string {
  return join(folder, `${store}-anchor.jsonl`);
}

async function anchor(ledger: Ledger, path: string): Promise<void> {
  const anchor = openFileAnchor({ path });
  const { size, root, note } = await ledger.transparency!.checkpointNow();
  const checkpoint = { origin: ledger.name, size, root, note };
  const receipt = await anchor.publish(checkpoint, new AbortController().signal);
  await ledger.recordOwn({
    action: 'ledger.anchored',
    resource: { type: 'ledger', id: ledger.name },
    data: { anchor: anchor.name, kind: anchor.kind, size, root, receipt: { ...receipt } },
  });
}

/** With `proven`: signed as it grows, and anchored at its end. */
export async function buildLedger(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const signed = params.proven === true;
  const store = textParam(params, 'store');
  const ledger = await openBenchLedger(ledgerUrl(store, folder), { signed });
  const started = performance.now();
  // Record 0 is the ledger's own.
  await recordAll(ledger, new EventSource(), records - 1, Math.min(CALLERS, records - 1));
  const acknowledged = performance.now();
  if (signed) await anchor(ledger, anchorPath(store, folder));
  await ledger.caughtUp();
  await ledger.close();
  return { records_per_s: perSecond(records, acknowledged - started) };
}
