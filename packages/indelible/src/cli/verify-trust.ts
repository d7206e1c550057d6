/**
 * From the options of `verify` to whom it believes.
 *
 * Errors:  INPUT_UNREADABLE, VERIFIER_KEY_INVALID, POLICY_INVALID, ANCHOR_*.
 */
import { NOTE_BYTES_MAX, parseVerifierKey } from '@indelible/core';
import type { Command } from 'commander';
import type { Anchor } from '../anchors/contract.ts';
import { openTimestampChecker } from '../compose/verification.ts';
import { createAnchors } from '../compose.ts';
import type { VerifyTrust } from '../verification/types.ts';
import { readInput, readPolicy, readVerifierKeys } from './input-file.ts';

export interface TrustOptions {
  readonly key?: readonly string[];
  readonly checkpoint?: readonly string[];
  readonly policy?: string;
  readonly anchor?: readonly string[];
  readonly timestampRoots?: string;
}

const ROOTS_BYTES_MAX = 1 << 20;

export function addTrustOptions(command: Command): Command {
  return command
    .option(
      '--key <vkey...>',
      'verifier keys of the log to believe, or files of them (default: those it announces)',
    )
    .option('--checkpoint <file...>', 'checkpoints that you kept: the log must still hold what they cover')
    .option('--policy <file>', 'which witnesses must have cosigned (c2sp.org/tlog-policy)')
    .option('--anchor <url...>', 'anchors to ask what they keep; addresses as for `anchor`')
    .option(
      '--timestamp-roots <file>',
      'root certificates (PEM) of timestamp authorities, to check their tokens',
    );
}

export interface OpenTrust {
  readonly trust: VerifyTrust;
  /** The log's name as the options tell it; null when they do not. */
  readonly origin: string | null;
  close(): Promise<void>;
}

/** Reads what the options name, and opens the anchors. */
export async function openTrust(options: TrustOptions, env: NodeJS.ProcessEnv): Promise<OpenTrust> {
  const keys = await readVerifierKeys(options.key ?? []);
  const policy = await readPolicy(options.policy);
  const kept = [];
  for (const path of options.checkpoint ?? [])
    kept.push({ name: path, note: (await readInput(path, NOTE_BYTES_MAX)).toString('utf8') });
  const { timestampRoots } = options;
  const timestamps =
    timestampRoots === undefined
      ? null
      : await openTimestampChecker((await readInput(timestampRoots, ROOTS_BYTES_MAX)).toString('utf8'));
  const anchors: readonly Anchor[] = await createAnchors(options.anchor ?? [], env);
  return {
    trust: {
      keys,
      kept,
      anchors,
      ...(policy === null ? {} : { policy }),
      ...(timestamps === null ? {} : { timestamps }),
    },
    origin: keys[0] === undefined ? null : parseVerifierKey(keys[0]).name,
    close: async () => {
      for (const anchor of anchors) await anchor.close();
    },
  };
}
