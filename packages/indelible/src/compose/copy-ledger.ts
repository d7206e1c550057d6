/**
 * A ledger copied to another store and read again there: what `indelible copy` does, for programs.
 *
 * Errors:  USAGE for a copy onto itself or into memory; LEDGER_NOT_FOUND, LEDGER_EXISTS, COPY_DIVERGED, COPY_GAP,
 *          COPY_DIFFERS; LEDGER_DAMAGED for what is copied; KEY_*; those of both stores.
 */
import { Keyring } from '../ledger/keyring.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ChainKey, VerifyProgress, VerifyReport } from '../ledger/types.ts';
import { type CopyOptions, copyLog, mustFit } from '../moving/copy.ts';
import type { CopyProgress, CopySummary } from '../moving/types.ts';
import {
  copyBegunEvent,
  openCopySource,
  openCopyTarget,
  type Publishing,
  refuseSamePlace,
  verifyCopy,
} from './moving.ts';

export type { CopyProgress, CopySummary };

export interface CopyLedgerOptions extends Pick<CopyOptions, 'onBegin' | 'onProgress' | 'signal'> {
  /** The secrets of a keyed ledger. */
  readonly keys?: readonly ChainKey[];
  /** Compares also what was copied before, and reads the copy again; default true. */
  readonly verify?: boolean;
  /** The ledger that is copied, where it is open: that it is copied is recorded in it, before the first record is. */
  readonly record_in?: Ledger;
  /** Signs the manifest of a copy in a bucket. */
  readonly signerFor?: Publishing['signerFor'];
  readonly onVerifying?: (progress: VerifyProgress) => void;
}

export interface CopiedLedger extends CopySummary {
  /** Of the copy, as it was read again; null when it was not. */
  readonly report: VerifyReport | null;
}

/** Copies what `to` lacks of `from`, two ledger URLs; goes on where an earlier run stopped. */
export async function copyLedger(
  from: string,
  to: string,
  options: CopyLedgerOptions = {},
): Promise<CopiedLedger> {
  refuseSamePlace(from, to);
  const { keys = [], verify = true, record_in, signerFor, onVerifying, onBegin, ...rest } = options;
  const source = await openCopySource(from);
  try {
    // Before the place for the copy is made.
    await mustFit(source, new Keyring(keys));
    const target = await openCopyTarget(to, {
      records: source.store,
      ...(signerFor === undefined ? {} : { signerFor }),
    });
    try {
      const copied = await copyLog({
        ...rest,
        from: source,
        to: target,
        keys,
        whole: verify,
        onBegin: async (head) => {
          await record_in?.recordOwn(copyBegunEvent(record_in.name, to, head, false));
          await onBegin?.(head);
        },
      });
      const verifying = {
        ...(onVerifying === undefined ? {} : { onProgress: onVerifying }),
        ...(rest.signal === undefined ? {} : { signal: rest.signal }),
      };
      const report = verify ? await verifyCopy({ to_url: to, to: target, copied, keys, ...verifying }) : null;
      // Last: what is shown under lock cannot be taken back.
      const { ledger, checkpoint_size, head } = copied;
      await target.publish?.({ ledger, checkpoint_size, size: head.seq + 1 }, true, rest.signal);
      return { ...copied, report };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
