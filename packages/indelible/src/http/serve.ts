/**
 * `serve`: opens ledgers, listens, and shuts down in order.
 *
 * Prints its URL first, and on a ledger that never had a token the secret of an administrator's, once.
 */
import type { AddressInfo } from 'node:net';
import { type Actor, IndelibleError } from '@indelible/core';
import { openLedger } from '../compose.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ChainKey } from '../ledger/types.ts';
import { createLogger } from './logger.ts';
import type { ServerOptions } from './options.ts';
import { type AuditServer, createServer } from './server.ts';

const DEFAULT_PORT = 8787;

export interface ServeOptions extends Omit<ServerOptions, 'ledgers' | 'logger'> {
  /** URLs of the ledgers; the first is home. */
  readonly ledger_urls: readonly string[];
  /** Name of the home ledger when it is made. */
  readonly name?: string;
  readonly keys?: readonly ChainKey[];
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string;
  /** Default 8787; 0 takes a free one. */
  readonly port?: number;
  readonly log_level?: string;
  /** Receives the URL, then the administrator's secret; default standard output. */
  readonly print?: (line: string) => void;
  /** Close on SIGINT and SIGTERM (default). */
  readonly signals?: boolean;
}

export interface Running {
  readonly url: string;
  readonly server: AuditServer;
  /** Stops listening, answers what is under way, writes what waits, closes the ledgers. Idempotent. */
  close(): Promise<void>;
  /** Resolves when the server has closed. */
  readonly closed: Promise<void>;
}

const ADMIN_NAME = 'admin';
const CREATOR: Actor = { type: 'local', id: 'serve' };

/** Serves until closed. */
export async function serve(options: ServeOptions): Promise<Running> {
  const {
    ledger_urls,
    host = '127.0.0.1',
    port = DEFAULT_PORT,
    print = printLine,
    log_level = 'info',
  } = options;
  const logger = createLogger(log_level);
  const ledgers = new Map<string, Ledger>();
  let server: AuditServer | null = null;
  const shutDown = async (): Promise<void> => {
    await server?.close();
    for (const ledger of ledgers.values()) await ledger.close();
  };
  try {
    for (const url of ledger_urls) {
      const name = ledgers.size === 0 && options.name !== undefined ? { name: options.name } : {};
      const keys = options.keys === undefined ? {} : { keys: options.keys };
      const ledger = await openLedger(url, { ...name, ...keys, log: logger });
      const other = ledgers.get(ledger.name);
      ledgers.set(other === undefined ? ledger.name : `${ledger.name} (again)`, ledger);
      if (other !== undefined)
        throw new IndelibleError('USAGE', `two of the ledgers are named ${ledger.name}`);
    }
    server = await createServer({ ...options, ledgers, logger });
    await server.app.listen({ host, port });
    const url = urlOf(server.app.server.address() as AddressInfo);
    print(url);
    await printFirstToken(server, print);
    const { promise: closed, resolve, reject } = Promise.withResolvers<void>();
    let closing = false;
    const close = (): Promise<void> => {
      if (!closing) {
        closing = true;
        shutDown().then(resolve, (error: unknown) => {
          logger.error({ err: error }, 'closing failed');
          reject(error);
        });
      }
      return closed;
    };
    if (options.signals !== false) closeOnSignals(close, closed);
    return { url, server, close, closed };
  } catch (error) {
    await shutDown();
    throw error;
  }
}

/** Only a ledger that never had a token gets one by itself. */
async function printFirstToken({ tokens }: AuditServer, print: (line: string) => void): Promise<void> {
  if (tokens.list().length > 0) return;
  const { secret } = await tokens.issue({ name: ADMIN_NAME, scopes: ['admin'] }, CREATOR);
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
