/**
 * `indelible approve OPERATION` and `indelible deny OPERATION`: signed votes over the plan hash.
 *
 * Without --plan-hash they show the plan and vote for nothing: who votes says which plan they have seen.
 */
import { IndelibleError } from '@indelible/core';
import { type Command, Option } from 'commander';
import type { Operation, VotePurpose } from '../../operations/types.ts';
import { signStatement } from '../../operations/votes.ts';
import { type ApproverKeyOptions, loadApproverKey, personOf } from '../approver-key.ts';
import type { ExitCode } from '../failure.ts';
import { addEngineOptions, type EngineCommandOptions, withEngine } from '../operation-engine.ts';
import { headline, planLines } from '../operation-view.ts';
import type { Invocation, Shell } from '../shell.ts';

interface Options extends EngineCommandOptions, ApproverKeyOptions {
  readonly planHash?: string;
  readonly reason?: string;
  readonly purpose: VotePurpose | 'break_glass';
}

export function addApprove(program: Command, shell: Shell): void {
  addVote(program, shell, 'approve', 'approve a plan, by a signature over its hash');
}

export function addDeny(program: Command, shell: Shell): void {
  addVote(program, shell, 'deny', 'veto a plan, by a signature over its hash');
}

function addVote(program: Command, shell: Shell, vote: 'approve' | 'deny', summary: string): void {
  const command = shell
    .command<Options>(program, `${vote} <operation>`, summary, (invocation, ...args) =>
      castVote(invocation, vote, ...(args as unknown as [string])),
    )
    .option('--plan-hash <hash>', 'the plan that you have seen; without it the plan is shown')
    .option('--reason <text>', 'recorded with the vote')
    .option('--person <id>', 'who votes (default: your user name)')
    .option('--key <file>', 'the private key that signs (default: in the user’s config folder)')
    .addOption(
      new Option('--purpose <purpose>', 'what is voted on')
        .choices(['approval', 'review', 'exception', 'break_glass'])
        .default('approval'),
    );
  addEngineOptions(command);
}

async function castVote(
  invocation: Invocation<Options>,
  vote: 'approve' | 'deny',
  id: string,
): Promise<ExitCode> {
  const { options, terminal } = invocation;
  const { planHash: plan_hash, purpose, reason = null } = options;
  return withEngine<ExitCode>(invocation, async ({ engine }, ledger) => {
    const operation = await engine.read(id);
    if (plan_hash === undefined) {
      await terminal.result(operation);
      for (const line of planLines(operation, terminal.colors)) await terminal.line(line);
      throw new IndelibleError('USAGE', 'nothing was voted: say which plan you have seen, with --plan-hash');
    }
    const person = { type: 'user', id: personOf(invocation) };
    const statement = {
      ledger: ledger.name,
      operation_id: operation.operation_id,
      plan_hash,
      purpose,
      vote,
      person,
    };
    const signer = loadApproverKey(invocation);
    const signature = await signStatement(
      { ...statement, reason, signed_at: new Date().toISOString() },
      signer,
    );
    const after = await cast();
    await terminal.result(after);
    await terminal.line(headline(after, terminal.colors));
    return 0;

    function cast(): Promise<Operation> {
      if (purpose === 'break_glass') return engine.breakGlass(id, signature);
      return engine.vote(id, { plan_hash: plan_hash!, vote, purpose, signature });
    }
  });
}
