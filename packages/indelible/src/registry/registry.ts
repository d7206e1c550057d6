/**
 * The registry of ledgers: which there are, and how far each had come, so that one that vanished or shrank is noticed.
 *
 * A chain alone cannot tell that it was longer yesterday, nor can a ledger that is gone. What the registry knows of a
 * ledger never goes backwards: an earlier state is a finding, and findings are kept.
 *
 * It proves nothing to anybody else: whoever can write both it and the ledger can make them agree. Against that stand
 * checkpoints that others sign.
 *
 * Errors:  REGISTRY_UNAVAILABLE when its file cannot be used; NOT_FOUND for a name it does not know.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { IndelibleError } from '@indelible/core';
import { createPrivateFile } from '../private-file.ts';
import {
  compareLedger,
  type KeptFinding,
  type LedgerFacts,
  type LedgerFinding,
  type OpenedLedger,
  type RegisteredLedger,
} from './facts.ts';

const VERSION = 2;
/** Findings beyond these replace the oldest. */
const FINDINGS_MAX = 1000;

const SCHEMA = `
  CREATE TABLE ledgers (
    url TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    size INTEGER NOT NULL,
    head_hash TEXT NOT NULL,
    first_hash TEXT,
    checkpoint TEXT,
    retired_at TEXT,
    retired_reason TEXT,
    open_url TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE findings (
    id INTEGER PRIMARY KEY,
    found_at TEXT NOT NULL,
    url TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    UNIQUE (url, kind, detail)
  ) STRICT;
  PRAGMA user_version = ${VERSION};
`;
const FROM_VERSION_1 = `
  ALTER TABLE ledgers ADD COLUMN open_url TEXT;
  PRAGMA user_version = 2;
`;

type Row = Record<string, string | number | null>;

export class LedgerRegistry {
  readonly #database: DatabaseSync;
  readonly #clock: () => number;

