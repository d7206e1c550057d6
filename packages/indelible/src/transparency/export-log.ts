/**
 * Writes a log as static files into a folder, for a web server, a content network or an auditor: the layout of
 * c2sp.org/tlog-tiles, with the log's verifier keys in `log.vkey`.
 *
 * May be repeated into the same folder: files that are there are kept, and the checkpoint comes last, so that whoever
 * reads meanwhile sees a whole log. Partial tiles of the checkpoint before stay: a reader may still hold that one.
 *
 * Errors:  those of publishing.
 */
import type { TransparencyReader } from './contract.ts';
import { openFolderPublication } from './folder-publication.ts';
import { type PublishedLog, publishLog } from './publish-log.ts';

export interface ExportLogOptions {
  readonly transparency: TransparencyReader;
  readonly folder: string;
  /** Writes hashes and checkpoint alone: bundles hold the records in clear. */
  readonly without_entries?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly files: number; readonly files_total: number }) => void;
}

export type ExportedLog = Omit<PublishedLog, 'from'>;

/** Exports the log as of its newest checkpoint. */
export async function exportLog({ folder, ...options }: ExportLogOptions): Promise<ExportedLog> {
  const to = await openFolderPublication(folder);
  // From the beginning, so that what an interrupted or partial export left out is made good.
  const { from: _, ...exported } = await publishLog({ ...options, to, from: 0 });
  return exported;
}
