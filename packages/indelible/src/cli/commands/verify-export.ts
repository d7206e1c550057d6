/**
 * `indelible verify-export PATH`: is an exported log what was signed? Needs no ledger: the files, a key, a policy.
 *
 * Exit code 0 verified, 1 tampering, 3 could not be checked.
 */
import { NOTE_BYTES_MAX } from '@indelible/core';
import type { Command } from 'commander';
import { verifyExport } from '../../verification/verify-export.ts';
import { boundGarbage } from '../bound-garbage.ts';
import type { ExitCode } from '../failure.ts';
import { showGraded, showLimits, showUnchecked } from '../graded-view.ts';
import { readInput, readPolicy, readVerifierKeys } from '../input-file.ts';
import { environmentKeys } from '../open.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';

interface Options {
  readonly key?: readonly string[];
  readonly policy?: string;
  readonly checkpoint?: readonly string[];
}

export function addVerifyExport(program: Command, shell: Shell): void {
  shell
    .command<Options>(
      program,
      'verify-export <path>',
      'check an exported log: the folder of export-log, or JSON Lines',
      verify,
    )
    .option('--key <vkey...>', 'verifier keys of the log to believe, or files of them')
    .option('--policy <file>', 'which witnesses must have cosigned (c2sp.org/tlog-policy)')
    .option('--checkpoint <file...>', 'checkpoints that you kept: the log must still hold what they cover');
}

async function verify(invocation: Invocation<Options>, path: string): Promise<ExitCode> {
  boundGarbage();
  const { options, terminal, signal } = invocation;
  const kept: string[] = [];
  for (const file of options.checkpoint ?? [])
    kept.push((await readInput(file, NOTE_BYTES_MAX)).toString('utf8'));
  const verdict = await verifyExport({
    path,
    log_keys: await readVerifierKeys(options.key ?? []),
    policy: await readPolicy(options.policy),
    keys: environmentKeys(invocation),
    kept,
    signal,
  });
  const { graded, tiles_wrong, tiles_checked, does_not_prove } = verdict;
  await terminal.result(verdict);
  const { colors } = terminal;
  await terminal.line(`${colors.dim('export'.padEnd(10))} ${printable(path)}`);
  await showGraded(terminal, graded);
  await showUnchecked(terminal, graded);
  if (tiles_checked > 0)
    await terminal.line(`${colors.dim('tiles'.padEnd(10))} ${tiles_checked} compared with the entries`);
  for (const tile of tiles_wrong)
    await terminal.line(colors.red(`  ${printable(tile)} is missing, or not what the entries make`));
  await showLimits(terminal, does_not_prove);
  if (graded.result === 'tampering' || tiles_wrong.length > 0) return 1;
  return graded.result === 'verified' ? 0 : 3;
}
