/**
 * `serve`: opens ledgers, listens, and shuts down in order.
 *
 * Prints its URL first, and on a ledger that never had a token the secret of an administrator's, once.
 */
import type { AddressInfo } from 'node:net';
import type { OpenedOperations, OperationsOptions } from '../compose/operations.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerLog } from '../ledger/types.ts';
import { closeWithin } from './close-within.ts';
import { createLogger } from './logger.ts';
import { OperationSchedule } from './operation-schedule.ts';
import type { ServerOptions } from './options.ts';
import { ResumeSchedule } from './resume-schedule.ts';
import { SERVER, ServedLedgers, type ServedOptions } from './served-ledgers.ts';
import { type AuditServer, createServer } from './server.ts';
import { VerifySchedule } from './verify-schedule.ts';

const DEFAULT_PORT = 8787;

export interface ServeOptions
  extends Omit<ServerOptions, 'ledgers' | 'logger' | 'anchors' | 'archives' | 'outboxes' | 'operations'>,
    ServedOptions {
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string;
  /** Default 8787; 0 takes a free one. */
  readonly port?: number;
  readonly log_level?: string;
  /** Called with each ledger once it is open, about once a minute, and before it is closed. Never rejects. */
  readonly onLedger?: (ledger: Ledger, url: string) => Promise<void>;
  /** Verifies what is new so often; default an hour, null only when asked to. */
  readonly verify_every_ms?: number | null;
  /** Verifies everything so often; default a day. */
  readonly verify_full_every_ms?: number;
  /** Connectors and the folder of policies, for governed writes recorded in the home ledger; default none. */
  readonly governed?: Pick<OperationsOptions, 'connectors' | 'policies' | 'notify'>;
  /** How often what is due with operations is done; default 5 s. */
  readonly recover_every_ms?: number;
  /** After a failed append, how often the server tries one of its own; default 5 s. */
  readonly resume_every_ms?: number;
  /** How long closing may take where a store hangs; default 25 s, within which those who stop processes commonly wait. */
  readonly close_ms_max?: number;
  /** Receives the URL, then the administrator's secret; default standard output. */
  readonly print?: (line: string) => void;
  /** Close on SIGINT and SIGTERM (default). */
  readonly signals?: boolean;
}

export interface Running {
  readonly url: string;
  readonly server: AuditServer;
  readonly served: ServedLedgers;
  /**
   * Stops listening, answers what is under way, writes what waits, closes the ledgers. Idempotent. Raises STORE_UNAVAILABLE
   * when a store does not let it; what is acknowledged is durable all the same.
   */
  close(): Promise<void>;
  /** Resolves when the server has closed. */
  readonly closed: Promise<void>;
}

const LOOK_MS = 60_000;
const HOUR_MS = 60 * 60_000;
const RECOVER_EVERY_MS = 5_000;
const RESUME_EVERY_MS = 5_000;
const CLOSE_MS_MAX = 25_000;
const ADMIN_NAME = 'admin';

/** Serves until closed. */
export async function serve(options: ServeOptions): Promise<Running> {
  const { host = '127.0.0.1', port = DEFAULT_PORT, print = printLine, log_level = 'info' } = options;
  const logger = createLogger(log_level);
  const served = await ServedLedgers.open(options, logger);
  const { ledgers, anchors, archives, outboxes } = served;
  let server: AuditServer | null = null;
  let verifying: VerifySchedule | null = null;
  let recovering: OperationSchedule | null = null;
  const { resume_every_ms = RESUME_EVERY_MS } = options;
  const resuming = new ResumeSchedule({ ledgers, actor: SERVER, every_ms: resume_every_ms });
  let operations: ReadonlyMap<string, OpenedOperations> = new Map();
  const look = async (): Promise<void> => {
    for (const ledger of ledgers.values()) await options.onLedger?.(ledger, served.urlOf(ledger));
  };
  const looking = setInterval(() => void look(), LOOK_MS).unref();
  const shutDown = async (): Promise<void> => {
    clearInterval(looking);
    // At once: a turn that waits for its store must not keep the server listening.
    const turns = Promise.all([verifying?.close(), recovering?.close(), resuming.close()]);
    await server?.close();
    await turns;
    for (const opened of operations.values()) await opened.close();
    await served.close(options.onLedger);
  };
  try {
    await look();
    operations = await openGoverned(options, served, logger);
    server = await createServer({ ...options, ledgers, anchors, archives, outboxes, operations, logger });
    await server.app.listen({ host, port });
    const url = urlOf(server.app.server.address() as AddressInfo);
    print(url);
    await printFirstToken(server, print);
    verifying = scheduleVerification(options, ledgers, server, logger);
    const { governed } = server;
    recovering = new OperationSchedule({ governed, every_ms: options.recover_every_ms ?? RECOVER_EVERY_MS });
    recovering.start();
    resuming.start();
    // Not waited for: whoever starts the server wants to record.
    void served.startAnchoring();
    const { promise: closed, resolve, reject } = Promise.withResolvers<void>();
    let closing = false;
    const close = (): Promise<void> => {
      if (!closing) {
        closing = true;
        const { close_ms_max = CLOSE_MS_MAX } = options;
        closeWithin(shutDown(), close_ms_max, () => governed.settled()).then(resolve, (error: unknown) => {
          logger.error({ err: error }, 'closing failed');
          reject(error);
        });
      }
      return closed;
    };
    if (options.signals !== false) closeOnSignals(close, closed);
    return { url, server, served, close, closed };
  } catch (error) {
    await shutDown();
    throw error;
  }
}

/** The engine of the home ledger, when it is configured. */
async function openGoverned(
  { governed, clock }: ServeOptions,
  served: ServedLedgers,
  log: LedgerLog,
): Promise<ReadonlyMap<string, OpenedOperations>> {
  const [home] = served.ledgers.values();
  if (governed === undefined || home === undefined) return new Map();
  const { openOperations } = await import('../compose/operations.ts');
  const opened = await openOperations(home, {
    ...governed,
    url: served.urlOf(home),
    log,
    ...(clock === undefined ? {} : { clock }),
    // Loud where whoever runs the server looks; the records say it in any case. Who must be told, must be told first.
    notify: async (notice) => {
      log.error({ ...notice }, 'BREAK-GLASS: an operation is about to run without approval');
      await governed.notify?.(notice);
    },
  });
  return new Map([[home.name, opened]]);
}

function scheduleVerification(
  { verify_every_ms = HOUR_MS, verify_full_every_ms }: ServeOptions,
  ledgers: ReadonlyMap<string, Ledger>,
  { verifications }: AuditServer,
  log: LedgerLog,
): VerifySchedule | null {
  if (verify_every_ms === null) return null;
  const schedule = new VerifySchedule({
    ledgers,
    verifications,
    every_ms: verify_every_ms,
    log,
    ...(verify_full_every_ms === undefined ? {} : { full_every_ms: verify_full_every_ms }),
  });
  schedule.start();
  return schedule;
}

/** Only a ledger that never had a token gets one by itself. */
async function printFirstToken({ tokens }: AuditServer, print: (line: string) => void): Promise<void> {
  if (tokens.list().length > 0) return;
  const { secret } = await tokens.issue({ name: ADMIN_NAME, scopes: ['admin'] }, SERVER);
  print(`Administrator token, shown this once: ${secret}`);
}

function closeOnSignals(close: () => Promise<void>, closed: Promise<void>): void {
  const onSignal = (): void => {
    void close().catch(() => {});
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const forget = (): void => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
  closed.then(forget, forget);
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
