/**
 * One pass over a log: its chain, and in the same pass what its tree is made of and what else its records mention.
 *
 * The quick way checks the shards of the log in parallel. If anything does not fit there, the rest is read once more
 * in order, to say what was done and where it began.
 *
 * Errors:  KEY_UNKNOWN; the store's own errors but LEDGER_DAMAGED: the verdict says how far it could be read.
 */
import { availableParallelism } from 'node:os';
import {
  type ChainBeginning,
  type ChainEnd,
  ChainVerifier,
  isIndelibleError,
  type LeafSink,
  type StretchReport,
  stretchesJoin,
} from '@indelible/core';
import type { Head, LogStore } from '../stores/contract.ts';
import { type AttachmentUse, AttachmentUses, attachmentUses } from './attachment-uses.ts';
import type { Keyring } from './keyring.ts';
import { type HashedStretch, LeafTiles, type Leaves } from './leaf-tiles.ts';
import { ProofRecords } from './proof-records.ts';
import type { ChainKey, Finding, VerifyProgress } from './types.ts';
import { type ShardReport, type TreeWork, verifyShards } from './verify-shards.ts';

const WORKERS_MAX = 8;
/** Reading so much takes no longer than starting threads for it. */
const SMALL_BYTES = 4 << 20;
/** Leaves that are handed over at a time. */
const LEAVES_USUAL = 16_384;

/** Where a chain stood: enough to go on behind it. */
export interface ChainPosition {
  readonly beginning: ChainBeginning;
  readonly end: ChainEnd;
}

export interface ChainOptions {
  readonly store: LogStore;
  readonly keys?: readonly ChainKey[];
  /** Threads; default: one per core, at most 8, and none for a small log. 0 verifies in this thread. */
  readonly workers?: number;
  readonly onProgress?: (progress: VerifyProgress) => void;
  readonly signal?: AbortSignal;
  /** Goes on behind records that were verified before, in this thread. */
  readonly from?: ChainPosition;
  /** What is computed of the tree; default nothing. */
  readonly tree?: TreeWork;
  /** Receives leaf hashes with `tree: 'leaves'`: in any order, and some again when the quick way did not do. */
  readonly onLeaves?: (leaves: Leaves) => void;
}

/** What the chain alone shows. */
export interface ChainVerdict {
  /** Those that were read now. */
  readonly records: number;
  readonly ledger: string;
  readonly first_seq: number;
  readonly head: Head | null;
  readonly findings: readonly Finding[];
  readonly findings_total: number;
  /** The attachments that its records refer to. */
  readonly attachments: readonly AttachmentUse[];
  readonly proof_records: readonly Uint8Array[];
  /** Null when it was not asked for, and for a log without records. */
  readonly hashed: HashedStretch | null;
  /** Where it ends, to go on from there; null where that is not known. */
  readonly position: ChainPosition | null;
}

/** Verifies everything that the store holds now, or what it holds behind `from`. */
export async function verifyChain(options: ChainOptions, keyring: Keyring): Promise<ChainVerdict> {
  const { store, keys = [], onProgress, onLeaves, tree = 'none', signal } = options;
  if (options.from !== undefined) return verifyInOrder(options, keyring, [], options.from);
  const workers = options.workers ?? Math.min(availableParallelism(), WORKERS_MAX);
  const shards =
    workers === 0
      ? undefined
      : await store.shards?.(workers).catch((error: unknown) => unlessDamaged(error, undefined));
  let good: ShardReport[] = [];
  const bytes_total = shards?.reduce((total, shard) => total + shard.bytes, 0) ?? 0;
  if (shards !== undefined && (options.workers !== undefined || bytes_total > SMALL_BYTES)) {
    const all = await verifyShards(shards, {
      keys,
      tree,
      onProgress: (records, bytes) => onProgress?.({ records, bytes, bytes_total }),
      onLeaves: (leaves) => onLeaves?.(leaves),
      ...(signal === undefined ? {} : { signal }),
    }).catch((error: unknown) => unlessDamaged(error, []));
    const reports = all.filter(({ stretch }) => stretch.beginning !== null || !stretch.clean);
    good = leadingGood(reports);
    if (good.length === reports.length && good.length > 0 && beginsRightly(stretches(good)))
      return cleanVerdict(good);
  }
  return verifyInOrder(options, keyring, good, null);
}

/** What cannot be read is for the report to name, not a reason not to verify. */
export function unlessDamaged<T>(error: unknown, otherwise: T): T {
  damage(error);
  return otherwise;
}

/** What the store says about damage that it met; raises any other error. */
export function damage(error: unknown): string {
  if (isIndelibleError(error, 'LEDGER_DAMAGED')) return error.message;
  throw error;
}

