/**
 * From a ledger URL to an open store. Stores on other machines are loaded when one is asked for: their drivers are
 * optional.
 *
 * Errors:  LEDGER_URL, DRIVER_MISSING; those of opening.
 */
import { DEFAULT_LEDGER_NAME } from '../ledger/opening.ts';
import type { LogStore, Threads } from '../stores/contract.ts';
import { openFileStore } from '../stores/file/file-store.ts';
import { openMemoryStore } from '../stores/memory.ts';
import { openSqliteStore } from '../stores/sqlite/sqlite-store.ts';
import { parseLedgerUrl } from './ledger-url.ts';

export interface OpenStoreOptions {
  readonly read_only?: boolean;
  readonly create?: boolean;
  /** For commands: fewer threads, whose start would take longer than their work. */
  readonly threads?: Threads | undefined;
}

/** Opens the store that a URL names. */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<LogStore> {
  const place = parseLedgerUrl(url);
  const { read_only = false, threads } = options;
  const create = !read_only && (options.create ?? true);
  switch (place.scheme) {
    case 'memory':
      return openMemoryStore();
    case 'sqlite':
      return openSqliteStore({ path: place.path, read_only, create, threads });
    case 'file':
      return openFileStore({ dir: place.path, read_only, create, ...Object.fromEntries(place.options) });
    case 'postgres': {
      const { openPostgresStore } = await import('../stores/postgres/postgres-store.ts');
      return openPostgresStore({ url: place.url, default_ledger: DEFAULT_LEDGER_NAME, read_only, create });
    }
    case 's3': {
      const { openS3Store } = await import('../stores/s3/s3-store.ts');
      return openS3Store({ url: place.url, read_only, create });
    }
    case 'nats': {
      const { openJetStreamStore } = await import('../stores/jetstream/jetstream-store.ts');
      return openJetStreamStore({ url: place.url, read_only, create });
    }
  }
}
