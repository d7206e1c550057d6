/**
 * Where a log is published as static files: a folder, a bucket. The names are those of c2sp.org/tlog-tiles.
 */
import type { NoteSigner } from '@indelible/core';

/** What a manifest states, beside what the place itself knows. */
export interface PublishedState {
  readonly ledger: string;
  /** Records that were published before now. */
  readonly from: number;
  readonly size: number;
  readonly root: string;
  /** Whether the entries are published, too. */
  readonly entries: boolean;
}

export interface Publication {
  /** How messages name it; without credentials. */
  readonly place: string;
  /** How many files may be on their way at once. */
  readonly files_at_once: number;
  /** Whether it keeps every published checkpoint by a name of its own. */
  readonly keeps_history: boolean;
  /** A file; null when it is not there. */
  read(path: string): Promise<Uint8Array | null>;
  /** Whether a file that never changes is there, and has so many bytes (null: any). */
  has(path: string, bytes: number | null): Promise<boolean>;
  /** Keeps a file that never changes. */
  keep(path: string, bytes: Uint8Array): Promise<void>;
  /** Puts the latest state under a name whose content changes. Durable, and with it everything kept before. */
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** Keeps a signed statement of what the place holds of the log, and how. */
  keepManifest?(statement: PublishedState, signer: NoteSigner): Promise<void>;
  close(): Promise<void>;
}