/** The shards before the first that is not clean or does not join its neighbour. */
function leadingGood(reports: readonly ShardReport[]): ShardReport[] {
  const good: ShardReport[] = [];
  for (const report of reports) {
    const before = good.at(-1)?.stretch;
    if (!report.stretch.clean || (before !== undefined && !stretchesJoin(before, report.stretch))) break;
    good.push(report);
  }
  return good;
}

function stretches(reports: readonly ShardReport[]): StretchReport[] {
  return reports.map(({ stretch }) => stretch);
}

function usesOf(reports: readonly ShardReport[]): AttachmentUses {
  const uses = new AttachmentUses();
  for (const { attachments } of reports) uses.add(attachments);
  return uses;
}

function proofRecordsOf(reports: readonly ShardReport[]): ProofRecords {
  const records = new ProofRecords();
  for (const { proof_records } of reports) records.addAll(proof_records);
  return records;
}

/** The tiles of neighbouring shards, to be continued. */
function tilesOf(reports: readonly ShardReport[], keep_leaves: boolean): LeafTiles | null {
  let tiles: LeafTiles | null = null;
  for (const { hashed } of reports) {
    if (hashed === null) continue;
    tiles ??= new LeafTiles(hashed.begin, keep_leaves);
    tiles.join(hashed);
  }
  return tiles;
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

function cleanVerdict(reports: readonly ShardReport[]): ChainVerdict {
  const beginning = reports[0]!.stretch.beginning!;
  const end = reports.at(-1)!.stretch.end!;
  return {
    records: reports.reduce((total, { stretch }) => total + stretch.records, 0),
    ledger: beginning.ledger,
    first_seq: beginning.seq,
    head: { seq: end.seq, hash: end.hash },
    findings: [],
    findings_total: 0,
    attachments: usesOf(reports).list(),
    proof_records: proofRecordsOf(reports).list(),
    hashed: tilesOf(reports, false)?.stretch() ?? null,
    position: { beginning, end },
  };
}

/** Reads in order from behind what is known to be good. */
async function verifyInOrder(
  { store, onProgress, onLeaves, signal, tree = 'none' }: ChainOptions,
  keyring: Keyring,
  good: readonly ShardReport[],
  position: ChainPosition | null,
): Promise<ChainVerdict> {
  // A truncation that sanctions a late beginning may stand anywhere: then everything is read again.
  const from_start = good[0]?.stretch.beginning?.seq === 0 && beginsRightly(stretches(good));
  const kept = from_start ? good : [];
  const uses = usesOf(kept);
  const proof_records = proofRecordsOf(kept);
  const usable = stretches(kept);
  const usable_end = usable.at(-1)?.end ?? null;
  const from =
    position ?? (usable_end === null ? undefined : { beginning: usable[0]!.beginning!, end: usable_end });
  let next = from === undefined ? 0 : from.end.seq + 1;
  let tiles = tilesOf(kept, tree === 'leaves');
  // What was handed over already is not handed over again.
  tiles?.takeLeaves(1);
  const sink: LeafSink = { append: (leaf) => tiles!.append(leaf) };
  const verifier = new ChainVerifier(
    (key_id) => keyring.hash(key_id),
    from,
    tree === 'none' ? undefined : sink,
  );
  const handOver = (at_least: number): void => {
    const leaves = tiles?.takeLeaves(at_least) ?? null;
    if (leaves !== null) onLeaves?.(leaves);
  };
  const skipped = usable.reduce((total, report) => total + report.records, 0);
  const unreadable: Finding[] = [];
  let bytes = 0;
  try {
    for await (const batch of store.read(next)) {
      signal?.throwIfAborted();
      tiles ??= new LeafTiles(from === undefined ? batch.first_seq : next, tree === 'leaves');
      verifier.push(batch.bytes, batch.ends, batch.stored_seqs);
      uses.add(attachmentUses(batch));
      proof_records.add(batch);
      handOver(LEAVES_USUAL);
      next = batch.first_seq + batch.ends.length;
      bytes += batch.bytes.length;
      onProgress?.({ records: skipped + verifier.records, bytes, bytes_total: Math.max(bytes, 1) });
    }
  } catch (error) {
    const detail = `${damage(error)}; nothing from record ${next} on was checked`;
    unreadable.push({ damage: 'unreadable', seq: Math.max(0, next), detail });
  }
  handOver(1);
  const report = verifier.finish();
  const { beginning } = report;
  const end = report.end ?? (report.records === 0 ? (from?.end ?? null) : null);
  return {
    records: skipped + report.records,
    ledger: beginning?.ledger ?? '',
    first_seq: beginning?.seq ?? 0,
    head: end === null ? null : { seq: end.seq, hash: end.hash },
    findings: [...report.findings, ...unreadable],
    findings_total: report.findings_total + unreadable.length,
    attachments: uses.list(),
    proof_records: proof_records.list(),
    hashed: tree === 'none' ? null : (tiles?.stretch() ?? null),
    position: beginning === null || end === null ? null : { beginning, end },
  };
}
