/**
 * `indelible reindex`: forgets the index and builds it from the log again. The log is only read.
 */
import type { Command } from 'commander';
import { withoutCredentials } from '../../compose.ts';
import { buildIndex } from '../build-index.ts';
import type { ExitCode } from '../failure.ts';
import { ledgerUrl } from '../open.ts';
import type { Invocation, Shell } from '../shell.ts';
import { counted, duration } from '../units.ts';

export function addReindex(program: Command, shell: Shell): void {
  shell.command(program, 'reindex', 'build the index from the log again', reindex);
}

async function reindex(invocation: Invocation): Promise<ExitCode> {
  const { terminal } = invocation;
  const url = ledgerUrl(invocation);
  const started = performance.now();
  const { records, position } = await buildIndex(invocation, url);
  const duration_ms = Math.round(performance.now() - started);
  await terminal.result({ url: withoutCredentials(url), records, position, duration_ms });
  await terminal.line(`Indexed ${counted(records, 'record')} in ${duration(duration_ms)}`);
  return 0;
}
