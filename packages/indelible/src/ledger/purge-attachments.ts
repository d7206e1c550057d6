/**
 * Attachments go with the last record that refers to them.
 *
 * First the records go, then their attachments: a crash between leaves attachments without a record, which is harmless.
 */
import type { LogStore } from '../stores/contract.ts';
import type { Attaching } from './attaching.ts';
import { type AttachmentUse, AttachmentUses, attachmentUses } from './attachment-uses.ts';

/** What the records with `from` <= seq < `to` refer to. */
export async function usesBetween(store: LogStore, from: number, to?: number): Promise<AttachmentUse[]> {
  const uses = new AttachmentUses();
  for await (const batch of store.read(from, to)) uses.add(attachmentUses(batch));
  return uses.list();
}

/** Removes those of `gone` that no record in the log, and none on its way there, refers to. */
export async function purgeAttachments(
  store: LogStore,
  attaching: Attaching,
  gone: readonly AttachmentUse[],
): Promise<void> {
  // Records may come while the log is read.
  const watch = attaching.watch();
  try {
    const kept = new Set((await usesBetween(store, 0)).map(({ digest }) => digest));
    for (const { digest } of gone)
      if (!kept.has(digest) && !watch.used.has(digest)) await attaching.remove(digest);
  } finally {
    watch.end();
  }
}
