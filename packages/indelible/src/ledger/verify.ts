/**
 * Verification of a stored log: store, chain and index, with a verdict that says no more than was checked.
 *
 * The quick way checks the shards of the log in parallel. If anything does not fit there, the rest is read once more
 * in order, to say what was done and where it began.
 *
 * Errors:  LEDGER_NOT_FOUND for an empty store; KEY_REQUIRED, KEY_WRONG, KEY_UNKNOWN, KEY_UNEXPECTED when the secrets do
 *          not fit; the store's own errors but LEDGER_DAMAGED. None of these is a verdict about the records. A store
 *          that raises LEDGER_DAMAGED while it is read is: the report says how far it could be read.
 */
import { availableParallelism } from 'node:os';
import {
  ChainVerifier,
  IndelibleError,
  isIndelibleError,
  type StretchReport,
  stretchesJoin,
} from '@indelible/core';
import type { Head, LogStore, StoreFinding } from '../stores/contract.ts';
import type { RecordIndex } from '../stores/index/contract.ts';
import { Keyring } from './keyring.ts';
import type { ChainKey, Finding, VerifyProgress, VerifyReport } from './types.ts';
import { compareIndex } from './verify-index.ts';
import { checkKeysFit } from './verify-keys.ts';
import { composeReport } from './verify-report.ts';
import { verifyShards } from './verify-shards.ts';

const WORKERS_MAX = 8;
/** Reading so much takes no longer than starting threads for it. */
const SMALL_BYTES = 4 << 20;

export interface VerifyOptions {
  readonly store: LogStore;
  /** Compared with the log when given. */
  readonly index?: RecordIndex;
  /** The secrets of a keyed ledger. */
  readonly keys?: readonly ChainKey[];
  /** Threads; default: one per core, at most 8, and none for a small log. 0 verifies in this thread. */
  readonly workers?: number;
  readonly onProgress?: (progress: VerifyProgress) => void;
  readonly signal?: AbortSignal;
}

/** What the chain alone shows. */
export interface ChainVerdict {
  readonly records: number;
  readonly ledger: string;
  readonly first_seq: number;
  readonly head: Head | null;
  readonly findings: readonly Finding[];
  readonly findings_total: number;
}

/** Verifies everything that the store holds now. */
export async function verifyLog(options: VerifyOptions): Promise<VerifyReport> {
  const { store, index, keys = [] } = options;
  const started = performance.now();
  const head = await store.head().catch((error: unknown) => unlessDamaged(error, undefined));
  if (head === null) throw new IndelibleError('LEDGER_NOT_FOUND', `there is no ledger in ${store.url}`);
  const keyring = new Keyring(keys);
  await checkKeysFit(store, keyring);
  const store_notes = await store
    .inspect()
    .catch((error: unknown): readonly StoreFinding[] => [
      { code: 'file_corrupt', detail: damage(error), damage: true },
    ]);
  const comparing = index === undefined ? null : compareIndex(store, index);
  // Awaited below; a failure of the chain must not leave this one unhandled.
  comparing?.catch(() => {});
  const chain = await verifyChain(options, keyring);
  const compared = await comparing;
  return composeReport({ chain, store_notes, compared, duration_ms: performance.now() - started });
}

/** What cannot be read is for the report to name, not a reason not to verify. */
function unlessDamaged<T>(error: unknown, otherwise: T): T {
  damage(error);
  return otherwise;
}

/** What the store says about damage that it met; raises any other error. */
function damage(error: unknown): string {
  if (isIndelibleError(error, 'LEDGER_DAMAGED')) return error.message;
  throw error;
}

