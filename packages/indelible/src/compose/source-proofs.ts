/**
 * What was signed of a log that is copied, opened once there is something: a log may be signed while it is copied.
 *
 * It lies beside the log, on the machine that signs. Of a bucket any other machine has what was published there.
 *
 * Errors:  CHECKPOINT_FORK when both are there and contradict each other; those of opening.
 */
import type { KeptProofs, SourceProofs } from '../moving/types.ts';
import type { LogStore } from '../stores/contract.ts';
import { openPublishedProofs } from '../transparency/published-proofs.ts';
import { PublishedSource } from '../transparency/published-source.ts';
import { closeProofs, openKeptProofs } from './kept-proofs.ts';
import { parseLedgerUrl } from './ledger-url.ts';

interface OpenedProofs extends SourceProofs {
  close(): Promise<void>;
}

export interface ProofsWhenSigned {
  /** Null as long as nothing was signed. Asked again after that, and after a fault. */
  readonly open: () => Promise<SourceProofs | null>;
  close(): Promise<void>;
}

export function proofsWhenSigned(url: string, log: LogStore): ProofsWhenSigned {
  let opened: Promise<OpenedProofs | null> | null = null;
  return {
    open: async () => {
      const opening = (opened ??= openProofs(url, log));
      try {
        const proofs = await opening;
        if (proofs === null) opened = null;
        return proofs;
      } catch (error) {
        opened = null;
        throw error;
      }
    },
    close: async () => {
      const proofs = await opened?.catch(() => null);
      opened = null;
      await proofs?.close();
    },
  };
}

async function openProofs(url: string, log: LogStore): Promise<OpenedProofs | null> {
  const kept = await openKeptProofs(url, true);
  try {
    const published = await openPublished(url, log, kept);
    if (published === null) return kept === null ? null : { ...kept, close: () => closeProofs(kept) };
    await closeProofs(kept);
    return published;
  } catch (error) {
    await closeProofs(kept);
    throw error;
  }
}

/** Null unless more was published than is kept here. */
async function openPublished(
  url: string,
  log: LogStore,
  kept: KeptProofs | null,
): Promise<OpenedProofs | null> {
  const place = parseLedgerUrl(url);
  if (place.scheme !== 's3') return null;
  const { openS3Publication } = await import('../stores/s3/publication.ts');
  const files = await openS3Publication({ url: place.url, read_only: true });
  try {
    const proofs = await openPublishedProofs(files);
    const ours = (await kept?.history.newestSigned())?.size ?? 0;
    if (proofs === null || (await proofs.tree.width(0)) <= ours) {
      await files.close();
      return null;
    }
    const source = await PublishedSource.open(files, proofs, log, kept?.history ?? null);
    const close = async (): Promise<void> => {
      await source.close();
      await files.close();
    };
    return { tree: source.tree, history: source.history, close };
  } catch (error) {
    await files.close();
    throw error;
  }
}
