/**
 * An archive in a bucket shows itself: tiles, entries, checkpoints and a signed manifest are published beside its
 * records, so that it can be verified by whoever has nothing else.
 *
 * Errors:  those of publishing.
 */
import type { NoteSigner } from '@indelible/core';
import { type ArchivedState, type ArchiveTarget, isWithin } from '../moving/archive.ts';
import type { LogStore } from '../stores/contract.ts';
import type { Publication } from '../transparency/publication.ts';
import { parseLedgerUrl } from './ledger-url.ts';

/** Files of every published size stay, under lock: so few sizes are published. */
const PUBLISH_MS = 60_000;
const PUBLISH_RECORDS = 256;

export interface PublishArchiveOptions {
  readonly url: string;
  /** Where the records are read from: the log, whose bytes the archive has. */
  readonly records: LogStore;
  /** Has those that were truncated in the log. */
  readonly archive: LogStore;
  readonly openProofs: ArchiveTarget['openProofs'];
  /** Signs the manifest; null: there is none. */
  readonly signerFor?: (ledger: string) => Promise<NoteSigner | null>;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
}

/** Publishes what an archive holds; null where archives are not published. */
export function publishingOf(options: PublishArchiveOptions): ArchivePublisher | null {
  return parseLedgerUrl(options.url).scheme === 's3' ? new ArchivePublisher(options) : null;
}

export class ArchivePublisher {
  readonly #options: PublishArchiveOptions;
  #publication: Promise<Publication> | null = null;
  #size = 0;
  #at = Number.NEGATIVE_INFINITY;

  constructor(options: PublishArchiveOptions) {
    this.#options = options;
  }

  /** False when it is put off. */
  async publish(
    { ledger, checkpoint_size }: ArchivedState,
    last: boolean,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const { clock = Date.now, openProofs, signerFor, records, archive, url } = this.#options;
    if (checkpoint_size <= this.#size) return true;
    const now = clock();
    const waits = isWithin(PUBLISH_MS, this.#at, now) && checkpoint_size - this.#size < PUBLISH_RECORDS;
    if (waits && !last) return false;
    const proofs = await openProofs();
    if (proofs === null) return true;
    const [{ publishLog }, { ArchivedProofs }, { knownKeys }, { openPublication }] = await Promise.all([
      import('../transparency/publish-log.ts'),
      import('../transparency/archived-proofs.ts'),
      import('../transparency/stored-state.ts'),
      import('./publication.ts'),
    ]);
    const { keys } = await knownKeys({ store: records, history: proofs.history }, checkpoint_size);
    // Of the archive's own checkpoints: what is published never speaks of records that it does not have.
    const log = {
      origin: ledger,
      store: records,
      storage: proofs.tree,
      history: proofs.history,
      verifierKeys: () => keys,
    };
    const transparency = new ArchivedProofs(log, archive);
    const signer = (await signerFor?.(ledger)) ?? null;
    const to = await (this.#publication ??= openPublication(url));
    await publishLog({
      transparency,
      to,
      ...(signer === null ? {} : { signer }),
      ...(signal === undefined ? {} : { signal }),
    });
    this.#size = checkpoint_size;
    this.#at = now;
    return true;
  }

  async close(): Promise<void> {
    const publication = await this.#publication?.catch(() => null);
    await publication?.close();
  }
}
