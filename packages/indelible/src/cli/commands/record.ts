/**
 * `indelible record ACTION`: one event from options, or many from standard input as JSON Lines.
 */

import {
  type Actor,
  checkEvent,
  type Event,
  IndelibleError,
  type Json,
  OUTCOMES,
  parseJson,
  type Receipt,
  type Resource,
} from '@indelible/core';
import { type Command, Option } from 'commander';
import { ByteWindow } from '../../ingest/byte-window.ts';
import type { Importer } from '../../ingest/contract.ts';
import { toItem } from '../../ingest/import-item.ts';
import { parseJsonBytes } from '../../ingest/json-bytes.ts';
import { splitLines } from '../../ingest/lines.ts';
import { importInto } from '../../ingest/run-import.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { ExitCode } from '../failure.ts';
import { withLedger } from '../open.ts';
import { amount, typedId } from '../parse-options.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';
import { untilAborted } from '../streams.ts';
import { counted } from '../units.ts';

interface Options {
  readonly stdin?: boolean;
  readonly actor?: Actor;
  readonly onBehalfOf?: Actor;
  readonly resource?: Resource;
  readonly outcome?: Event['outcome'];
  readonly data?: Json;
  readonly message?: string;
  readonly correlationId?: string;
  readonly idempotencyKey?: string;
  readonly occurredAt?: string;
  readonly source?: string;
  readonly eventType?: string;
  readonly session?: string;
  readonly inputRef?: string;
  readonly outputRef?: string;
  readonly latencyMs?: number;
  readonly costUsd?: number;
}

export function addRecord(program: Command, shell: Shell): void {
  shell
    .command<Options>(
      program,
      'record [action]',
      'record one event, or with --stdin many; prints receipts',
      record,
    )
    .option('--stdin', 'events as JSON Lines from standard input')
    .option('--actor <type:id>', 'who acted (default: local and your user name)', typedId('--actor'))
    .option('--on-behalf-of <type:id>', 'who delegated it', typedId('--on-behalf-of'))
    .option('--resource <type:id>', 'what was acted upon', typedId('--resource'))
    .addOption(new Option('--outcome <outcome>', 'how it ended (default: ok)').choices(OUTCOMES))
    .option('--data <json>', 'any JSON', parseJson)
    .option('--message <text>', 'one sentence for people')
    .option('--correlation-id <id>', 'the run: 32 hex digits (default: a new one)', (text) =>
      text.replaceAll('-', '').toLowerCase(),
    )
    .option('--idempotency-key <key>', 'the same key again returns the first receipt')
    .option('--occurred-at <time>', 'when it happened, as you claim, e.g. 2026-11-21T02:14:00Z')
    .option('--source <text>', 'the system that it comes from')
    .option('--event-type <text>', 'the type in run logs (default: the action)')
    .option('--session <id>', 'the session that it belongs to')
    .option('--input-ref <text>', 'where the input is kept')
    .option('--output-ref <text>', 'where the output is kept')
    .option('--latency-ms <n>', 'how long it took', amount('--latency-ms'))
    .option('--cost-usd <n>', 'what it cost', amount('--cost-usd'));
}

async function record(invocation: Invocation<Options>, action: string | undefined): Promise<ExitCode> {
  const { options, terminal } = invocation;
  if (options.stdin === true) {
    if (action !== undefined) throw new IndelibleError('USAGE', 'give an action or --stdin, not both');
    return withLedger<ExitCode>(invocation, { mode: 'write', create: true, much: true }, (ledger) =>
      recordStandardInput(invocation, ledger),
    );
  }
  if (action === undefined)
    throw new IndelibleError('USAGE', 'name an action, e.g. user.login, or give --stdin');
  // Before the ledger is opened: a wrong event must not leave even an empty ledger behind.
  const event = checkEvent(eventOf(action, options));
  return withLedger<ExitCode>(invocation, { mode: 'write', create: true }, async (ledger) => {
    const receipt = await ledger.record(event);
    await terminal.result(receipt);
    await terminal.line(receiptText(receipt));
    return 0;
  });
}

function eventOf(action: string, options: Options): Event {
  const { actor, onBehalfOf, session } = options;
  if (onBehalfOf !== undefined && actor === undefined)
    throw new IndelibleError('USAGE', '--on-behalf-of needs --actor');
  const members = {
    action,
    actor: actor !== undefined && onBehalfOf !== undefined ? { ...actor, on_behalf_of: onBehalfOf } : actor,
    resource: options.resource,
    outcome: options.outcome,
    data: options.data,
    message: options.message,
    correlation_id: options.correlationId,
    idempotency_key: options.idempotencyKey,
    occurred_at: options.occurredAt,
    source: options.source,
    event_type: options.eventType,
    session: session === undefined ? undefined : { id: session },
    input_ref: options.inputRef,
    output_ref: options.outputRef,
    latency_ms: options.latencyMs,
    cost_usd: options.costUsd,
  };
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as unknown as Event;
}

async function recordStandardInput({ terminal, signal }: Invocation, ledger: Ledger): Promise<ExitCode> {
  const recordAndShow = async (event: Event): Promise<Receipt> => {
    const receipt = await ledger.record(event);
    await terminal.result(receipt);
    await terminal.line(receiptText(receipt));
    return receipt;
  };
  const source = { name: 'standard input', bytes: untilAborted(process.stdin, signal) };
  const summary = await importInto(recordAndShow, eventLines, [source], {
    onError: (problem) => {
      const { position, code, message } = problem;
      process.stderr.write(
        `${terminal.json ? JSON.stringify(problem) : `failed ${position}: ${code}: ${printable(message)}`}\n`,
      );
    },
  });
  if (summary.failed === 0) return 0;
  throw new IndelibleError(
    'IMPORT_INCOMPLETE',
    `${summary.failed} of ${counted(summary.read, 'event')} could not be recorded`,
  );
}

/** Events, one a line, exactly as they are: unlike an import, two equal lines are two events. */
const eventLines: Importer = {
  format: 'events',
  async *read(source) {
    const window = new ByteWindow(source.bytes);
    try {
      for await (const line of splitLines(window)) {
        if ('error' in line) yield line;
        else if (!isBlank(line.bytes)) {
          yield toItem(line.position, line.bytes.length, () => checkEvent(parseJsonBytes(line.bytes)));
        }
      }
    } finally {
      await window.close();
    }
  },
};

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09);
}

function receiptText({ seq, id, hash, correlation_id, duplicate }: Receipt): string {
  return `${duplicate === true ? 'already recorded' : 'recorded'} ${seq}  id ${id}  run ${correlation_id}  hash ${hash}`;
}
