/**
 * Verification of a stored log: store, chain, index, attachments and proofs, with a verdict that says no more than was
 * checked.
 *
 * Errors:  LEDGER_NOT_FOUND for an empty store; KEY_REQUIRED, KEY_WRONG, KEY_UNKNOWN, KEY_UNEXPECTED when the secrets do
 *          not fit; the store's own errors but LEDGER_DAMAGED. None of these is a verdict about the records. A store
 *          that raises LEDGER_DAMAGED while it is read is: the report says how far it could be read.
 */
import { IndelibleError } from '@indelible/core';
import type { AttachmentReader } from '../attachments/contract.ts';
import type { StoreFinding } from '../stores/contract.ts';
import type { RecordIndex } from '../stores/index/contract.ts';
import { Keyring } from './keyring.ts';
import type { ProofChecker, VerifyReport } from './types.ts';
import { compareAttachments } from './verify-attachments.ts';
import { type ChainOptions, damage, unlessDamaged, verifyChain } from './verify-chain.ts';
import { compareIndex } from './verify-index.ts';
import { checkKeysFit } from './verify-keys.ts';
import { composeReport } from './verify-report.ts';

export interface VerifyOptions extends Omit<ChainOptions, 'from' | 'tree' | 'onLeaves'> {
  /** Compared with the log when given. */
  readonly index?: RecordIndex;
  /** Compared with what the records refer to when given; else the report says that they were not checked. */
  readonly attachments?: AttachmentReader;
  /** Compares the records with what was signed and what is kept elsewhere (verification/). */
  readonly proofs?: ProofChecker;
}

/** Verifies everything that the store holds now, or what it holds behind what the checker of proofs goes on from. */
export async function verifyLog(options: VerifyOptions): Promise<VerifyReport> {
  const { store, index, attachments, proofs, keys = [] } = options;
  const started = performance.now();
  const head = await store.head().catch((error: unknown) => unlessDamaged(error, undefined));
  if (head === null) throw new IndelibleError('LEDGER_NOT_FOUND', `there is no ledger in ${store.url}`);
  const keyring = new Keyring(keys);
  await checkKeysFit(store, keyring);
  const comparing = index === undefined ? null : compareIndex(store, index);
  // Awaited below; a failure of the chain must not leave this one unhandled.
  comparing?.catch(() => {});
  const from = proofs?.from ?? null;
  const chain = await verifyChain(
    {
      ...options,
      ...(proofs === undefined ? {} : { tree: proofs.tree, onLeaves: (leaves) => proofs.takeLeaves(leaves) }),
      ...(from === null ? {} : { from }),
    },
    keyring,
  );
  const proved = (await proofs?.conclude(chain)) ?? null;
  const store_notes = await store
    .inspect(proved?.verifier_keys)
    .catch((error: unknown): readonly StoreFinding[] => [
      { code: 'file_corrupt', detail: damage(error), damage: true },
    ]);
  options.signal?.throwIfAborted();
  const compared = await comparing;
  const attached =
    attachments === undefined
      ? null
      : await compareAttachments(chain.attachments, attachments, {
          whole: from === null,
          ...(options.signal === undefined ? {} : { signal: options.signal }),
        });
  const duration_ms = performance.now() - started;
  return composeReport({ chain, proved, store_notes, compared, attached, duration_ms });
}
