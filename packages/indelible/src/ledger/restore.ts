/**
 * Restore: a backup becomes a ledger again, byte for byte, in an empty place.
 *
 * In this order, so that a refusal leaves nothing behind: the file is whole; the secrets fit; its chain verifies; the
 * place is empty; every attachment is put, then every line appended; the result verifies. Only then does the restored ledger record that it is one.
 *
 * Errors:  BACKUP_INVALID, LEDGER_EXISTS, KEY_*, RESTORED_BACKUP_DIFFERS, STORE_*.
 */
import { IndelibleError } from '@indelible/core';
import type { AttachmentReader, AttachmentStore } from '../attachments/contract.ts';
import type { LineBatch, LogStore } from '../stores/contract.ts';
import { BackupFile } from './backup-file.ts';
import type { BackupHeader, BackupTrailer } from './backup-format.ts';
import { lineOf } from './lines.ts';
import type { ChainKey, VerifyReport } from './types.ts';
import { verifyLog } from './verify.ts';

export interface RestoreOptions {
  /** The backup file. */
  readonly path: string;
  /** Opens the place to restore to, which must be empty. Called once the backup has been found good. */
  readonly openTarget: () => Promise<LogStore>;
  /** Where its attachments go; may hold some already. */
  readonly attachments: AttachmentStore;
  /** The secrets of a keyed ledger. */
  readonly keys: readonly ChainKey[];
  readonly onProgress?: (progress: {
    readonly records: number;
    readonly records_total: number;
    readonly bytes: number;
  }) => void;
  readonly signal?: AbortSignal;
}

export interface RestoreSummary {
  readonly header: BackupHeader;
  readonly trailer: BackupTrailer;
  readonly report: VerifyReport;
}

/** Restores, verifies, and leaves the target closed. */
export async function restoreLog(options: RestoreOptions): Promise<RestoreSummary> {
  const { path, keys, signal } = options;
  const backup = await BackupFile.open(path, signal);
  try {
    await mustVerify(backup, backup.attachments, keys, 'the backup', signal);
    const target = await options.openTarget();
    try {
      if ((await target.head()) !== null) {
        throw new IndelibleError(
          'LEDGER_EXISTS',
          `${target.url} is not empty; a backup is restored to an empty place only`,
        );
      }
      for await (const digest of backup.attachments.list())
        await options.attachments.put(await backup.attachments.get(digest));
      await copyLines(backup, target, options);
      const report = await mustVerify(target, options.attachments, keys, `the copy in ${target.url}`, signal);
      return { header: backup.header, trailer: backup.trailer, report };
    } finally {
      await target.close();
    }
  } finally {
    await backup.close();
  }
}

async function copyLines(backup: BackupFile, target: LogStore, options: RestoreOptions): Promise<void> {
  const records_total = backup.trailer.count;
  let head = null;
  let records = 0;
  let bytes = 0;
  for await (const batch of backup.read(backup.header.first_seq)) {
    options.signal?.throwIfAborted();
    await target.append(batch, head);
    head = { seq: batch.first_seq + batch.ends.length - 1, hash: lineOf(lastLine(batch))[0] };
    records += batch.ends.length;
    bytes += batch.bytes.length;
    options.onProgress?.({ records, records_total, bytes });
  }
  const landed = await target.head();
  const { seq, hash } = backup.trailer.head;
  if (landed?.seq !== seq || landed.hash !== hash) {
    throw new IndelibleError(
      'RESTORED_BACKUP_DIFFERS',
      `the copy in ${target.url} does not end as the backup does`,
    );
  }
}

function lastLine({ bytes, ends }: LineBatch): Uint8Array {
  return bytes.subarray(ends.length < 2 ? 0 : ends[ends.length - 2]!, ends[ends.length - 1]!);
}

async function mustVerify(
  store: LogStore,
  attachments: AttachmentReader,
  keys: readonly ChainKey[],
  what: string,
  signal?: AbortSignal,
): Promise<VerifyReport> {
  const report = await verifyLog({ store, attachments, keys, ...(signal === undefined ? {} : { signal }) });
  if (report.verdict === 'consistent') return report;
  throw new IndelibleError('RESTORED_BACKUP_DIFFERS', `${what} does not verify: ${report.detail}`, {
    details: { verdict: report.verdict, damage: report.damage, first_bad_seq: report.first_bad_seq },
  });
}
