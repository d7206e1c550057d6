/**
 * From an open ledger and a place beside it to its transparency.
 *
 * Errors:  SIGNER_REFUSED, SIGNING_KEY_EXPOSED before anything is written; those of opening the parts.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NoteSigner } from '@indelible/core';
import type { LedgerLog, LedgerWriter } from '../ledger/types.ts';
import { openCheckpointHistory } from './checkpoint-history.ts';
import type { Cosigner, LogFollower } from './contract.ts';
import { checkSigner } from './signing-keys.ts';
import type { Timers } from './timers.ts';
import { LedgerTransparency } from './transparency.ts';
import { openTreeFolder } from './tree-folder.ts';
import { openMemoryTree } from './tree-memory.ts';

/** What the opener of a ledger may choose. */
export interface CheckpointOptions {
  /** Signs checkpoints; its key has the ledger's name. Without one nothing is signed. */
  readonly signer?: NoteSigner & { readonly file?: string };
  /** At most one checkpoint in so many milliseconds; default 1000. */
  readonly checkpoint_interval_ms?: number;
  /** Has checkpoints cosigned by witnesses. */
  readonly cosigner?: Cosigner;
  /**
   * Publish a checkpoint only once the witnesses that the policy asks for have cosigned it. Kept with the ledger: a
   * process that does not say does as the last one that did.
   */
  readonly withhold_until_policy?: boolean;
  /** For tests. */
  readonly checkpoint_timers?: Timers;
}

export interface OpenTransparencyOptions extends CheckpointOptions {
  readonly ledger: LedgerWriter;
  readonly keyed: boolean;
  /** Where tree and checkpoints lie; null: in memory. */
  readonly folder: string | null;
  readonly log: LedgerLog;
}

/** Null for a ledger without a signer that has no tree yet: nothing is shown to outsiders then. */
export async function openTransparency(options: OpenTransparencyOptions): Promise<LogFollower | null> {
  const { ledger, folder, signer, log, keyed } = options;
  const { read_only } = ledger.store;
  if (signer !== undefined) checkSigner(signer, ledger.name);
  if (folder === null ? signer === undefined : !existsSync(folder) && (signer === undefined || read_only))
    return null;
  const storage = folder === null ? openMemoryTree() : await openTreeFolder(folder, { read_only });
  let follower: LedgerTransparency | null = null;
  try {
    const path = folder === null ? ':memory:' : join(folder, 'checkpoints.db');
    const history = openCheckpointHistory(path, { read_only });
    follower = new LedgerTransparency({
      ledger,
      keyed,
      storage,
      history,
      log,
      ...(signer === undefined || read_only ? {} : { signer }),
      ...(options.checkpoint_interval_ms === undefined
        ? {}
        : { interval_ms: options.checkpoint_interval_ms }),
      ...(options.checkpoint_timers === undefined ? {} : { timers: options.checkpoint_timers }),
      ...(options.cosigner === undefined ? {} : { cosigner: options.cosigner }),
      ...(options.withhold_until_policy === undefined
        ? {}
        : { withhold_until_policy: options.withhold_until_policy }),
    });
    await follower.open();
    return follower;
  } catch (error) {
    if (follower === null) await storage.close();
    else await follower.close();
    throw error;
  }
}
