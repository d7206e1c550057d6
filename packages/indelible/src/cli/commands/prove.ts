/**
 * `indelible prove SEQ|ID`: the proof that a record is in the log, for somebody who has neither the ledger nor trust in it.
 */
import { checkProof, IndelibleError, leafHash, SIGNATURES } from '@indelible/core';
import type { Command } from 'commander';
import type { Ledger } from '../../ledger/ledger.ts';
import type { StoredRecord } from '../../ledger/types.ts';
import type { ExitCode } from '../failure.ts';
import { findRecord, parseRecordName } from '../find-record.ts';
import { withLedger } from '../open.ts';
import { writeOutput } from '../output-file.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';

interface Options {
  readonly out?: string;
  readonly wait?: boolean;
}

export function addProve(program: Command, shell: Shell): void {
  shell
    .command<Options>(program, 'prove <seq-or-id>', 'the proof that a record is in the log', prove)
    .option('--out <file>', 'where to write it (default: standard output)')
    .option('--wait', 'until a checkpoint covers the record, e.g. one that a server signs');
}

async function prove(invocation: Invocation<Options>, id: string): Promise<ExitCode> {
  const { options, terminal, signal } = invocation;
  const name = parseRecordName(id);
  if (name === null)
    throw new IndelibleError('USAGE', `"${id.slice(0, 80)}" is neither a sequence number nor a record id`);
  return withLedger<ExitCode>(invocation, { mode: 'read' }, async (ledger) => {
    const found = await findRecord(ledger, name);
    if (found === null) throw new IndelibleError('NOT_FOUND', `no record ${id} in ${ledger.url}`);
    const { transparency } = ledger;
    if (transparency === null)
      throw new IndelibleError('CHECKPOINT_MISSING', `the ledger ${ledger.name} has no checkpoints`);
    const { seq } = found.record;
    if (options.wait === true) await transparency.waitFor(seq, signal);
    const proof = await transparency.proofFile(seq);
    const { checkpoint } = checked(ledger, found, proof);
    const { origin, size, root } = checkpoint;
    if (options.out !== undefined) await writeOutput(options.out, proof);
    await terminal.result({ seq, id: found.record.id, origin, size, root, out: options.out ?? null, proof });
    if (options.out === undefined) {
      if (!terminal.json) await terminal.raw(proof);
    } else {
      await terminal.line(
        `Record ${seq} is under the checkpoint of ${size} records of ${printable(origin)}; the proof is in ${printable(options.out)}`,
      );
      await terminal.line(`Next: indelible check ${printable(options.out)} --key VKEY --record FILE`);
    }
    return 0;
  });
}

/** No proof is given out that its receiver would refuse: it must be of this very record. */
function checked(ledger: Ledger, { body, record }: StoredRecord, proof: string) {
  const bytes = new TextEncoder();
  try {
    return checkProof(bytes.encode(proof), leafHash(bytes.encode(body)), {
      log_keys: [...(ledger.transparency?.verifier_keys ?? [])],
      origin: ledger.name,
      algorithms: SIGNATURES,
    });
  } catch (error) {
    if (!(error instanceof IndelibleError) || error.code !== 'PROOF_WRONG') throw error;
    throw new IndelibleError('TAMPERING', `record ${record.seq} is not the one that was signed`, {
      cause: error,
    });
  }
}
