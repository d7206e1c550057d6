/**
 * From a command's options and the environment to the engine of governed writes, and back.
 *
 * Errors:  those of opening the ledger; CONNECTOR_CONFIG; INPUT_UNREADABLE for the configuration's file.
 */
import type { Actor } from '@indelible/core';
import type { Command } from 'commander';
import { type OpenedOperations, openOperations, readMatrix } from '../compose/operations.ts';
import { parseJsonBytes } from '../ingest/json-bytes.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { EngineOptions } from '../operations/parts.ts';
import { readInput } from './input-file.ts';
import { ledgerUrl, localActor, noticeLog, withLedger } from './open.ts';
import { typedId } from './parse-options.ts';
import { type PolicyFolderOptions, policyFolder } from './policy-folder.ts';
import type { Invocation } from './shell.ts';
import { webhookNotice } from './webhook-alert.ts';

export interface EngineCommandOptions extends PolicyFolderOptions {
  readonly connectors?: string;
}

export interface ActorOptions {
  readonly actor?: Actor;
  readonly onBehalfOf?: Actor;
}

const CONFIG_BYTES_MAX = 1 << 20;

/** The options of every command that opens the engine. */
export function addEngineOptions(command: Command): Command {
  return command
    .option(
      '--connectors <file>',
      'their configuration (default: $INDELIBLE_CONNECTORS, then connectors.json)',
    )
    .option('--policies <folder>', 'the folder of policies (default: $INDELIBLE_POLICIES, then ./policies)');
}

export function addActorOptions(command: Command): Command {
  return command
    .option('--actor <type:id>', 'who asks (default: local and your user name)', typedId('--actor'))
    .option('--on-behalf-of <type:id>', 'who delegated it', typedId('--on-behalf-of'));
}

export function actorOf({ actor = localActor(), onBehalfOf }: ActorOptions): Actor {
  return onBehalfOf === undefined ? actor : { ...actor, on_behalf_of: onBehalfOf };
}

/** Opens ledger and engine for `work`, and closes both. `onRecord` is told of each step once it is durable. */
export async function withEngine<T>(
  invocation: Invocation<EngineCommandOptions>,
  work: (opened: OpenedOperations, ledger: Ledger) => Promise<T>,
  onRecord?: EngineOptions['onRecord'],
): Promise<T> {
  const connectors = await readConnectors(connectorsFile(invocation));
  const notify = noticeTo(invocation.env);
  return withLedger(invocation, { mode: 'write' }, async (ledger) => {
    const opened = await openOperations(ledger, {
      connectors,
      policies: policyFolder(invocation),
      url: ledgerUrl(invocation),
      log: noticeLog(invocation.terminal),
      ...(onRecord === undefined ? {} : { onRecord }),
      // Who works at a terminal sees it there; everybody else, at the webhook and in the ledger.
      notify: async (notice) => {
        const { operation_id, requester } = notice;
        invocation.terminal.notice(`break-glass: ${requester.id} runs ${operation_id} without approval`);
        await notify?.(notice);
      },
    });
    try {
      return await work(opened, ledger);
    } finally {
      await opened.close();
    }
  });
}

function connectorsFile({ options, env }: Invocation<EngineCommandOptions>): string {
  return options.connectors ?? (env.INDELIBLE_CONNECTORS || 'connectors.json');
}

/** Who is told of break-glass before it runs, or null. Raises for an address or a secret that is none. */
export function noticeTo(
  env: Invocation<unknown>['env'],
  address = env.INDELIBLE_NOTICE_WEBHOOK ?? '',
): NonNullable<EngineOptions['notify']> | null {
  return address === '' ? null : webhookNotice(address, env.INDELIBLE_WEBHOOK_SECRET || null);
}

/** A configuration of connectors. */
export async function readConnectors(file: string): Promise<unknown> {
  return parseJsonBytes(await readInput(file, CONFIG_BYTES_MAX));
}

/** What the configured connectors promise; needs no ledger. */
export async function openConfigured(
  invocation: Invocation<EngineCommandOptions>,
): Promise<OpenedOperations['matrix']> {
  return readMatrix(await readConnectors(connectorsFile(invocation)));
}
