/**
 * Verification of a ledger with everything that can be compared: its records, what lies beside them, what was signed,
 * and what is kept elsewhere. Full, or from where the last one ended.
 *
 * An incremental verification leaves no gap: it goes on exactly behind the last record that was verified, whatever was
 * written meanwhile. It is only taken for what it says when the stored tree has the root that was verified then and a
 * signed checkpoint covers it; else everything is read again.
 *
 * Errors:  those of `verifyLog`.
 */
import { isLine, lineHash, MerkleRange } from '@indelible/core';
import type { VerifyReport } from '../ledger/types.ts';
import { type VerifyOptions, verifyLog } from '../ledger/verify.ts';
import { CheckProofs } from './check-proofs.ts';
import { storedRange } from './stored-range.ts';
import type { PositionStore, StoredProofs, VerifiedPosition, VerifyTrust } from './types.ts';

export interface VerifyLedgerOptions extends Omit<VerifyOptions, 'proofs'> {
  /** What lies beside the log; null for nothing. */
  readonly stored: StoredProofs | null;
  readonly trust?: VerifyTrust;
  /** Where it is kept how far the log was verified. */
  readonly position?: PositionStore;
  /** Goes on from there, if that can be relied on. */
  readonly incremental?: boolean;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
}

export interface LedgerVerification {
  readonly report: VerifyReport;
  readonly mode: 'full' | 'incremental';
  /** Why a verification that should have gone on did not; null when it did, or was not to. */
  readonly read_again: string | null;
}

/** Verifies; a ledger found sound is remembered as far as it was. */
export async function verifyLedger(options: VerifyLedgerOptions): Promise<LedgerVerification> {
  const { position, incremental = false } = options;
  let read_again: string | null = null;
  if (incremental) {
    const from = (await position?.read()) ?? null;
    read_again = from === null ? 'nothing tells how far it was verified' : await whyNot(from, options);
    if (from !== null && read_again === null) {
      const { report, reached } = await verifyFrom(from, options);
      const covered = (report.graded.checkpoint?.size ?? 0) >= from.size;
      if (!report.ok || covered) {
        await remember(report, reached, position);
        return { report, mode: 'incremental', read_again };
      }
      read_again = 'no signed checkpoint covers what was verified before';
    }
  }
  const { report, reached } = await verifyFrom(null, options);
  await remember(report, reached, position);
  return { report, mode: 'full', read_again };
}

async function verifyFrom(from: VerifiedPosition | null, options: VerifyLedgerOptions) {
  const { index, stored, trust = {}, clock = Date.now, ...rest } = options;
  const proofs = await CheckProofs.begin({
    store: options.store,
    stored,
    trust,
    position: from,
    now: new Date(clock()).toISOString(),
  });
  const whole = from === null && index !== undefined ? { index } : {};
  const report = await verifyLog({ ...rest, ...whole, proofs });
  return { report, reached: proofs.reached };
}

/** Never fails a verification: without it the next one reads everything. */
async function remember(
  { ok }: VerifyReport,
  reached: VerifiedPosition | null,
  position: PositionStore | undefined,
): Promise<void> {
  if (ok && reached !== null) await position?.write(reached).catch(() => {});
}

/** Why a position cannot be gone on from; null when it can. */
async function whyNot(
  { ledger, size, root, chain }: VerifiedPosition,
  { store, stored }: VerifyLedgerOptions,
): Promise<string | null> {
  if (stored?.tree == null) return 'there is no stored tree to compare';
  const range = await storedRange(stored.tree, size);
  if (range === null || MerkleRange.from(range).root() !== root)
    return 'the stored tree is not the one that was verified';
  const [last] = await store.get([size - 1]);
  if (last === undefined || !isLine(last.line, 0, last.line.length))
    return 'the last record that was verified is gone';
  if (lineHash(last.line, 0) !== chain.end.hash) return 'the last record that was verified is another';
  for await (const checkpoint of stored.checkpoints()) {
    if (checkpoint.size >= size) return null;
  }
  return `no checkpoint of ${ledger} covers what was verified before`;
}
