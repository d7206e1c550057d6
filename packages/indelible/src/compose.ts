/**
 * The one place that picks concrete stores and indexes: from a ledger URL to an open ledger.
 *
 * Errors:  LEDGER_URL for a URL that names no store; those of `Ledger.open`.
 */
import { existsSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { IndelibleError, isIndelibleError, parsePolicy } from '@indelible/core';
import { carryTokens } from './access/token-carry.ts';
import type { AnchorScheduler, SchedulerOptions } from './anchors/schedule.ts';
import type { AttachmentStore } from './attachments/contract.ts';
import { openFolderAttachments } from './attachments/folder.ts';
import { openMemoryAttachments } from './attachments/memory.ts';
import { Ledger } from './ledger/ledger.ts';
import { DEFAULT_LEDGER_NAME } from './ledger/opening.ts';
import type { LedgerLog, LedgerOptions } from './ledger/types.ts';
import type { LogStore } from './stores/contract.ts';
import { openFileStore } from './stores/file/file-store.ts';
import type { RecordIndex } from './stores/index/contract.ts';
import { openSqliteIndex } from './stores/index/sqlite-index.ts';
import { openMemoryStore } from './stores/memory.ts';
import { openSqliteStore } from './stores/sqlite/sqlite-store.ts';
import type { Cosigner } from './transparency/contract.ts';
import { type CheckpointOptions, openTransparency } from './transparency/open.ts';
import { refuseKeyBeside } from './transparency/signing-key-file.ts';
import { checkSigner } from './transparency/signing-keys.ts';

export { createAnchors } from './compose-anchors.ts';

export const DEFAULT_LEDGER_URL = 'sqlite:./indelible-data/ledger.db';

export interface OpenOptions
  extends Omit<LedgerOptions, 'store' | 'index' | 'attachments' | 'follow'>,
    CheckpointOptions {
  /** Takes no lock and appends nothing; another process may be writing. */
  readonly read_only?: boolean;
  /** The largest `data` that is taken, in bytes; default 16 MiB, at most 64 MiB. */
  readonly attachment_bytes_max?: number;
  /** For a short command: fewer threads, whose start would take longer than its work. */
  readonly short_lived?: boolean;
  /** Gives the signer of checkpoints once the ledger's name is known, unless `signer` is given; null for none. */
  readonly signerFor?: (name: string) => Promise<CheckpointSigner | null>;
}

/** Who signs checkpoints, and where its key lies if that is a file. */
export type CheckpointSigner = NonNullable<CheckpointOptions['signer']>;

/** A ledger URL taken apart: `memory:`, `file:DIR` or `sqlite:FILE`, with `?segment_bytes_max=…&segments_max=…`. */
export interface LedgerPlace {
  readonly scheme: 'memory' | 'file' | 'sqlite';
  readonly path: string;
  readonly options: ReadonlyMap<string, number>;
}

const URL_OPTIONS = { file: ['segment_bytes_max', 'segments_max'], sqlite: [], memory: [] } as const;

/** Takes a ledger URL apart; raises LEDGER_URL naming what is wrong. */
export function parseLedgerUrl(url: string): LedgerPlace {
  const match = /^(memory|file|sqlite):([^?]*)(?:\?(.*))?$/.exec(url);
  if (match === null) throw new IndelibleError('LEDGER_URL', `"${url.slice(0, 200)}" is not a ledger URL`);
  const scheme = match[1] as LedgerPlace['scheme'];
  const path = match[2]!.replace(/^\/\//, '');
  if ((path === '') !== (scheme === 'memory')) {
    throw new IndelibleError(
      'LEDGER_URL',
      scheme === 'memory' ? 'memory: takes no path' : `${scheme}: needs a path`,
    );
  }
  const options = new Map<string, number>();
  for (const [name, text] of new URLSearchParams(match[3] ?? '')) {
    const value = Number(text);
    const known: readonly string[] = URL_OPTIONS[scheme];
    if (!known.includes(name) || !Number.isSafeInteger(value) || value < 1) {
      throw new IndelibleError('LEDGER_URL', `${scheme}: does not take ${name}=${text.slice(0, 40)}`);
    }
    options.set(name, value);
  }
  return { scheme, path, options };
}

/** Opens the store that a URL names. */
export async function openStore(
  url: string,
  options: { readonly read_only?: boolean; readonly create?: boolean; readonly one_thread?: boolean } = {},
): Promise<LogStore> {
  const place = parseLedgerUrl(url);
  const { read_only = false, one_thread = false } = options;
  const create = !read_only && (options.create ?? true);
  switch (place.scheme) {
    case 'memory':
      return openMemoryStore();
    case 'sqlite':
      return openSqliteStore({ path: place.path, read_only, create, one_thread });
    case 'file':
      return openFileStore({ dir: place.path, read_only, create, ...Object.fromEntries(place.options) });
  }
}

/** Opens the derived index beside a store: in a file of its own, or in memory where nothing can be written. */
export async function openIndex(
  url: string,
  options: { readonly rebuild?: boolean; readonly one_thread?: boolean } = {},
): Promise<RecordIndex> {
  const path = indexPath(url);
  return openSqliteIndex({ path: path !== null && (await isWritable(path)) ? path : ':memory:', ...options });
}

/** Where the index of a ledger lies, or null when it has no file. */
export function indexPath(url: string): string | null {
  const place = parseLedgerUrl(url);
  if (place.scheme === 'memory') return null;
  return place.scheme === 'file' ? join(place.path, 'index.db') : `${place.path}.index`;
}

/** Opens the attachments of a ledger: a folder beside its log that the first of them makes. */
export function openAttachments(
  url: string,
  options: { readonly read_only?: boolean; readonly bytes_max?: number } = {},
): AttachmentStore {
  const path = attachmentsPath(url);
  return path === null
    ? openMemoryAttachments(options)
    : openFolderAttachments({ path: resolve(path), ...options });
}

/** Where the attachments of a ledger lie, or null when that is in memory. */
function attachmentsPath(url: string): string | null {
  const place = parseLedgerUrl(url);
  if (place.scheme === 'memory') return null;
  return place.scheme === 'file' ? join(place.path, 'attachments') : `${place.path}.attachments`;
}

/** Where the tree and the checkpoints of a ledger lie, or null when that is in memory. */
export function treeFolder(url: string): string | null {
  const place = parseLedgerUrl(url);
  if (place.scheme === 'memory') return null;
  return place.scheme === 'file' ? join(place.path, 'tree') : `${place.path}.tree`;
}

/** Whether the ledger has a tree, and so very likely a signing key and checkpoints. */
export function isSigned(url: string): boolean {
  const folder = treeFolder(url);
  return folder !== null && existsSync(folder);
}

const SILENT: LedgerLog = { info() {}, warn() {}, error() {} };

/** Opens the ledger at a URL, with its index. */
export async function openLedger(url: string, options: OpenOptions = {}): Promise<Ledger> {
  const {
    read_only = false,
    short_lived: one_thread = false,
    attachment_bytes_max,
    ...ledgerOptions
  } = options;
  const create = !read_only && (options.create ?? true);
  const limit = attachment_bytes_max === undefined ? {} : { bytes_max: attachment_bytes_max };
  const attachments = openAttachments(url, { read_only, ...limit });
  refuseSigner(url, options);
  const store = await openStore(url, { read_only, create, one_thread });
  let index: RecordIndex | undefined;
  try {
    // Also a key that is only looked for now must not leave a new ledger behind.
    const is_new = create && (await store.head()) === null;
    const early = is_new ? await foundSigner(url, options.name ?? DEFAULT_LEDGER_NAME, options) : null;
    index = await openIndexOrRebuild(url, one_thread, options);
    return await Ledger.open({
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

/** Refuses a signing key inside the folder of the ledger at this URL. */
export function refuseKeyBesideLedger(file: string, url: string): void {
  const { scheme, path } = parseLedgerUrl(url);
  if (scheme !== 'memory') refuseKeyBeside(file, scheme === 'file' ? path : dirname(path));
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
  one_thread: boolean,
  { log }: OpenOptions,
): Promise<RecordIndex> {
  try {
    return await openIndex(url, { one_thread });
  } catch (error) {
    if (!isIndelibleError(error, 'INDEX_DAMAGED')) throw error;
    log?.warn({ error: error.message }, 'the index was damaged; it is rebuilt from the log');
    return openIndex(url, { rebuild: true, one_thread });
  }
}

async function isWritable(path: string): Promise<boolean> {
  const folder = join(path, '..');
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Has checkpoints cosigned as a policy file (c2sp.org/tlog-policy) says. */
export async function createCosigner(policy: Uint8Array | string): Promise<Cosigner> {
  const { WitnessClient } = await import('./witness/client.ts');
  return new WitnessClient({ policy: parsePolicy(policy) });
}

/** Anchors a ledger that is open for writing: on schedule once started, and on demand. Leaves the anchors open. */
export async function scheduleAnchors(
  ledger: Ledger,
  options: Omit<SchedulerOptions, 'source'>,
): Promise<AnchorScheduler> {
  const { AnchorScheduler } = await import('./anchors/schedule.ts');
  const { ledgerSource } = await import('./anchoring/ledger-source.ts');
  return new AnchorScheduler({ ...options, source: ledgerSource(ledger) });
}
