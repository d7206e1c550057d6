/**
 * `indelible show SEQ|ID`: one record whole, and whether its own hash is right.
 */

import { IndelibleError, type LedgerRecord } from '@indelible/core';
import type { Command } from 'commander';
import { bytesOf } from '../../ledger/data-of.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { ExitCode } from '../failure.ts';
import { findRecord, hashVerifies, parseRecordName } from '../find-record.ts';
import { withLedger } from '../open.ts';
import { printableJson } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';

export function addShow(program: Command, shell: Shell): void {
  shell
    .command<Options>(
      program,
      'show <seq-or-id>',
      'one record, its hash, and whether that hash is right',
      show,
    )
    .option('--attachment', 'the data that was too large for the record, in place of the record');
}

interface Options {
  readonly attachment?: boolean;
}

async function show(invocation: Invocation<Options>, id: string): Promise<ExitCode> {
  const { terminal } = invocation;
  const { colors } = terminal;
  const name = parseRecordName(id);
  if (name === null)
    throw new IndelibleError('USAGE', `"${id.slice(0, 80)}" is neither a sequence number nor a record id`);
  return withLedger<ExitCode>(invocation, { mode: 'read' }, async (ledger) => {
    const found = await findRecord(ledger, name);
    if (found === null) throw new IndelibleError('NOT_FOUND', `no record ${id} in ${ledger.url}`);
    const { record, hash } = found;
    if (invocation.options.attachment === true) return showAttachment(terminal, ledger, record);
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

/** The bytes as they are, once they were compared with their digest. */
async function showAttachment(terminal: Terminal, ledger: Ledger, record: LedgerRecord): Promise<ExitCode> {
  const { attachment } = record;
  if (attachment === undefined)
    throw new IndelibleError('NOT_FOUND', `record ${record.seq} has no attachment; its data is in it`);
  if (terminal.json) {
    await terminal.result({ attachment, data: await ledger.dataOf(record) });
  } else {
    await terminal.raw(await bytesOf(ledger.attachments, attachment));
    await terminal.line();
  }
  return 0;
}