  /** Opens the file at `path`; makes it, for this user alone, when there is none. */
  static open(path: string, clock: () => number = Date.now): LedgerRegistry {
    return guarded(() => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      createPrivateFile(path);
      const database = new DatabaseSync(path, { timeout: 2000 });
      try {
        prepare(database);
      } catch (error) {
        database.close();
        throw error;
      }
      return new LedgerRegistry(database, clock);
    });
  }

  private constructor(database: DatabaseSync, clock: () => number) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Every ledger, by name. */
  list(): RegisteredLedger[] {
    return guarded(
      () => this.#database.prepare('SELECT * FROM ledgers ORDER BY name, url').all() as Row[],
    ).map(ledgerOf);
  }

  /** What did not fit, oldest first, whatever has become of it. */
  findings(): KeptFinding[] {
    return guarded(
      () =>
        this.#database
          .prepare('SELECT kind, url, name, detail, found_at FROM findings ORDER BY id')
          .all() as unknown as KeptFinding[],
    ).map((finding) => ({ ...finding }));
  }

  /**
   * Notes how far a ledger has come. When that does not fit what is known, the known stays, and the finding is returned
   * and kept.
   */
  async note(facts: LedgerFacts & Partial<Pick<OpenedLedger, 'hashAt'>>): Promise<LedgerFinding | null> {
    const known = this.#find(facts.url);
    // A ledger that was retired may be begun anew in the same place.
    const finding = known === null || known.retired !== null ? null : await compareLedger(known, facts);
    if (finding !== null) this.#keep(finding);
    else this.#write(facts, known);
    return finding;
  }

  /** Compares every ledger that is not retired with what `open` finds in its place. */
  async check(
    open: (known: RegisteredLedger) => Promise<OpenedLedger | null | 'unknown'>,
  ): Promise<LedgerFinding[]> {
    const findings: LedgerFinding[] = [];
    for (const known of this.list()) {
      if (known.retired !== null) continue;
      const now = await open(known);
      if (now === 'unknown') continue;
      const finding =
        now === null
          ? { kind: 'vanished' as const, url: known.url, name: known.name, detail: gone(known) }
          : await compareLedger(known, now);
      if (finding === null) continue;
      this.#keep(finding);
      findings.push(finding);
    }
    return findings;
  }

  /** Expects a ledger no more. `name` may also be its URL; NOT_FOUND unless exactly one goes by it. */
  retire(name: string, reason: string): RegisteredLedger {
    const known = this.named(name);
    const at = this.#now();
    guarded(() =>
      this.#database
        .prepare('UPDATE ledgers SET retired_at = ?, retired_reason = ? WHERE url = ?')
        .run(at, reason, known.url),
    );
    return { ...known, retired: { at, reason } };
  }

  /** The one ledger in use that has this name or URL. */
  named(name: string): RegisteredLedger {
    const found = this.list().filter(
      (ledger) => ledger.retired === null && [ledger.name, ledger.url].includes(name),
    );
    if (found.length === 1) return found[0]!;
    const what = found.length === 0 ? 'no ledger in use is' : `${found.length} ledgers are`;
    throw new IndelibleError('NOT_FOUND', `${what} registered as ${name.slice(0, 200)}; name it by its URL`);
  }

  close(): void {
    this.#database.close();
  }

  #find(url: string): RegisteredLedger | null {
    const row = guarded(() => this.#database.prepare('SELECT * FROM ledgers WHERE url = ?').get(url)) as
      | Row
      | undefined;
    return row === undefined ? null : ledgerOf(row);
  }

  #write(facts: LedgerFacts, known: RegisteredLedger | null): void {
    const { url, name, size, head_hash, checkpoint = null, open_url = null } = facts;
    const again = known !== null && known.retired === null;
    const first_hash = again ? (known.first_hash ?? facts.first_hash) : facts.first_hash;
    const same_checkpoint = checkpoint === null || checkpoint === known?.checkpoint;
    const same_way = open_url === null || open_url === known?.open_url;
    if (again && known.size === size && same_checkpoint && same_way) return;
    const now = this.#now();
    guarded(() =>
      this.#database
        .prepare(
          `INSERT INTO ledgers
             (url, name, first_seen_at, last_seen_at, size, head_hash, first_hash, checkpoint, open_url)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (url) DO UPDATE SET
             name = excluded.name, last_seen_at = excluded.last_seen_at, size = excluded.size,
             head_hash = excluded.head_hash, first_hash = excluded.first_hash,
             checkpoint = coalesce(excluded.checkpoint, checkpoint),
             open_url = coalesce(excluded.open_url, open_url), retired_at = NULL, retired_reason = NULL
           -- Another process may have noted a later state meanwhile.
           WHERE excluded.size >= size OR retired_at IS NOT NULL`,
        )
        .run(url, name, now, now, size, head_hash, first_hash, checkpoint, open_url),
    );
  }

  #keep({ kind, url, name, detail }: LedgerFinding): void {
    guarded(() => {
      this.#database
        .prepare(
          'INSERT INTO findings (found_at, url, name, kind, detail) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
        )
        .run(this.#now(), url, name, kind, detail);
      this.#database
        .prepare('DELETE FROM findings WHERE id <= (SELECT max(id) FROM findings) - ?')
        .run(FINDINGS_MAX);
    });
  }

  #now(): string {
    return new Date(this.#clock()).toISOString();
  }
}

function prepare(database: DatabaseSync): void {
  const version = (): number =>
    (database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
  if (version() === 0) {
    database.exec('BEGIN IMMEDIATE');
    // Another process may have been first.
    if (version() === 0) database.exec(SCHEMA);
    database.exec('COMMIT');
  }
  if (version() === 1) {
    database.exec('BEGIN IMMEDIATE');
    if (version() === 1) database.exec(FROM_VERSION_1);
    database.exec('COMMIT');
  }
  if (version() === VERSION) return;
  throw new IndelibleError(
    'REGISTRY_UNAVAILABLE',
    `the registry has format ${version()}, this program ${VERSION}`,
  );
}

function gone({ size, last_seen_at }: RegisteredLedger): string {
  return `it had ${size} records on ${last_seen_at}, and nothing is in its place`;
}

function ledgerOf(row: Row): RegisteredLedger {
  const { url, name, first_seen_at, last_seen_at, size, head_hash, first_hash, checkpoint, open_url } = row;
  return {
    url: String(url),
    name: String(name),
    first_seen_at: String(first_seen_at),
    last_seen_at: String(last_seen_at),
    size: Number(size),
    head_hash: String(head_hash),
    first_hash: first_hash as string | null,
    ...(checkpoint === null ? {} : { checkpoint: String(checkpoint) }),
    ...(open_url === null ? {} : { open_url: String(open_url) }),
    retired:
      row.retired_at === null ? null : { at: String(row.retired_at), reason: String(row.retired_reason) },
  };
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof IndelibleError) throw error;
    throw new IndelibleError(
      'REGISTRY_UNAVAILABLE',
      `the registry of ledgers cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
