/**
 * From a command's options and the environment to an open ledger, and back to a closed one.
 */
import { userInfo } from 'node:os';
import { type Actor, isIndelibleError } from '@indelible/core';
import {
  type CheckpointSigner,
  DEFAULT_LEDGER_URL,
  type OpenOptions,
  openLedger,
  withoutCredentials,
} from '../compose.ts';
import { keysFromEnvironment } from '../ledger/env-keys.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ChainKey, LedgerLog } from '../ledger/types.ts';
import { indexingBar } from './indexing-progress.ts';
import { noteLedger } from './known-ledgers.ts';
import type { Invocation } from './shell.ts';
import { noticeUnsigned, signerInPassing } from './signing.ts';
import type { Terminal } from './terminal.ts';

export interface Access {
  /** `read` takes no lock and works beside a server that holds the ledger. */
  readonly mode: 'read' | 'write';
  /** Make the ledger when there is none, and say so. Default: LEDGER_NOT_FOUND. */
  readonly create?: boolean;
  /** False for a command that says so itself. */
  readonly announce?: boolean;
  /** True for a command that may write so much that a thread for it pays. */
  readonly much?: boolean;
  /** The ledger's name: for a new one, or as a check. */
  readonly name?: string;
  /** Whose checkpoints it signs, raising what goes wrong. Default: the key that is there, if it can be used. */
  readonly signerFor?: (name: string) => Promise<CheckpointSigner | null>;
}

/** Which ledger a command means. */
export function ledgerUrl({ options, env }: Invocation): string {
  return options.ledger ?? (env.INDELIBLE_LEDGER || DEFAULT_LEDGER_URL);
}

const warned = new WeakSet<Terminal>();

/** The keys in the environment; their warnings are shown once per command. */
export function environmentKeys({ env, terminal }: Invocation): readonly ChainKey[] {
  const { keys, warnings } = keysFromEnvironment(env);
  if (!warned.has(terminal)) for (const warning of warnings) terminal.notice(warning);
  warned.add(terminal);
  return keys;
}

/** Opens the ledger for `work` and closes it afterwards, whatever happens. */
export async function withLedger<T>(
  invocation: Invocation,
  access: Access,
  work: (ledger: Ledger) => Promise<T>,
): Promise<T> {
  const ledger = await open(invocation, access);
  try {
    // Before anything is added: that it had been longer must be noticed now.
    if (access.mode === 'write') await noteLedger(invocation, ledger, ledgerUrl(invocation));
    return await work(ledger);
  } finally {
    if (access.mode === 'write') await noteLedger(invocation, ledger, ledgerUrl(invocation));
    await ledger.close();
  }
}

async function open(invocation: Invocation, access: Access): Promise<Ledger> {
  const indexing = indexingBar(invocation.terminal);
  const ledger = await openSigned(invocation, access, {
    read_only: access.mode === 'read',
    threads: access.much === true ? 'one' : 'none',
    create: access.create ?? false,
    keys: environmentKeys(invocation),
    default_actor: localActor(),
    log: noticeLog(invocation.terminal),
    onIndexing: indexing.update,
    ...(access.name === undefined ? {} : { name: access.name }),
  }).finally(indexing.stop);
  const { head_seq, recorded } = ledger.stats;
  if (access.announce !== false && head_seq === 0 && recorded === 1) {
    const url = withoutCredentials(ledgerUrl(invocation));
    invocation.terminal.notice(`there was no ledger: made ${ledger.name} in ${url}`);
  }
  return ledger;
}

/** A key that the log refuses keeps nobody from recording, but for commands that are about signing. */
async function openSigned(invocation: Invocation, access: Access, options: OpenOptions): Promise<Ledger> {
  const url = ledgerUrl(invocation);
  const { signerFor } = access;
  if (signerFor !== undefined) return openLedger(url, { ...options, signerFor });
  try {
    return await openLedger(url, { ...options, signerFor: signerInPassing(invocation, url) });
  } catch (error) {
    if (!isIndelibleError(error, 'SIGNER_REFUSED') && !isIndelibleError(error, 'SIGNING_KEY_EXPOSED'))
      throw error;
    noticeUnsigned(invocation, error);
    return openLedger(url, options);
  }
}

/** Waits for the index after much was written, so that the next question needs not. Never fails what was recorded. */
export async function bringIndexUpToDate(ledger: Ledger, terminal: Terminal): Promise<void> {
  await ledger.caughtUp().catch((error: unknown) => {
    terminal.notice(
      `everything is recorded, but the index is behind (${String(error)}); next: indelible reindex`,
    );
  });
}

/** Who acts at a command line: the operating system's user. */
export function localActor(): Actor {
  return { type: 'local', id: userName() };
}

function userName(): string {
  try {
    return userInfo().username || `uid-${process.getuid?.() ?? 'unknown'}`;
  } catch {
    // A container may run a user id that no name belongs to.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

/** What the ledger reports by itself, for a person at a terminal. */
export function noticeLog(terminal: Terminal): LedgerLog {
  const show = (facts: Record<string, unknown>, message: string): void => {
    const rest = Object.entries(facts).map(([name, value]) => `${name}=${String(value)}`);
    terminal.notice([message, ...rest].join(' '));
  };
  return { info() {}, warn: show, error: show };
}
