/**
 * The private key that signs a person's votes: a file that only its owner may read.
 *
 * Errors:  those of signing keys.
 */
import { resolve } from 'node:path';
import type { NoteSigner } from '@indelible/core';
import {
  defaultSigningKeyPath,
  loadOrCreateSigningKey,
  loadSigningKey,
} from '../transparency/signing-key-file.ts';
import { localActor } from './open.ts';
import type { Invocation } from './shell.ts';

export interface ApproverKeyOptions {
  readonly person?: string;
  readonly key?: string;
}

type Caller = Pick<Invocation<ApproverKeyOptions>, 'options' | 'env'>;

/** Whose votes they are: `--person`, or the user's name. */
export function personOf({ options }: Caller): string {
  return options.person ?? localActor().id;
}

export function loadApproverKey(caller: Caller): NoteSigner {
  return loadSigningKey(keyPath(caller), personOf(caller));
}

export function loadOrCreateApproverKey(caller: Caller): {
  signer: NoteSigner;
  created: boolean;
  path: string;
} {
  const path = keyPath(caller);
  return { ...loadOrCreateSigningKey(path, personOf(caller)), path };
}

function keyPath(caller: Caller): string {
  const given = caller.options.key ?? caller.env.INDELIBLE_APPROVER_KEY_FILE;
  if (given !== undefined && given !== '') return resolve(given);
  // Apart from the keys that sign checkpoints, whatever ledger has the person's name.
  return defaultSigningKeyPath(`approver/${personOf(caller)}`, {
    ...caller.env,
    INDELIBLE_SIGNING_KEY_FILE: '',
  });
}
