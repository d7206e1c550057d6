/**
 * What was signed of a log that is copied, opened once there is something: a log may be signed while it is copied.
 *
 * Errors:  those of opening.
 */
import type { SourceProofs } from '../moving/types.ts';
import { closeProofs, openKeptProofs } from './kept-proofs.ts';

/** Opened for reading alone. */
export interface OpenedProofs extends SourceProofs {
  close(): Promise<void>;
}

export interface ProofsWhenSigned {
  /** Null as long as nothing was signed. Asked again after that, and after a fault. */
  readonly open: () => Promise<SourceProofs | null>;
  close(): Promise<void>;
}

export function proofsWhenSigned(url: string): ProofsWhenSigned {
  let opened: Promise<OpenedProofs | null> | null = null;
  return {
    open: async () => {
      const opening = (opened ??= openProofs(url));
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

async function openProofs(url: string): Promise<OpenedProofs | null> {
  const kept = await openKeptProofs(url, true);
  return kept === null ? null : { ...kept, close: () => closeProofs(kept) };
}
