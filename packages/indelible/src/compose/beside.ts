/**
 * What lies beside a log: its index, its tree and checkpoints, its attachments. Beside the file or folder of a ledger
 * on this machine; in the local folder of one elsewhere; in memory for one in memory.
 *
 * Errors:  LEDGER_URL; those of the parts.
 */
import { existsSync } from 'node:fs';
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { openBucketAttachments } from '../attachments/bucket.ts';
import type { AttachmentStore } from '../attachments/contract.ts';
import { openDatabaseAttachments } from '../attachments/database.ts';
import { openFolderAttachments } from '../attachments/folder.ts';
import { openMemoryAttachments } from '../attachments/memory.ts';
import { openStreamAttachments } from '../attachments/stream.ts';
import { DEFAULT_LEDGER_NAME } from '../ledger/opening.ts';
import type { Threads } from '../stores/contract.ts';
import type { RecordIndex } from '../stores/index/contract.ts';
import { openSqliteIndex } from '../stores/index/sqlite-index.ts';
import { refuseKeyBeside } from '../transparency/signing-key-file.ts';
import { isRemote, parseLedgerUrl } from './ledger-url.ts';

const SMALL_BYTES = 8 << 20;

/** Where the index of a ledger lies, or null when it has no file. */
export function indexPath(url: string): string | null {
  return besidePath(url, 'index.db', '.index');
}

/** Where the tree and the checkpoints of a ledger lie, or null when that is in memory. */
export function treeFolder(url: string): string | null {
  return besidePath(url, 'tree', '.tree');
}

/** Whether the ledger has a tree, and so very likely a signing key and checkpoints. */
export function isSigned(url: string): boolean {
  const folder = treeFolder(url);
  return folder !== null && existsSync(folder);
}

/** `name` in the folder of a ledger that has one, the ledger's file and `suffix` for one that is a file. */
function besidePath(url: string, name: string, suffix: string): string | null {
  const place = parseLedgerUrl(url);
  if (isRemote(place)) return join(place.local, name);
  if (place.scheme === 'memory') return null;
  return place.scheme === 'file' ? join(place.path, name) : `${place.path}${suffix}`;
}

/** Opens the derived index beside a store: in a file of its own, or in memory where nothing can be written. */
export async function openIndex(
  url: string,
  options: { readonly rebuild?: boolean; readonly threads?: Threads | undefined } = {},
): Promise<RecordIndex> {
  const path = indexPath(url);
  if (path !== null && isRemote(parseLedgerUrl(url)))
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  return openSqliteIndex({ path: path !== null && (await isWritable(path)) ? path : ':memory:', ...options });
}

/** Whether what SQLite holds of a ledger is so little that threads for it would take longer to start than to work. */
export async function isSmall(url: string): Promise<boolean> {
  const place = parseLedgerUrl(url);
  const log = place.scheme === 'sqlite' ? place.path : null;
  const sizes = await Promise.all([indexPath(url), log].map(sizeOf));
  return sizes.every((bytes) => bytes <= SMALL_BYTES);
}

async function sizeOf(path: string | null): Promise<number> {
  if (path === null) return 0;
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function isWritable(path: string): Promise<boolean> {
  return access(dirname(path), constants.W_OK).then(
    () => true,
    () => false,
  );
}

/**
 * Opens the attachments of a ledger: a folder beside its log that the first of them makes; in the bucket, the
 * database or a second stream for one that is there.
 */
export function openAttachments(
  url: string,
  options: { readonly read_only?: boolean; readonly bytes_max?: number } = {},
): AttachmentStore {
  const place = parseLedgerUrl(url);
  if (place.scheme === 's3') return openBucketAttachments({ url: place.url, ...options });
  if (place.scheme === 'postgres')
    return openDatabaseAttachments({ url: place.url, default_ledger: DEFAULT_LEDGER_NAME, ...options });
  if (place.scheme === 'nats') return openStreamAttachments({ url: place.url, ...options });
  const path = besidePath(url, 'attachments', '.attachments');
  return path === null
    ? openMemoryAttachments(options)
    : openFolderAttachments({ path: resolve(path), ...options });
}

/**
 * Opens where the before-images of governed writes lie that are too large for a record. Apart from the attachments, of
 * which those that no record refers to may be removed; except in PostgreSQL and JetStream, where nothing removes
 * them, and where any server must be able to undo what another has done.
 */
export function openSnapshots(url: string): AttachmentStore {
  if (['postgres', 'nats'].includes(parseLedgerUrl(url).scheme)) return openAttachments(url);
  const path = besidePath(url, 'snapshots', '.snapshots');
  return path === null ? openMemoryAttachments({}) : openFolderAttachments({ path: resolve(path) });
}

/** Refuses a signing key inside the folder of the ledger at this URL. */
export function refuseKeyBesideLedger(file: string, url: string): void {
  const place = parseLedgerUrl(url);
  if (isRemote(place)) refuseKeyBeside(file, place.local);
  else if (place.scheme !== 'memory')
    refuseKeyBeside(file, place.scheme === 'file' ? place.path : dirname(place.path));
}
