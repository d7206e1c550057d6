/**
 * Verification of a ledger that is signed and anchored: its chain alone, or with everything that proves it, as `indelible verify` does it,
 * on a log that has just been written: its pages are in memory.
 */
import { availableParallelism } from 'node:os';
import { openFileAnchor } from '../../packages/indelible/src/anchors/file/file-anchor.ts';
import { openStoredProofs } from '../../packages/indelible/src/compose/verification.ts';
import { openIndex, openStore } from '../../packages/indelible/src/compose.ts';
import type { VerifyReport } from '../../packages/indelible/src/ledger/types.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { verifyLedger } from '../../packages/indelible/src/verification/verify-ledger.ts';
import { type Measures, numberParam, type Params, textParam } from '../sample.ts';
import { anchorPath } from './build.ts';
import { ledgerUrl, perSecond } from './ledger-append.ts';

export async function verify(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const url = ledgerUrl(textParam(params, 'store'), folder);
  const store = await openStore(url, { read_only: true });
  const index = params.index === true ? await openIndex(url) : undefined;
  const kind = textParam(params, 'store');
  const anchors = [openFileAnchor({ path: anchorPath(kind, folder) })];
  const options = { store, ...(index === undefined ? {} : { index }), workers: availableParallelism() };
  const started = performance.now();
  const stored = params.proofs === true ? await openStoredProofs(url) : null;
  const report =
    params.proofs === true
      ? (await verifyLedger({ ...options, stored, trust: { anchors } })).report
      : await verifyLog(options);
  const ms = performance.now() - started;
  await stored?.close();
  if (params.proofs === true) mustBeProved(report);
  await index?.close();
  await store.close();
  if (!report.ok || report.records_checked < records) {
    throw new Error(`${report.verdict}: ${report.records_checked} records checked; ${report.detail}`);
  }
  if (index !== undefined && (report.index?.checked ?? 0) < records) {
    throw new Error(`the index was compared for ${report.index?.checked} of ${records} records`);
  }
  return { records_per_s: perSecond(records, ms), total_ms: ms };
}

/** A figure for checks that were not made is no figure. */
function mustBeProved({ graded, proofs, records_checked }: VerifyReport): void {
  const { signed, anchored } = graded;
  const hashes = proofs?.tree?.checked ?? 0;
  if (signed.status === 'holds' && anchored.status === 'holds' && hashes > records_checked) return;
  throw new Error(`signed ${signed.detail}; anchored ${anchored.detail}; ${hashes} hashes compared`);
}
