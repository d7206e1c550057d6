/**
 * The one place that picks concrete stores and indexes: from a ledger URL to an open ledger.
 *
 * Errors:  LEDGER_URL for a URL that names no store; those of `Ledger.open`.
 */
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { carryTokens } from './access/token-carry.ts';
import { Ledger } from './ledger/ledger.ts';
import type { LedgerOptions } from './ledger/types.ts';
import type { LogStore } from './stores/contract.ts';
import { openFileStore } from './stores/file/file-store.ts';
import type { RecordIndex } from './stores/index/contract.ts';
import { openSqliteIndex } from './stores/index/sqlite-index.ts';
import { openMemoryStore } from './stores/memory.ts';
import { openSqliteStore } from './stores/sqlite/sqlite-store.ts';

export const DEFAULT_LEDGER_URL = 'sqlite:./indelible-data/ledger.db';

export interface OpenOptions extends Omit<LedgerOptions, 'store' | 'index'> {
  /** Takes no lock and appends nothing; another process may be writing. */
  readonly read_only?: boolean;
}

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
  options: { readonly read_only?: boolean; readonly create?: boolean } = {},
): Promise<LogStore> {
  const place = parseLedgerUrl(url);
  const read_only = options.read_only ?? false;
  const create = !read_only && (options.create ?? true);
  switch (place.scheme) {
    case 'memory':
      return openMemoryStore();
    case 'sqlite':
      return openSqliteStore({ path: place.path, read_only, create });
    case 'file':
      return openFileStore({ dir: place.path, read_only, create, ...Object.fromEntries(place.options) });
  }
}

/** Opens the derived index beside a store: in a file of its own, or in memory where nothing can be written. */
export async function openIndex(
  url: string,
  options: { readonly rebuild?: boolean } = {},
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

/** Opens the ledger at a URL, with its index. */
export async function openLedger(url: string, options: OpenOptions = {}): Promise<Ledger> {
  const { read_only = false, ...ledgerOptions } = options;
  const create = !read_only && (options.create ?? true);
  const store = await openStore(url, { read_only, create });
  let index: RecordIndex | undefined;
  try {
    index = await openIndexOrRebuild(url, options);
    return await Ledger.open({ before_truncation: carryTokens, ...ledgerOptions, store, index, create });
  } catch (error) {
    await index?.close();
    await store.close();
    throw error;
  }
}

/** The index is derived: one that cannot be used is made anew, and the log says so. */
async function openIndexOrRebuild(url: string, { log }: OpenOptions): Promise<RecordIndex> {
  try {
    return await openIndex(url);
  } catch (error) {
    if (!isIndelibleError(error, 'INDEX_DAMAGED')) throw error;
    log?.warn({ error: error.message }, 'the index was damaged; it is rebuilt from the log');
    return openIndex(url, { rebuild: true });
  }
}

async function isWritable(path: string): Promise<boolean> {
  const folder = join(path, '..');
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}
