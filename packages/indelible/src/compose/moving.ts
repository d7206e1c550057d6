/**
 * Moving over concrete places: from two ledger URLs to a copy, or to an archive that follows.
 *
 * Errors:  LEDGER_URL; USAGE for a copy onto itself or into memory; those of opening and of copying.
 */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type Event, IndelibleError, LIMITS } from '@indelible/core';
import type { AttachmentReader } from '../attachments/contract.ts';
import type { ChainKey, LedgerLog, VerifyProgress, VerifyReport } from '../ledger/types.ts';
import { Archive, type ArchiveOptions, type ArchiveStatus, type ArchiveTarget } from '../moving/archive.ts';
import type { ArchiveLag } from '../moving/archive-lag.ts';
import type { CopySource, CopySummary, KeptProofs } from '../moving/types.ts';
import type { Head, LogStore } from '../stores/contract.ts';
import { verifyLedger } from '../verification/verify-ledger.ts';
import { openAttachments } from './beside.ts';
import { closeProofs, openKeptProofs } from './kept-proofs.ts';
import { identityOf, isRemote, parseLedgerUrl, withoutCredentials } from './ledger-url.ts';
import { openStore } from './open-store.ts';
import { type PublishArchiveOptions, publishingOf } from './publish-archive.ts';
import { type ProofsWhenSigned, proofsWhenSigned } from './source-proofs.ts';
import { openStoredProofs } from './verification.ts';

export type { Archive, ArchiveLag, ArchiveStatus };

interface Closing {
  close(): Promise<void>;
}

/** Raises for two URLs that name one place, and for a target that ends with the process. */
export function refuseSamePlace(from: string, to: string): void {
  if (parseLedgerUrl(to).scheme === 'memory')
    throw new IndelibleError('USAGE', 'a copy in memory: would be gone with this command');
  if (placeOf(from) === placeOf(to))
    throw new IndelibleError(
      'USAGE',
      `${withoutCredentials(from)} and ${withoutCredentials(to)} are one place`,
    );
}

function placeOf(url: string): string {
  const place = parseLedgerUrl(url);
  return isRemote(place) ? identityOf(place.url) : realPath(resolve(place.path));
}

/** With links followed as far as there is something. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  return path === dirname(path) ? path : join(realPath(dirname(path)), basename(path));
}

/** That a ledger is copied, as it is recorded in it before the first record is copied: so both still end alike. */
export function copyBegunEvent(
  ledger: string,
  to: string,
  copy_head: Head | null,
  continuous: boolean,
): Event {
  return {
    action: 'ledger.copy_begun',
    resource: { type: 'ledger', id: ledger },
    data: {
      to: shownPlace(to),
      copy_head: copy_head === null ? null : { ...copy_head },
      continuous,
    },
  };
}

/** Without credentials, and without folders of this machine. */
function shownPlace(url: string): string {
  const place = parseLedgerUrl(url);
  return isRemote(place) ? withoutCredentials(place.url) : `${place.scheme}:${basename(place.path)}`;
}

/** The log at a URL, opened for reading, with what lies beside it. Takes no lock. */
export async function openCopySource(url: string): Promise<CopySource & Closing> {
  const store = await openStore(url, { read_only: true, create: false });
  const attachments = openAttachments(url, { read_only: true });
  const proofs = proofsWhenSigned(url, store);
  const close = async (): Promise<void> => {
    await proofs.close();
    await attachments.close();
    await store.close();
  };
  return { store, attachments, openProofs: proofs.open, close };
}

/** What publishing a copy takes, where it is published: in a bucket. */
export type Publishing = Pick<PublishArchiveOptions, 'records' | 'signerFor' | 'clock'>;

