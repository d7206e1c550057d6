/**
 * Backup: a copy of the log up to the head at its start, in one file that can tell whether it is whole.
 *
 * The log only grows, so reading up to a fixed head is consistent while others append. The file gets its name only
 * once it is complete and durable; a crash leaves a `.partial` file, never half a backup under the right name.
 *
 * Errors:  LEDGER_NOT_FOUND for an empty store, LEDGER_EXISTS when the file is there already, LEDGER_DAMAGED when
 *          records are missing or unreadable, ATTACHMENT_MISSING and ATTACHMENT_ALTERED for what they refer to, STORE_*
 *          when the file cannot be written.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IndelibleError, isLine, lineBody, lineHash, parseRecord } from '@indelible/core';
import type { AttachmentReader } from '../attachments/contract.ts';
import { partLines } from '../attachments/part-lines.ts';
import type { Head, LineBatch, LogStore } from '../stores/contract.ts';
import { AttachmentUses, attachmentUses } from './attachment-uses.ts';
import { headerLine, trailerLine } from './backup-format.ts';
import { bytesOf } from './data-of.ts';
import { lineOf } from './lines.ts';

export interface BackupOptions {
  readonly store: LogStore;
  readonly attachments: AttachmentReader | null;
  /** Where the backup goes; must not exist. */
  readonly path: string;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
  readonly onProgress?: (progress: {
    readonly records: number;
    readonly records_total: number;
    readonly bytes: number;
  }) => void;
  readonly signal?: AbortSignal;
}

export interface BackupSummary {
  readonly ledger: string;
  readonly records: number;
  readonly attachments: number;
  readonly first_seq: number;
  readonly head: Head;
  /** Over every byte before the last line. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Writes a backup and returns what it holds once it is durable. */
export async function backupLog(options: BackupOptions): Promise<BackupSummary> {
  const { store, path } = options;
  const head = await store.head();
  if (head === null) throw new IndelibleError('LEDGER_NOT_FOUND', `there is no ledger in ${store.url}`);
  await mustNotExist(path);
  const partial = `${path}.${process.pid}.partial`;
  const file = await createFile(partial);
  try {
    const summary = await writeBackup(file, options, head);
    await file.sync();
    await file.close();
    await publish(partial, path);
    return summary;
  } catch (error) {
    await file.close().catch(() => {});
    throw fileError(error, path);
  } finally {
    await rm(partial, { force: true });
  }
}

async function writeBackup(file: FileHandle, options: BackupOptions, head: Head): Promise<BackupSummary> {
  const { store, onProgress, signal } = options;
  const [newest] = await store.get([head.seq]);
  if (newest === undefined) throw damaged(head.seq, 'is missing');
  const ledger = parseRecord(lineOf(newest.line)[1]).ledger;
  const first_seq = await store.firstSeq();
  const created_at = new Date((options.clock ?? Date.now)()).toISOString();
  const digest = createHash('sha256');
  let bytes = 0;
  const write = async (chunk: Uint8Array): Promise<void> => {
    digest.update(chunk);
    bytes += chunk.length;
    await file.writeFile(chunk);
  };

  await write(headerLine({ indelible_backup: 1, ledger, created_at, first_seq, last_seq: head.seq }));
  const records_total = head.seq - first_seq + 1;
  let next = first_seq;
  let last_hash = '';
  const uses = new AttachmentUses();
  for await (const batch of store.read(first_seq, head.seq + 1)) {
    signal?.throwIfAborted();
    if (batch.first_seq !== next) await mustNotBeTruncated(store, first_seq);
    last_hash = checkBatch(batch, next) ?? last_hash;
    next += batch.ends.length;
    uses.add(attachmentUses(batch));
    await write(batch.bytes);
    onProgress?.({ records: next - first_seq, records_total, bytes });
  }
  if (next !== head.seq + 1 || last_hash !== head.hash)
    throw damaged(next, 'is missing, or the last record changed meanwhile');

  const attached = uses.list();
  for (const use of attached) {
    signal?.throwIfAborted();
    // As with a record: a backup without it would only look like one.
    const content = await bytesOf(options.attachments, use);
    for (const line of partLines(use.digest, content)) await write(line);
  }

  const sha256 = digest.digest('hex');
  const trailer = trailerLine({ count: records_total, head, sha256 });
  await file.writeFile(trailer);
  return {
    ledger,
    records: records_total,
    attachments: attached.length,
    first_seq,
    head,
    sha256,
    bytes: bytes + trailer.length,
  };
}

/** A bounded store may drop its oldest segments at any time; that is no damage, but it leaves this backup with a hole. */
async function mustNotBeTruncated(store: LogStore, first_seq: number): Promise<void> {
  if ((await store.firstSeq()) === first_seq) return;
  throw new IndelibleError(
    'STORE_UNAVAILABLE',
    'the oldest segments were dropped during the backup; back up again',
  );
}

/** Refuses what would not come back line for line; returns the last line's hash. Whether it is true is `verify`'s. */
function checkBatch(batch: LineBatch, expected_seq: number): string | undefined {
  if (batch.ends.length > 0 && batch.first_seq !== expected_seq) throw damaged(expected_seq, 'is missing');
  let start = 0;
  let hash: string | undefined;
  for (let i = 0; i < batch.ends.length; i++) {
    const end = batch.ends[i]!;
    const seq = expected_seq + i;
    if (!isLine(batch.bytes, start, end) || lineBody(batch.bytes, start, end).includes(0x0a))
      throw damaged(seq, 'is unreadable');
    if (batch.stored_seqs !== undefined && batch.stored_seqs[i] !== seq) throw damaged(seq, 'is missing');
    hash = lineHash(batch.bytes, start);
    start = end;
  }
  return hash;
}

/** Gives the file its name without ever replacing another, and makes the name durable. */
async function publish(partial: string, path: string): Promise<void> {
  await link(partial, path).catch(async (error: NodeJS.ErrnoException) => {
    // Some file systems have no hard links; there, only the moment between the check and the rename is unguarded.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(error.code ?? '')) throw error;
    await mustNotExist(path);
    await rename(partial, path);
  });
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function mustNotExist(path: string): Promise<void> {
  const there = await lstat(path).catch(() => null);
  if (there !== null) throw exists(path);
}

function exists(path: string): IndelibleError {
  return new IndelibleError('LEDGER_EXISTS', `${path} exists already; a backup never replaces a file`);
}

async function createFile(path: string): Promise<FileHandle> {
  // A backup holds everything the ledger holds: nobody else's business.
  return open(path, 'wx', 0o600).catch((error: unknown) => {
    throw fileError(error, path);
  });
}

function damaged(seq: number, what: string): IndelibleError {
  return new IndelibleError('LEDGER_DAMAGED', `record ${seq} ${what}; nothing was backed up`, {
    details: { seq },
  });
}

function fileError(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EEXIST') return exists(path);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new IndelibleError('STORE_FULL', `no space left to write ${path}`, { cause: error });
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return new IndelibleError('STORE_READ_ONLY', `${path} cannot be written (${code})`, { cause: error });
  }
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EIO') {
    return new IndelibleError('STORE_UNAVAILABLE', `${path} cannot be written (${code})`, { cause: error });
  }
  return error;
}
