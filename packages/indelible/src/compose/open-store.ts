/**
 * From a ledger URL to an open store. Stores on other machines are loaded when one is asked for: their drivers are
 * optional.
 *
 * Errors:  LEDGER_URL, DRIVER_MISSING; those of opening.
 */
import type { LogStore } from '../stores/contract.ts';
import { openFileStore } from '../stores/file/file-store.ts';
import { openMemoryStore } from '../stores/memory.ts';
import { openSqliteStore } from '../stores/sqlite/sqlite-store.ts';
import { parseLedgerUrl } from './ledger-url.ts';

export interface OpenStoreOptions {
  readonly read_only?: boolean;
  readonly create?: boolean;
  /** For a short command: fewer threads, whose start would take longer than its work. */
  readonly one_thread?: boolean;
}

/** Opens the store that a URL names. */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<LogStore> {
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
    case 'postgres':
    case 's3':
    case 'nats':
      throw new Error('to be wired');
  }
}