/** The place for a copy; made when there is none. */
export async function openCopyTarget(url: string, publishing?: Publishing): Promise<ArchiveTarget> {
  const store = await openStore(url);
  const attachments = openAttachments(url, { bytes_max: LIMITS.attachment_bytes });
  let proofs: Promise<KeptProofs | null> | null = null;
  const openProofs = (): Promise<KeptProofs | null> => (proofs ??= openKeptProofs(url, false));
  const publisher =
    publishing === undefined ? null : publishingOf({ ...publishing, url, archive: store, openProofs });
  return {
    store,
    attachments,
    openProofs,
    ...(publisher === null
      ? {}
      : { publish: (state, last, signal) => publisher.publish(state, last, signal) }),
    close: async () => {
      await publisher?.close();
      await closeProofs((await proofs?.catch(() => null)) ?? null);
      await attachments.close();
      await store.close();
    },
  };
}

export interface VerifyCopyOptions {
  readonly to_url: string;
  readonly to: Pick<ArchiveTarget, 'store' | 'attachments'>;
  readonly keys: readonly ChainKey[];
  readonly copied: Pick<CopySummary, 'head' | 'records' | 'root'>;
  readonly onProgress?: (progress: VerifyProgress) => void;
  readonly signal?: AbortSignal;
}

/** Reads the whole copy again, as `verify` does, and compares it with what was copied. Raises COPY_DIFFERS. */
export async function verifyCopy(options: VerifyCopyOptions): Promise<VerifyReport> {
  const { to_url, to, copied, ...rest } = options;
  const stored = await openStoredProofs(to_url);
  try {
    const { report } = await verifyLedger({ ...rest, store: to.store, attachments: to.attachments, stored });
    const details = { verdict: report.verdict, damage: report.damage, first_bad_seq: report.first_bad_seq };
    const differs = (what: string): IndelibleError =>
      new IndelibleError('COPY_DIFFERS', `the copy in ${to.store.url} ${what}`, { details });
    if (report.verdict === 'damaged') throw differs(`does not verify: ${report.detail}`);
    const { head, records, root } = copied;
    if (report.head?.seq !== head.seq || report.head.hash !== head.hash)
      throw differs(`ends with record ${report.head?.seq}, not as it was copied`);
    if (report.records_checked !== records)
      throw differs(`has ${report.records_checked} records, not ${records}`);
    if (root !== null && report.graded.root !== root) throw differs('has another root than what was copied');
    return report;
  } finally {
    await stored?.close();
  }
}

export interface OpenArchiveOptions {
  readonly from_url: string;
  readonly to_url: string;
  /** The log and its attachments, where they are open already; they stay open. */
  readonly opened?: { readonly store: LogStore; readonly attachments: AttachmentReader | null };
  readonly keys?: readonly ChainKey[];
  readonly onBegin?: () => Promise<void>;
  /** Signs the manifest of an archive that is published. */
  readonly signerFor?: Publishing['signerFor'];
  readonly onArchived?: NonNullable<ArchiveOptions['onArchived']>;
  readonly interval_ms?: number;
  readonly clock?: () => number;
  readonly log: LedgerLog;
}

/** An archive of a ledger, not yet started. Only what is configured wrongly raises here. */
export async function openArchive(options: OpenArchiveOptions): Promise<Archive> {
  const { from_url, to_url, opened, signerFor, ...rest } = options;
  refuseSamePlace(from_url, to_url);
  const from =
    opened === undefined
      ? await openCopySource(from_url)
      : sourceBeside(opened, proofsWhenSigned(from_url, opened.store));
  const { clock } = options;
  const publishing: Publishing = {
    records: from.store,
    ...(signerFor === undefined ? {} : { signerFor }),
    ...(clock === undefined ? {} : { clock }),
  };
  const openTarget = () => openCopyTarget(to_url, publishing);
  return new OwningArchive({ ...rest, from, openTarget }, () => from.close());
}

function sourceBeside(
  { store, attachments }: NonNullable<OpenArchiveOptions['opened']>,
  proofs: ProofsWhenSigned,
): CopySource & Closing {
  return { store, attachments, openProofs: proofs.open, close: () => proofs.close() };
}

/** Closes what was opened for it. */
class OwningArchive extends Archive {
  readonly #closeSource: () => Promise<void>;

  constructor(options: ConstructorParameters<typeof Archive>[0], closeSource: () => Promise<void>) {
    super(options);
    this.#closeSource = closeSource;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#closeSource();
  }
}
