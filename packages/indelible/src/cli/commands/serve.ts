/**
 * `indelible serve`: the HTTP API. Prints its URL first; on a ledger that never had a token, an administrator's, once.
 *
 * The server is loaded here alone and only when asked for: every other command starts without it.
 */
import { isIP } from 'node:net';
import { IndelibleError } from '@indelible/core';
import { type Command, Option } from 'commander';
import type { ExitCode } from '../failure.ts';
import { environmentKeys, ledgerUrl } from '../open.ts';
import { wholeNumber } from '../parse-options.ts';
import type { Invocation, Shell } from '../shell.ts';

const PORT = 8787;
const HOST = '127.0.0.1';

interface Options {
  readonly port: number;
  readonly host: string;
  readonly name?: string;
  readonly also?: readonly string[];
  readonly reads?: 'each' | 'grouped';
  readonly metrics?: 'token' | 'open';
  readonly trustProxy?: boolean;
  readonly logLevel: string;
}

export function addServe(program: Command, shell: Shell): void {
  shell
    .command<Options>(program, 'serve', 'the HTTP API; makes the ledger when there is none', serveLedger)
    .option('--port <n>', 'where to listen; 0 takes a free port', wholeNumber('--port', 0, 65_535), PORT)
    .option('--host <address>', 'which address to listen on', HOST)
    .option('--name <name>', 'the name of a ledger that is made')
    .option('--also <url...>', 'more ledgers to serve')
    .addOption(new Option('--reads <how>', 'record every read, or group them').choices(['each', 'grouped']))
    .addOption(new Option('--metrics <who>', 'who may read /metrics').choices(['token', 'open']))
    .option('--trust-proxy', 'take client addresses from X-Forwarded-For')
    .addOption(
      new Option('--log-level <level>', 'on standard error')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('warn'),
    );
}

async function serveLedger(invocation: Invocation<Options>): Promise<ExitCode> {
  const { options, terminal, signal } = invocation;
  const { port, host, name, also = [], reads, metrics, trustProxy, logLevel } = options;
  if (!isLoopback(host)) {
    terminal.notice(
      `LISTENING BEYOND THIS MACHINE (${host}): requests, records and tokens travel unencrypted. ` +
        'Put a proxy with TLS in front, or leave out --host.',
    );
  }
  const printed: string[] = [];
  const { serve } = await import('../../http/serve.ts');
  const running = await serve({
    ledger_urls: [ledgerUrl(invocation), ...also],
    keys: environmentKeys(invocation),
    host,
    port,
    log_level: logLevel,
    signals: false,
    print: (line) => {
      printed.push(line);
      void terminal.line(line);
    },
    ...(name === undefined ? {} : { name }),
    ...(reads === undefined ? {} : { reads }),
    ...(metrics === undefined ? {} : { metrics_access: metrics }),
    ...(trustProxy === true ? { trusted_proxies: 1 } : {}),
  }).catch((error: unknown) => {
    throw listenFailure(error, host, port);
  });
  const admin_token = /\bind_[0-9a-f]{16}_\S+/.exec(printed.join('\n'))?.[0] ?? null;
  await terminal.result({ url: running.url, admin_token });
  await terminal.line(
    `Serving ${[ledgerUrl(invocation), ...also].join(', ')}; the API is described at ${running.url}/docs. Ctrl-C stops.`,
  );
  const stop = (): void => void running.close().catch(() => {});
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  await running.closed;
  return 0;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function listenFailure(error: unknown, host: string, port: number): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof IndelibleError || !['listen', 'getaddrinfo'].includes(syscall ?? '')) return error;
  return new IndelibleError('LISTEN_FAILED', `cannot listen on ${host}:${port} (${code})`, { cause: error });
}