async function verifyChain(options: VerifyOptions, keyring: Keyring): Promise<ChainVerdict> {
  const { store, keys = [], onProgress, signal } = options;
  const workers = options.workers ?? Math.min(availableParallelism(), WORKERS_MAX);
  const shards =
    workers === 0
      ? undefined
      : await store.shards?.(workers).catch((error: unknown) => unlessDamaged(error, undefined));
  let good: StretchReport[] = [];
  const bytes_total = shards?.reduce((total, shard) => total + shard.bytes, 0) ?? 0;
  if (shards !== undefined && (options.workers !== undefined || bytes_total > SMALL_BYTES)) {
    const progress = (records: number, bytes: number) => onProgress?.({ records, bytes, bytes_total });
    const all = await verifyShards(shards, keys, progress, signal).catch((error: unknown) =>
      unlessDamaged(error, []),
    );
    const reports = all.filter((report) => report.beginning !== null || !report.clean);
    good = leadingGood(reports);
    if (good.length === reports.length && good.length > 0 && beginsRightly(good)) return cleanVerdict(good);
  }
  return verifyInOrder(store, keyring, good, onProgress, signal);
}

/** The shards before the first that is not clean or does not join its neighbour. */
function leadingGood(reports: readonly StretchReport[]): StretchReport[] {
  const good: StretchReport[] = [];
  for (const report of reports) {
    const before = good.at(-1);
    if (!report.clean || (before !== undefined && !stretchesJoin(before, report))) break;
    good.push(report);
  }
  return good;
}

function beginsRightly(reports: readonly StretchReport[]): boolean {
  const beginning = reports[0]!.beginning!;
  if (beginning.seq === 0) return /^0+$/.test(beginning.prev_hash);
  return reports.some(({ notices }) =>
    notices.some(
      ({ truncation }) =>
        truncation?.keep_from === beginning.seq && truncation.prev_hash === beginning.prev_hash,
    ),
  );
}

function cleanVerdict(reports: readonly StretchReport[]): ChainVerdict {
  const beginning = reports[0]!.beginning!;
  const end = reports.at(-1)!.end!;
  return {
    records: reports.reduce((total, report) => total + report.records, 0),
    ledger: beginning.ledger,
    first_seq: beginning.seq,
    head: { seq: end.seq, hash: end.hash },
    findings: [],
    findings_total: 0,
  };
}

/** Reads in order from behind what is known to be good. */
async function verifyInOrder(
  store: LogStore,
  keyring: Keyring,
  good: readonly StretchReport[],
  onProgress: VerifyOptions['onProgress'],
  signal: AbortSignal | undefined,
): Promise<ChainVerdict> {
  // A truncation that sanctions a late beginning may stand anywhere: then everything is read again.
  const usable = good[0]?.beginning?.seq === 0 && beginsRightly(good) ? good : [];
  const end = usable.at(-1)?.end ?? null;
  const from = end === null ? undefined : { beginning: usable[0]!.beginning!, end };
  const verifier = new ChainVerifier((key_id) => keyring.hash(key_id), from);
  const skipped = usable.reduce((total, report) => total + report.records, 0);
  const unreadable: Finding[] = [];
  let next = end === null ? 0 : end.seq + 1;
  let bytes = 0;
  try {
    for await (const batch of store.read(next)) {
      signal?.throwIfAborted();
      verifier.push(batch.bytes, batch.ends, batch.stored_seqs);
      next = batch.first_seq + batch.ends.length;
      bytes += batch.bytes.length;
      onProgress?.({ records: skipped + verifier.records, bytes, bytes_total: Math.max(bytes, 1) });
    }
  } catch (error) {
    const detail = `${damage(error)}; nothing from record ${next} on was checked`;
    unreadable.push({ damage: 'unreadable', seq: Math.max(0, next), detail });
  }
  const report = verifier.finish();
  return {
    records: skipped + report.records,
    ledger: report.beginning?.ledger ?? '',
    first_seq: report.beginning?.seq ?? 0,
    head: report.end === null ? null : { seq: report.end.seq, hash: report.end.hash },
    findings: [...report.findings, ...unreadable],
    findings_total: report.findings_total + unreadable.length,
  };
}
