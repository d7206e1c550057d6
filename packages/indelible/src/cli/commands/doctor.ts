/**
 * `indelible doctor`: everything a ledger needs around it, each with the next command to try. Changes nothing that
 * opening the ledger would not change.
 */
import type { Command } from 'commander';
import { type Check, examine } from '../checkup.ts';
import type { ExitCode } from '../failure.ts';
import { ledgerUrl } from '../open.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';

export function addDoctor(program: Command, shell: Shell): void {
  shell.command(program, 'doctor', 'look at the ledger, its files, key, index, clock and disk', doctor);
}

async function doctor(invocation: Invocation): Promise<ExitCode> {
  const { terminal, env } = invocation;
  const { colors } = terminal;
  const checks = await examine(ledgerUrl(invocation), env);
  const color = { ok: colors.green, warn: colors.yellow, fail: colors.red };
  for (const { name, status, detail, next } of checks) {
    await terminal.line(`${color[status](status.padEnd(4))}  ${name.padEnd(9)} ${printable(detail)}`);
    if (next !== null) await terminal.line(`                next: ${next}`);
  }
  const ok = checks.every(({ status }) => status !== 'fail');
  await terminal.result({ ok, checks });
  return exitCode(checks);
}

function exitCode(checks: readonly Check[]): ExitCode {
  const failed = checks.filter(({ status }) => status === 'fail');
  if (failed.some(({ tampering }) => tampering)) return 1;
  return failed.length > 0 ? 3 : 0;
}
