/**
 * From a ledger URL to an open ledger, with its index, attachments, tree and signer.
 *
 * Errors:  LEDGER_URL for a URL that names no store; those of `Ledger.open`.
 */
import { isIndelibleError, parsePolicy } from '@indelible/core';
import { carryTokens } from '../access/token-carry.ts';
import type { AnchorScheduler, SchedulerOptions } from '../anchors/schedule.ts';
import { catchUpIndex, type IndexingProgress } from '../ledger/index-position.ts';
import { Ledger } from '../ledger/ledger.ts';
import { DEFAULT_LEDGER_NAME } from '../ledger/opening.ts';
import type { LedgerLog, LedgerOptions } from '../ledger/types.ts';
import type { LogStore, Threads } from '../stores/contract.ts';
import type { RecordIndex } from '../stores/index/contract.ts';
import type { Cosigner } from '../transparency/contract.ts';
import { type CheckpointOptions, openTransparency } from '../transparency/open.ts';
import { checkSigner } from '../transparency/signing-keys.ts';
import { isSmall, openAttachments, openIndex, refuseKeyBesideLedger, treeFolder } from './beside.ts';
import { openStore } from './open-store.ts';
import { claimFolder, refuseFolderOfAnother } from './own-folder.ts';

export const DEFAULT_LEDGER_URL = 'sqlite:./indelible-data/ledger.db';

export interface OpenOptions
  extends Omit<LedgerOptions, 'store' | 'index' | 'attachments' | 'follow'>,
    CheckpointOptions {
  /** Takes no lock and appends nothing; another process may be writing. */
  readonly read_only?: boolean;
  /** The largest `data` that is taken, in bytes; default 16 MiB, at most 64 MiB. */
  readonly attachment_bytes_max?: number;
  /** For commands: fewer threads, whose start would take longer than their work. `none` only where there is little. */
  readonly threads?: Threads;
  /** Told how an index that is far behind comes along; the ledger opens once it has. */
  readonly onIndexing?: (progress: IndexingProgress) => void;
  /** Gives the signer of checkpoints once the ledger's name is known, unless `signer` is given; null for none. */
  readonly signerFor?: (name: string) => Promise<CheckpointSigner | null>;
}

/** Who signs checkpoints, and where its key lies if that is a file. */
export type CheckpointSigner = NonNullable<CheckpointOptions['signer']>;

const SILENT: LedgerLog = { info() {}, warn() {}, error() {} };

/** Opens the ledger at a URL, with its index. */
export async function openLedger(url: string, options: OpenOptions = {}): Promise<Ledger> {
  const { read_only = false, attachment_bytes_max, ...ledgerOptions } = options;
  const threads = options.threads === 'none' && !(await isSmall(url)) ? 'one' : options.threads;
  const create = !read_only && (options.create ?? true);
  const limit = attachment_bytes_max === undefined ? {} : { bytes_max: attachment_bytes_max };
  const attachments = openAttachments(url, { read_only, ...limit });
  refuseSigner(url, options);
  const store = await openStore(url, { read_only, create, threads });
  let index: RecordIndex | undefined;
  try {
    // Also a key that is only looked for now must not leave a new ledger behind.
    const is_new = create && (await store.head()) === null;
    const name = options.name ?? store.ledger_name ?? DEFAULT_LEDGER_NAME;
    await refuseFolderOfAnother(url, store, name);
    const early = is_new ? await foundSigner(url, name, options) : null;
    index = await openIndexOrRebuild(url, threads, options);
    await bringIndexAlong(store, index, options);
    const ledger = await Ledger.open({
      before_truncation: carryTokens,
      ...ledgerOptions,
      store,
      index,
      attachments,
      create,
      follow: async (ledger) =>
        openTransparency({
          ...options,
          ...(early ?? (await foundSigner(url, ledger.name, options))),
          ledger,
          folder: treeFolder(url),
          keyed: (options.keys?.length ?? 0) > 0,
          log: options.log ?? SILENT,
        }),
    });
    await claimFolder(url, ledger.name);
    return ledger;
  } catch (error) {
    await index?.close();
    await store.close();
    throw error;
  }
}

/** Before anything is made: a key that cannot be used must not leave a new ledger behind. */
function refuseSigner(url: string, { signer, name }: OpenOptions): void {
  if (signer === undefined) return;
  if (name !== undefined) checkSigner(signer, name);
  if (signer.file !== undefined) refuseKeyBesideLedger(signer.file, url);
}

/** The signer that the options only find once the ledger has a name. */
async function foundSigner(
  url: string,
  name: string,
  { signer, signerFor, read_only = false }: OpenOptions,
): Promise<Pick<CheckpointOptions, 'signer'>> {
  const found = signer === undefined && !read_only ? await signerFor?.(name) : null;
  if (found === undefined || found === null) return {};
  refuseSigner(url, { signer: found, name });
  return { signer: found };
}

/** The index is derived: one that cannot be used is made anew, and the log says so. */
async function openIndexOrRebuild(
  url: string,
  threads: Threads | undefined,
  { log }: OpenOptions,
): Promise<RecordIndex> {
  try {
    return await openIndex(url, { threads });
  } catch (error) {
    if (!isIndelibleError(error, 'INDEX_DAMAGED')) throw error;
    log?.warn({ error: error.message }, 'the index was damaged; it is rebuilt from the log');
    return openIndex(url, { rebuild: true, threads });
  }
}

/**
 * A log whose index is new, on this machine or at all: opening it would remember what the index lacks. Where records are
 * missing from the log it must: that keeps nobody from recording, and queries say so.
 */
async function bringIndexAlong(
  store: LogStore,
  index: RecordIndex,
  { log = SILENT, onIndexing }: OpenOptions,
): Promise<void> {
  let told = false;
  const indexed = await catchUpIndex(store, index, (progress) => {
    if (!told) log.info({ url: store.url, records: progress.records_total }, 'indexing what the index lacks');
    told = true;
    onIndexing?.(progress);
  }).catch((error: unknown) => {
    if (!isIndelibleError(error, 'LEDGER_DAMAGED')) throw error;
    log.error({ url: store.url, error: error.message }, 'the index ends where the log is damaged');
    return 0;
  });
  if (indexed > 0) log.info({ url: store.url, records: indexed }, 'the index is up to date');
}

/** Has checkpoints cosigned as a policy file (c2sp.org/tlog-policy) says. */
export async function createCosigner(policy: Uint8Array | string): Promise<Cosigner> {
  const { WitnessClient } = await import('../witness/client.ts');
  return new WitnessClient({ policy: parsePolicy(policy) });
}

/** Anchors a ledger that is open for writing: on schedule once started, and on demand. Leaves the anchors open. */
export async function scheduleAnchors(
  ledger: Ledger,
  options: Omit<SchedulerOptions, 'source'>,
): Promise<AnchorScheduler> {
  const { AnchorScheduler } = await import('../anchors/schedule.ts');
  const { ledgerSource } = await import('../anchoring/ledger-source.ts');
  return new AnchorScheduler({ ...options, source: ledgerSource(ledger) });
}
