/**
 * Copying a ledger to another store, byte for byte: the same lines, the same chain, the same tree, and the checkpoints
 * that were signed. What proved a record before proves it in the copy.
 *
 * Goes on where an earlier run stopped. Other processes may be appending to the log meanwhile: copied is what it held
 * at the start.
 *
 * Errors:  those of finding common ground, of transferring and of carrying proofs; KEY_* when the secrets do not fit;
 *          HEAD_MOVED when another process keeps writing to the copy.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { Keyring } from '../ledger/keyring.ts';
import type { ChainKey } from '../ledger/types.ts';
import { checkKeysFit } from '../ledger/verify-keys.ts';
import type { Head } from '../stores/contract.ts';
import { ProofCarrier } from './carry-proofs.ts';
import { type CommonGround, commonGround } from './common-ground.ts';
import { type Transferred, transfer } from './transfer.ts';
import type { CopyProgress, CopySource, CopySummary, CopyTarget } from './types.ts';

/** Another copying process may get in between; each time it has come further, too. */
const TRIES_MAX = 10;

export interface CopyRecordsOptions {
  readonly from: CopySource;
  readonly to: Pick<CopyTarget, 'store' | 'attachments'>;
  /** Opens what carries the proofs, once the records have common ground. */
  readonly openCarrier?: () => Promise<ProofCarrier | null>;
  readonly keyring: Keyring;
  /** Reads and verifies also what was copied before, for the root over everything. */
  readonly whole: boolean;
  /** Called once nothing speaks against copying, with the last record that the copy has; what it records is copied. */
  readonly onBegin?: (head: Head | null) => Promise<void>;
  readonly onProgress?: (progress: CopyProgress) => void;
  readonly signal?: AbortSignal;
}

/** What was carried, and from where on. */
export interface CopiedRecords extends Transferred {
  readonly ground: CommonGround;
}

/** Copies the records that are missing; resolves once they are durable. */
export async function copyRecords(options: CopyRecordsOptions): Promise<CopiedRecords> {
  const { from, to, keyring, openCarrier, onBegin, ...rest } = options;
  const begun = await commonGround(from.store, to.store);
  await (await openCarrier?.())?.mustFit(begun.ledger);
  await onBegin?.(begun.head);
  let ground = onBegin === undefined ? begun : await commonGround(from.store, to.store);
  for (let tries = 1; ; tries++) {
    try {
      const hashByKey = (key_id: string | null) => keyring.hash(key_id);
      return { ...(await transfer({ ...rest, from, to, ground, hashByKey })), ground: begun };
    } catch (error) {
      if (!isIndelibleError(error, 'HEAD_MOVED') || tries >= TRIES_MAX) throw error;
      // Raises unless what the other process wrote is the log's own.
      ground = await commonGround(from.store, to.store);
    }
  }
}

export interface CopyOptions extends Omit<CopyRecordsOptions, 'keyring' | 'whole' | 'to' | 'openCarrier'> {
  readonly to: CopyTarget;
  /** The secrets of a keyed ledger. */
  readonly keys?: readonly ChainKey[];
  /** Default true. */
  readonly whole?: boolean;
}

/** Copies what is missing and returns once it is durable. Leaves everything open. */
export async function copyLog({ keys = [], whole = true, ...options }: CopyOptions): Promise<CopySummary> {
  const { from, to, signal } = options;
  const keyring = new Keyring(keys);
  await mustFit(from, keyring);
  let opened: ProofCarrier | null = null;
  const openCarrier = async () => (opened ??= await ProofCarrier.open(from, to, whole));
  const records = await copyRecords({ ...options, openCarrier, keyring, whole });
  const { ground, head, copied, attachments, root } = records;
  // Opened only now where the log was signed for the first time meanwhile.
  const carrier = await openCarrier();
  await carrier?.mustFit(ground.ledger);
  const checkpoints = (await carrier?.carry(head.seq + 1, signal)) ?? 0;
  return {
    ledger: ground.ledger,
    resumed_at: ground.next,
    copied,
    attachments,
    checkpoints,
    records: head.seq + 1 - ground.first_seq,
    first_seq: ground.first_seq,
    head,
    checkpoint_size: carrier?.size ?? 0,
    root,
  };
}

/** Before anything is written: a wrong secret is not damage, and an empty store is no ledger. */
export async function mustFit({ store }: CopySource, keyring: Keyring): Promise<void> {
  if ((await store.head()) === null)
    throw new IndelibleError('LEDGER_NOT_FOUND', `there is no ledger in ${store.url}`);
  await checkKeysFit(store, keyring);
}
