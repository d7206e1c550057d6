/**
 * `indelible pg install` and `indelible pg sql`: the schema of ledgers in PostgreSQL.
 */
import type { Command } from 'commander';
import { installPostgres, postgresScript } from '../../compose.ts';
import type { ExitCode } from '../failure.ts';
import { ledgerUrl } from '../open.ts';
import type { Invocation, Shell } from '../shell.ts';
import { count } from '../units.ts';

/** Adds the commands to `pg`. */
export function addPgInstall(pg: Command, shell: Shell): void {
  shell.command(pg, 'install', 'make the schema in the database, or bring it up to date', install);
  shell.command(pg, 'sql', 'print the same as one script, for any SQL editor', sql);
}

async function install(invocation: Invocation): Promise<ExitCode> {
  const { terminal } = invocation;
  const { applied, version, altered } = await installPostgres(ledgerUrl(invocation));
  await terminal.result({ applied, version, altered });
  await terminal.line(
    applied.length === 0 ? `the schema is up to date (${version})` : `installed the schema (${version})`,
  );
  if (altered > 0)
    terminal.notice(
      `it is not what was installed: ${count(altered)} differences, which indelible verify names. After restoring a dump: make the roles first, and restore again`,
    );
  return 0;
}

async function sql({ terminal }: Invocation): Promise<ExitCode> {
  const script = await postgresScript();
  await terminal.result({ sql: script });
  await terminal.line(script.trimEnd());
  return 0;
}
