/**
 * What every part of the server shares.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Actor, ErrorCode } from '@indelible/core';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify';
import type { AccessJournal } from '../access/journal.ts';
import type { Scope } from '../access/scopes.ts';
import type { Token } from '../access/token.ts';
import type { TokenRegistry } from '../access/token-registry.ts';
import type { RecordContext } from '../ledger/context.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Governed } from './governed.ts';
import { LOG_ROUTES, type LogPath } from './log-path.ts';
import type { ServerMetrics } from './metrics.ts';
import type { AnchorsStatus, ArchiveShown, OutboxShown, Settings } from './options.ts';
import type { Verifications } from './verifications.ts';

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** The parts that routes work with. */
export interface Parts {
  /** By name; the first is home. */
  readonly ledgers: ReadonlyMap<string, Ledger>;
  /** Where tokens and refusals are recorded, and the default of `?ledger=`. */
  readonly home: Ledger;
  readonly tokens: TokenRegistry;
  readonly journal: AccessJournal;
  readonly metrics: ServerMetrics;
  readonly settings: Settings;
  /** How the anchors of each ledger are doing, by its name. */
  readonly anchors: ReadonlyMap<string, AnchorsStatus>;
  /** How the archive of each ledger is doing, by its name. */
  readonly archives: ReadonlyMap<string, ArchiveShown>;
  /** How the outbox of each ledger is doing, by its name. */
  readonly outboxes: ReadonlyMap<string, OutboxShown>;
  readonly verifications: Verifications;
  readonly governed: Governed;
  /** Aborted when the server begins to close: ends tails, exports and verifications. */
  readonly closing: AbortSignal;
}

/** Who asks, which ledger, in which run: decided before a route's handler begins. */
export interface Caller {
  readonly token: Token;
  readonly actor: Actor;
  readonly ledger: Ledger;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The run that this request belongs to: from `traceparent`, or new. */
    trace: RecordContext;
    /** True when the caller sent a valid `traceparent`. */
    traced: boolean;
    caller: Caller | null;
    /** Which file of which log; null for every other route. */
    log_path: LogPath | null;
  }
  interface FastifyContextConfig {
    /** What the token must allow; absent: open to everybody. */
    scope?: Scope;
    /** The path names the ledger and a file of its log, and with them the scope. */
    log?: boolean;
    /** What a body of another shape is; default REQUEST_INVALID. */
    body_error?: ErrorCode;
  }
}

/** The caller; routes with a scope always have one. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null)
    throw new Error(`${request.routeOptions.url} has no scope, so it knows no caller`);
  return request.caller;
}

/** e.g. `GET /v1/records/{seq_or_id}`: how records and metrics name a route. */
export function routeOf(request: FastifyRequest): string {
  if (request.log_path !== null) return `${request.method} ${LOG_ROUTES[request.log_path.file]}`;
  const { url } = request.routeOptions;
  return `${request.method} ${url === undefined ? '(unknown)' : url.replace(/:(\w+)/g, '{$1}')}`;
}
