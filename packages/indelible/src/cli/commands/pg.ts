/**
 * `indelible pg …`: what ledgers in PostgreSQL need besides.
 */
import type { Command } from 'commander';
import type { Shell } from '../shell.ts';
import { addPgInstall } from './pg-install.ts';
import { addPgSeal } from './pg-seal.ts';

export function addPg(program: Command, shell: Shell): void {
  const pg = program.command('pg').description('ledgers in PostgreSQL: the schema, the outbox');
  addPgInstall(pg, shell);
  addPgSeal(pg, shell);
}
