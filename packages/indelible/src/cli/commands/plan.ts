/**
 * `indelible plan`: asks for a governed write, shows what it would do, and says what it waits for.
 */
import { IndelibleError, type JsonObject, parseJson } from '@indelible/core';
import type { Command } from 'commander';
import { parseJsonBytes } from '../../ingest/json-bytes.ts';
import type { MemberRequest, Operation, OperationRequest } from '../../operations/types.ts';
import type { ExitCode } from '../failure.ts';
import { readInput } from '../input-file.ts';
import {
  type ActorOptions,
  actorOf,
  addActorOptions,
  addEngineOptions,
  type EngineCommandOptions,
  withEngine,
} from '../operation-engine.ts';
import { planLines } from '../operation-view.ts';
import type { Invocation, Shell } from '../shell.ts';

interface Options extends EngineCommandOptions, ActorOptions {
  readonly params?: string;
  readonly file?: string;
  readonly reason: string;
  readonly intent?: string;
  readonly correlationId?: string;
  readonly idempotencyKey?: string;
  readonly breakGlass?: boolean;
}

const FILE_BYTES_MAX = 4 << 20;

export function addPlan(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(
      program,
      'plan [connector] [action]',
      'ask for a governed write: shows the diff, decides, does the dry run',
      plan,
    )
    .option('--params <json>', 'the parameters of the action; - reads them from standard input')
    .option('--file <file>', 'several writes as one: a JSON list of {connector, action, params}')
    .requiredOption('--reason <text>', 'why, for approvers and auditors')
    .option('--intent <text>', 'what it is part of')
    .option('--correlation-id <id>', 'the run: 32 hex digits (default: a new one)', (text) =>
      text.replaceAll('-', '').toLowerCase(),
    )
    .option('--idempotency-key <key>', 'the same key again returns the first operation')
    .option(
      '--break-glass',
      'without approval beforehand, where policy allows it; never closed without a review',
    );
  addActorOptions(addEngineOptions(command));
}

async function plan(invocation: Invocation<Options>, connector?: string, action?: string): Promise<ExitCode> {
  const { options, terminal } = invocation;
  const members = await membersOf(options, connector, action);
  const request: OperationRequest = {
    members,
    requester: actorOf(options),
    reason: options.reason,
    ...(options.intent === undefined ? {} : { intent: options.intent }),
    ...(options.correlationId === undefined ? {} : { correlation_id: options.correlationId }),
    ...(options.idempotencyKey === undefined ? {} : { idempotency_key: options.idempotencyKey }),
    ...(options.breakGlass === true ? { break_glass: true } : {}),
  };
  return withEngine<ExitCode>(invocation, async ({ engine }) => {
    const operation = await engine.plan(request);
    await terminal.result(operation);
    for (const line of planLines(operation, terminal.colors)) await terminal.line(line);
    const next = nextStep(operation);
    if (next !== null) await terminal.line(`next: ${next}`);
    return next === null ? 3 : 0;
  });
}

function nextStep({ state, operation_id, plan_hash, envelope }: Operation): string | null {
  if (state === 'pending_approval') return `indelible approve ${operation_id} --plan-hash ${plan_hash}`;
  if (state === 'approved') return `indelible apply ${operation_id}`;
  if (state === 'validated' && envelope.break_glass)
    return `indelible approve ${operation_id} --purpose break_glass --plan-hash ${plan_hash}`;
  return state === 'denied' || state === 'rejected' ? null : `indelible operations show ${operation_id}`;
}

async function membersOf(options: Options, connector?: string, action?: string): Promise<MemberRequest[]> {
  const { file, params } = options;
  if (file !== undefined) {
    if (connector !== undefined || params !== undefined)
      throw new IndelibleError(
        'USAGE',
        '--file has connectors, actions and parameters: give nothing beside it',
      );
    return parseJsonBytes(await readInput(file, FILE_BYTES_MAX)) as unknown as MemberRequest[];
  }
  if (connector === undefined || action === undefined)
    throw new IndelibleError('USAGE', 'name a connector and an action, or give --file');
  const given =
    params === '-' ? parseJsonBytes(await readInput('-', FILE_BYTES_MAX)) : parseJson(params ?? '{}');
  return [{ connector, action, params: given as JsonObject }];
}
