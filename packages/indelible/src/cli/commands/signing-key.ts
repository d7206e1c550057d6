/**
 * `indelible signing-key show|new|rotate`: the key that signs checkpoints. Its private part is never shown.
 */
import { existsSync, linkSync, renameSync } from 'node:fs';
import { formatVerifierKey, IndelibleError, isIndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import { type CheckpointSigner, refuseKeyBesideLedger } from '../../compose.ts';
import {
  defaultSigningKeyPath,
  loadOrCreateSigningKey,
  loadSigningKey,
} from '../../transparency/signing-key-file.ts';
import type { ExitCode } from '../failure.ts';
import { ledgerUrl, withLedger } from '../open.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';
import { existingSigner } from '../signing.ts';

export function addSigningKey(program: Command, shell: Shell): void {
  const key = program.command('signing-key').description('the key that signs checkpoints');
  shell.command(key, 'show', 'its verifier key, for those who check, and where it lies', show);
  shell.command(key, 'new', 'make a key for a ledger that has none; checkpoints begin with it', create);
  shell.command(key, 'rotate', 'change to a new key; the change is recorded, signed by both', rotate);
}

async function show(invocation: Invocation): Promise<ExitCode> {
  const { terminal } = invocation;
  return withLedger<ExitCode>(invocation, { mode: 'read' }, async (ledger) => {
    const signer = await existingSigner(invocation, ledger.name);
    const active = ledger.transparency?.verifier_keys[0] ?? null;
    const earlier = ledger.transparency?.verifier_keys.slice(1) ?? [];
    const here = signer === null ? null : formatVerifierKey(signer.key);
    const vkey = active ?? here;
    if (vkey === null) throw noKey(ledger.name);
    const can_sign = here === vkey;
    const path = signer?.file ?? null;
    await terminal.result({ vkey, path, can_sign, announced: active !== null, earlier });
    await terminal.line(vkey);
    for (const old of earlier) await terminal.line(`${old}  earlier`);
    if (path !== null && can_sign) await terminal.line(`The private key is in ${printable(path)}`);
    if (path === null && can_sign) await terminal.line('The private key is in the environment.');
    if (here === null) terminal.notice('the private key of it is not here: this user cannot sign');
    else if (!can_sign) {
      terminal.notice(`this user's key ${path ?? 'in the environment'} is another (${here}): it cannot sign`);
    }
    return 0;
  });
}

async function create(invocation: Invocation): Promise<ExitCode> {
  const { terminal, env } = invocation;
  const { name, active } = await keysOf(invocation);
  const path = defaultSigningKeyPath(name, env);
  if (active !== null)
    throw new IndelibleError('SIGNER_REFUSED', `the log ${name} has a signing key already: ${active}`);
  refuseKeyBesideLedger(path, ledgerUrl(invocation));
  const { signer, created } = loadOrCreateSigningKey(path, name);
  if (!created) {
    throw new IndelibleError(
      'SIGNER_REFUSED',
      `there is a key in ${path}, maybe of another ledger of this name; to sign with it: indelible checkpoint --now`,
    );
  }
  const vkey = formatVerifierKey(signer.key);
  // Announces it: from then on no other key can take its place but by rotation.
  await withLedger(invocation, { mode: 'write', signerFor: async () => signer }, (ledger) =>
    ledger.transparency!.checkpointNow(),
  );
  await terminal.result({ vkey, path });
  await terminal.line(vkey);
  await terminal.line(`The private key is in ${printable(path)}`);
  terminal.notice('keep a copy of it in a safe place: no other key can take its place');
  return 0;
}

/** The new key lies beside the old one until the log knows of it, so that whatever ends this command can be resumed. */
async function rotate(invocation: Invocation): Promise<ExitCode> {
  const { terminal, env } = invocation;
  if ((env.INDELIBLE_SIGNING_KEY ?? '') !== '')
    throw new IndelibleError('USAGE', 'INDELIBLE_SIGNING_KEY is set; this command rotates keys in files');
  const { name } = await keysOf(invocation);
  const path = defaultSigningKeyPath(name, env);
  const next = `${path}.next`;
  const old = loadSigningKey(path, name);
  const { signer, created } = loadOrCreateSigningKey(next, name);
  const seq = await rotateTo(invocation, old, signer, created);
  const retired = `${path}.retired-${old.key.key_id}`;
  if (!existsSync(retired)) linkSync(path, retired);
  renameSync(next, path);
  const [vkey, earlier] = [formatVerifierKey(signer.key), formatVerifierKey(old.key)];
  await terminal.result({ vkey, path, earlier, retired, seq });
  await terminal.line(vkey);
  await terminal.line(
    seq === null
      ? 'The log knew of this key already: an earlier rotation is now complete.'
      : `Recorded as ${seq}, signed by both keys.`,
  );
  await terminal.line(`The private key is in ${printable(path)}, the old one in ${printable(retired)}`);
  terminal.notice('keep a copy of the new key; a server that runs has the old one: start it again');
  return 0;
}

/** The number of the record; null when an earlier, interrupted rotation has recorded it. */
async function rotateTo(
  invocation: Invocation,
  from: CheckpointSigner,
  to: CheckpointSigner,
  created: boolean,
): Promise<number | null> {
  const signedBy = (signer: CheckpointSigner) => ({ mode: 'write', signerFor: async () => signer }) as const;
  try {
    return await withLedger(invocation, signedBy(from), async (ledger) => {
      const { seq } = await ledger.transparency!.rotateSigningKey(to);
      return seq;
    });
  } catch (error) {
    if (created || !isIndelibleError(error, 'SIGNER_REFUSED')) throw error;
    await withLedger(invocation, signedBy(to), (ledger) => ledger.transparency!.checkpointNow());
    return null;
  }
}

async function keysOf(invocation: Invocation): Promise<{ name: string; active: string | null }> {
  return withLedger(invocation, { mode: 'read' }, async ({ name, transparency }) => ({
    name,
    active: transparency?.verifier_keys[0] ?? null,
  }));
}

function noKey(name: string): IndelibleError {
  return new IndelibleError(
    'SIGNER_MISSING',
    `the ledger ${name} has no signing key; make one with: indelible signing-key new`,
  );
}
