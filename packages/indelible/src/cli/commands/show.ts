/**
 * `indelible show SEQ|ID`: one record whole, and whether its own hash is right.
 */

import { IndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import type { ExitCode } from '../failure.ts';
import { findRecord, hashVerifies, parseRecordName } from '../find-record.ts';
import { withLedger } from '../open.ts';
import { printableJson } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';

export function addShow(program: Command, shell: Shell): void {
  shell.command(program, 'show <seq-or-id>', 'one record, its hash, and whether that hash is right', show);
}

async function show(invocation: Invocation, id: string): Promise<ExitCode> {
  const { terminal } = invocation;
  const { colors } = terminal;
  const name = parseRecordName(id);
  if (name === null)
    throw new IndelibleError('USAGE', `"${id.slice(0, 80)}" is neither a sequence number nor a record id`);
  return withLedger<ExitCode>(invocation, { mode: 'read' }, async (ledger) => {
    const found = await findRecord(ledger, name);
    if (found === null) throw new IndelibleError('NOT_FOUND', `no record ${id} in ${ledger.url}`);
    const { record, hash } = found;
    const hash_verifies = hashVerifies(ledger, found);
    await terminal.result({ hash, hash_verifies, record });
    await terminal.line(printableJson(record));
    const verdict =
      hash_verifies === null
        ? colors.yellow('not checked: the secret of its key is not in the environment')
        : hash_verifies
          ? colors.green('verifies')
          : colors.red(colors.bold('DOES NOT VERIFY: this record was changed'));
    await terminal.line(`${colors.dim('hash')} ${hash}  ${verdict}`);
    if (hash_verifies === true)
      await terminal.line(colors.dim('Whether the chain around it holds is for `indelible verify` to say.'));
    return hash_verifies === null ? 3 : hash_verifies ? 0 : 1;
  });
}
