/**
 * From a command's options and the environment to whoever signs checkpoints.
 *
 * In this order: `--signing-command`, `--signing-key`, INDELIBLE_SIGNING_KEY, the key file (INDELIBLE_SIGNING_KEY_FILE, or one for each
 * ledger's name in the user's config folder).
 *
 * Errors:  SIGNING_KEY_INVALID, SIGNING_KEY_EXPOSED, STORE_* for a key that cannot be read; USAGE.
 */
import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatVerifierKey, IndelibleError, isIndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import { type CheckpointSigner, isSigned } from '../compose.ts';
import { signerFromEnvironment } from '../transparency/environment-signer.ts';
import { newPrivateKey, signerFromText } from '../transparency/private-key.ts';
import {
  defaultSigningKeyPath,
  loadOrCreateSigningKey,
  loadSigningKey,
} from '../transparency/signing-key-file.ts';
import type { Invocation } from './shell.ts';

export interface SigningOptions {
  readonly signingCommand?: string;
  readonly signingVkey?: string;
  /** For init and serve, which make a key where there is none. */
  readonly signingKey?: string;
  /** False with --no-signing. */
  readonly signing?: boolean;
}

type Caller = Pick<Invocation<SigningOptions>, 'options' | 'env' | 'terminal'>;

/** The options of commands that sign for more than a moment, or because they were asked to. */
export function addSigningOptions(command: Command): Command {
  return command
    .option('--signing-command <command>', 'a program that signs checkpoints, with its arguments')
    .option('--signing-vkey <vkey>', 'the verifier key of the key that it signs with');
}

/** The signer that is there; null for none. */
export async function existingSigner(caller: Caller, name: string): Promise<CheckpointSigner | null> {
  const { options, env } = caller;
  const { signingCommand, signingVkey } = options;
  if ((signingCommand === undefined) !== (signingVkey === undefined))
    throw new IndelibleError('USAGE', '--signing-command and --signing-vkey go together');
  if (signingCommand !== undefined && signingVkey !== undefined) {
    const { openCommandSigner } = await import('../transparency/command-signer.ts');
    return openCommandSigner({ command: wordsOf(signingCommand), vkey: signingVkey });
  }
  const given = options.signingKey === undefined ? signerFromEnvironment(name, env) : null;
  if (given !== null) return given;
  const path = keyPath(caller, name);
  return isThere(path) ? loadSigningKey(path, name) : null;
}

/** The options of commands that start signing: init and serve. */
export function addNewSigningOptions(command: Command): Command {
  return addSigningOptions(command)
    .option('--signing-key <file>', 'the private key that signs checkpoints; made when there is none')
    .option('--no-signing', 'sign no checkpoints');
}

/**
 * The signer that is there, or a new key; that one was made is said once, unless the caller says it (`announce`). For
 * what starts signing: init and serve. Null with --no-signing.
 */
export async function signerOrNew(
  caller: Caller,
  name: string,
  url: string,
  { announce = true }: { readonly announce?: boolean } = {},
): Promise<CheckpointSigner | null> {
  const { options, terminal } = caller;
  if (options.signing === false) return null;
  // A ledger that is gone with the process shares no key with one that is not, though both have one name.
  if (url === 'memory:' && options.signingKey === undefined && options.signingCommand === undefined)
    return signerFromText(newPrivateKey(), name, 'memory');
  const there = await existingSigner(caller, name);
  if (there !== null) return there;
  const path = keyPath(caller, name);
  const { signer, created } = loadOrCreateSigningKey(path, name);
  if (created && announce) {
    terminal.notice(
      `made the signing key of ${name}: ${path}; keep a copy of it, no other key can take its place`,
    );
    terminal.notice(`its verifier key, for those who check: ${formatVerifierKey(signer.key)}`);
  }
  return signer;
}

function keyPath({ options, env }: Caller, name: string): string {
  return options.signingKey === undefined ? defaultSigningKeyPath(name, env) : resolve(options.signingKey);
}

/**
 * For commands that record in passing: the signer of a ledger that is signed already. A key that is not there is no
 * fault here, one that cannot be used a notice.
 */
export function signerInPassing(
  caller: Caller,
  url: string,
): (name: string) => Promise<CheckpointSigner | null> {
  return async (name) => {
    // A ledger without checkpoints gets its first by a command that says so: its key file may be that of another
    // ledger of the same name.
    if (!isSigned(url)) return null;
    try {
      return await existingSigner(caller, name);
    } catch (error) {
      if (!isIndelibleError(error)) throw error;
      noticeUnsigned(caller, error);
      return null;
    }
  };
}

/** Says that what is recorded now waits for its checkpoint. */
export function noticeUnsigned({ terminal }: Pick<Caller, 'terminal'>, error: IndelibleError): void {
  terminal.notice(`no checkpoint is signed by this command: ${error.message}; next: ${error.remedy}`);
}

/** Program and arguments, without a shell and its quotes. */
function wordsOf(text: string): [string, ...string[]] {
  const [program, ...args] = text.split(/\s+/).filter((word) => word !== '');
  if (program === undefined) throw new IndelibleError('USAGE', '--signing-command names no program');
  if (/["'\\$`|;&<>*]/.test(text)) {
    throw new IndelibleError(
      'USAGE',
      '--signing-command runs without a shell: put what needs one in a script',
    );
  }
  return [program, ...args];
}

/** True also for what cannot be read: that is for the reader to say. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}
