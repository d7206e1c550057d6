/**
 * The server's options and their defaults: a limit on everything.
 */
import type { FastifyBaseLogger } from 'fastify';
import type { AnchorStatus } from '../anchors/contract.ts';
import type { OpenedOperations } from '../compose/operations.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ArchiveStatus } from '../moving/archive.ts';
import type { ArchiveLag } from '../moving/archive-lag.ts';
import type { OutboxLag } from '../outbox/contract.ts';
import type { SealerStatus } from '../outbox/sealer.ts';
import type { LogAccess } from './log-path.ts';

/** The anchors of one ledger, as health and metrics show them. */
export interface AnchorsStatus {
  readonly status: readonly AnchorStatus[];
}

/** The archive of one ledger, as health and metrics show it. */
export interface ArchiveShown {
  readonly status: ArchiveStatus;
  lag(): Promise<ArchiveLag | null>;
}

/** The outbox of one ledger, as health and metrics show it. */
export interface OutboxShown {
  readonly status: SealerStatus;
  lag(): Promise<OutboxLag>;
}

export interface ServerOptions {
  /** By name. The first is home: it holds the tokens and is the default of `?ledger=`. */
  readonly ledgers: ReadonlyMap<string, Ledger>;
  /** `each` (default): every read is a record, durable before the answer. `grouped`: see docs/reference/http.md. */
  readonly reads?: 'each' | 'grouped';
  /** How often grouped access records are written; default one minute. */
  readonly group_interval_ms?: number;
  /** Who may read /metrics: a token with `audit:read` (default), or everybody. */
  readonly metrics_access?: 'token' | 'open';
  /** Who may read `/log/…`: holders of a token (default), everybody but for the entries (`hashes`), or everybody. */
  readonly log_access?: LogAccess;
  /** How long `/proof?wait=true` waits for a checkpoint; default 10,000. */
  readonly proof_wait_ms?: number;
  /** Anchors to show, by the ledger's name. */
  readonly anchors?: ReadonlyMap<string, AnchorsStatus>;
  /** Archives to show, by the ledger's name. */
  readonly archives?: ReadonlyMap<string, ArchiveShown>;
  /** Outboxes to show, by the ledger's name. */
  readonly outboxes?: ReadonlyMap<string, OutboxShown>;
  /** The engines of governed writes, by the ledger's name. The server does not close them. */
  readonly operations?: ReadonlyMap<string, OpenedOperations>;
  /** Requests per minute with one token; default 600,000. */
  readonly requests_per_minute_token?: number;
  /** Requests per minute from one address without a valid token; default 6,000. */
  readonly requests_per_minute_address?: number;
  /** Tails at the same time; default 100. */
  readonly tails_max?: number;
  /** Between signs of life on a quiet tail; default 15,000. */
  readonly heartbeat_ms?: number;
  /** Connections at the same time; default 2,048. */
  readonly connections_max?: number;
  /** For the whole of a request to arrive; default 120,000. */
  readonly request_timeout_ms?: number;
  /** On closing, what is still under way after this is cut off; default 10,000. */
  readonly shutdown_grace_ms?: number;
  /** Proxies in front, each of which adds to X-Forwarded-For; default 0: the client's address is the connection's. */
  readonly trusted_proxies?: number;
  readonly logger?: FastifyBaseLogger;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
}

export type Settings = Required<
  Omit<ServerOptions, 'ledgers' | 'logger' | 'anchors' | 'archives' | 'outboxes' | 'operations'>
>;

export const LIMITS_HTTP = {
  json_bytes: 1 << 20,
  ndjson_bytes: 16 << 20,
  ndjson_line_bytes: 1 << 20,
  headers_timeout_ms: 15_000,
  keep_alive_timeout_ms: 65_000,
} as const;

/** The options with defaults filled in. */
export function settingsOf(options: ServerOptions): Settings {
  return {
    reads: options.reads ?? 'each',
    group_interval_ms: options.group_interval_ms ?? 60_000,
    metrics_access: options.metrics_access ?? 'token',
    log_access: options.log_access ?? 'token',
    proof_wait_ms: options.proof_wait_ms ?? 10_000,
    requests_per_minute_token: options.requests_per_minute_token ?? 600_000,
    requests_per_minute_address: options.requests_per_minute_address ?? 6_000,
    tails_max: options.tails_max ?? 100,
    heartbeat_ms: options.heartbeat_ms ?? 15_000,
    connections_max: options.connections_max ?? 2_048,
    request_timeout_ms: options.request_timeout_ms ?? 120_000,
    shutdown_grace_ms: options.shutdown_grace_ms ?? 10_000,
    trusted_proxies: options.trusted_proxies ?? 0,
    clock: options.clock ?? Date.now,
  };
}
