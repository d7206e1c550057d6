/**
 * `indelible what-happened ID`: one run, summed up and step by step.
 */

import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import { RUN_STEPS_MAX, type RunSummary, whatHappened } from '../../evidence/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { ExitCode } from '../failure.ts';
import { findRecord, parseRecordName, type RecordName } from '../find-record.ts';
import { withLedger } from '../open.ts';
import { wholeNumber } from '../parse-options.ts';
import { showRun } from '../run-view.ts';
import type { Invocation, Shell } from '../shell.ts';

interface Options {
  readonly limit: number;
}

export function addWhatHappened(program: Command, shell: Shell): void {
  shell
    .command<Options>(
      program,
      'what-happened <id>',
      'one run: by its correlation id, or by a record in it (number or id)',
      run,
    )
    .option(
      '--limit <n>',
      'how many steps to show at most',
      wholeNumber('--limit', 1, RUN_STEPS_MAX),
      RUN_STEPS_MAX,
    );
}

async function run(invocation: Invocation<Options>, id: string): Promise<ExitCode> {
  const { options, terminal } = invocation;
  const name = parseRecordName(id);
  if (name === null) {
    const message = `"${id.slice(0, 80)}" is neither a correlation id (32 hex digits) nor a record's number or id`;
    throw new IndelibleError('USAGE', message);
  }
  return withLedger<ExitCode>(invocation, { mode: 'read' }, async (ledger) => {
    const summary = await findRun(ledger, name, options.limit);
    await terminal.result(summary);
    await showRun(terminal, summary);
    return 0;
  });
}

/** A correlation id and a record id are both 32 hex digits: the run comes first, then the run of that record. */
async function findRun(ledger: Ledger, name: RecordName, limit: number): Promise<RunSummary> {
  if ('id' in name) {
    try {
      return await whatHappened(ledger, name.id, limit);
    } catch (error) {
      if (!isIndelibleError(error, 'NOT_FOUND')) throw error;
    }
  }
  const found = await findRecord(ledger, name);
  if (found !== null) return whatHappened(ledger, found.record.correlation_id, limit);
  const called = 'id' in name ? `run or record ${name.id}` : `record ${name.seq}`;
  throw new IndelibleError('NOT_FOUND', `no ${called} in ${ledger.url}`);
}
