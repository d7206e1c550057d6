/**
 * `indelible serve`: the HTTP API. Prints its URL first; on a ledger that never had a token, an administrator's, once.
 *
 * The server is loaded here alone and only when asked for: every other command starts without it.
 */
import { isIP } from 'node:net';
import { IndelibleError, POLICY_BYTES_MAX } from '@indelible/core';
import { type Command, Option } from 'commander';
import { withoutCredentials } from '../../compose.ts';
import type { ExitCode } from '../failure.ts';
import { indexingNotices } from '../indexing-progress.ts';
import { readInput } from '../input-file.ts';
import { noteLedger } from '../known-ledgers.ts';
import { environmentKeys, ledgerUrl } from '../open.ts';
import { noticeTo, readConnectors } from '../operation-engine.ts';
import { timeSpan, wholeNumber } from '../parse-options.ts';
import { policyFolder } from '../policy-folder.ts';
import type { Invocation, Shell } from '../shell.ts';
import { addNewSigningOptions, type SigningOptions, signerOrNew } from '../signing.ts';

const PORT = 8787;
const HOST = '127.0.0.1';
const LEAVE_MS = 500;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

interface Options extends SigningOptions {
  readonly port: number;
  readonly host: string;
  readonly name?: string;
  readonly also?: readonly string[];
  readonly reads?: 'each' | 'grouped';
  readonly metrics?: 'token' | 'open';
  readonly trustProxy?: boolean;
  readonly logLevel: string;
  readonly log: 'token' | 'hashes' | 'public';
  readonly checkpointInterval?: number;
  readonly policy?: string;
  readonly withhold?: boolean;
  readonly anchor?: readonly string[];
  readonly anchorEvery?: number;
  readonly archive?: readonly string[];
  readonly outbox: boolean;
  readonly connectors?: string;
  readonly policies?: string;
  readonly recoverEvery?: number;
  readonly noticeWebhook?: string;
  readonly verify: boolean;
  readonly verifyEvery?: number;
  readonly verifyFullEvery?: number;
}

export function addServe(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(program, 'serve', 'the HTTP API; makes the ledger when there is none', serveLedger)
    .option('--port <n>', 'where to listen; 0 takes a free port', wholeNumber('--port', 0, 65_535), PORT)
    .option('--host <address>', 'which address to listen on', HOST)
    .option('--name <name>', 'the name of a ledger that is made')
    .option('--also <url...>', 'more ledgers to serve')
    .addOption(new Option('--reads <how>', 'record every read, or group them').choices(['each', 'grouped']))
    .addOption(new Option('--metrics <who>', 'who may read /metrics').choices(['token', 'open']))
    .option('--trust-proxy', 'take client addresses from X-Forwarded-For')
    .addOption(
      new Option(
        '--log <who>',
        'who may read /log/…: holders of a token; everybody the hashes; or everybody also THE RECORDS THEMSELVES',
      )
        .choices(['token', 'hashes', 'public'])
        .default('token'),
    )
    .option(
      '--checkpoint-interval <time>',
      'at most one checkpoint in this time (default: 1s)',
      timeSpan('--checkpoint-interval', 1, DAY_MS),
    )
    .option('--policy <file>', 'witnesses that cosign the checkpoints, and how many of them must')
    .option('--withhold', 'publish a checkpoint only once the policy is met')
    .option(
      '--anchor <url...>',
      'where to anchor checkpoints: file:, sqlite:, postgres:, https: or tsa+https:',
    )
    .option(
      '--anchor-every <time>',
      'how often (default: 24h)',
      timeSpan('--anchor-every', MINUTE_MS, 365 * DAY_MS),
    )
    .option(
      '--archive <url...>',
      'where to archive the ledgers, in their order: s3:, file:, sqlite:, postgres: or nats:',
    )
    .option('--no-outbox', 'leave the outboxes of PostgreSQL ledgers to other sealers')
    .option(
      '--connectors <file>',
      'make governed writes, by this configuration (default: $INDELIBLE_CONNECTORS, then none)',
    )
    .option('--policies <folder>', 'the folder of policies (default: $INDELIBLE_POLICIES, then ./policies)')
    .option(
      '--notice-webhook <url>',
      'where break-glass is announced (default: $INDELIBLE_NOTICE_WEBHOOK); signed when INDELIBLE_WEBHOOK_SECRET is set',
    )
    .option(
      '--recover-every <time>',
      'how often to do what is due with governed writes (default: 5s)',
      timeSpan('--recover-every', 100, DAY_MS),
    )
    .option(
      '--verify-every <time>',
      'how often to verify what is new (default: 1h)',
      timeSpan('--verify-every', MINUTE_MS, 365 * DAY_MS),
    )
    .option(
      '--verify-full-every <time>',
      'how often to verify everything (default: 24h)',
      timeSpan('--verify-full-every', MINUTE_MS, 365 * DAY_MS),
    )
    .option('--no-verify', 'verify only when asked to')
    .addOption(
      new Option('--log-level <level>', 'on standard error')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('warn'),
    );
  addNewSigningOptions(command);
}

async function serveLedger(invocation: Invocation<Options>): Promise<ExitCode> {
  const { options, terminal, signal } = invocation;
  const { port, host, name, also = [], reads, metrics, trustProxy, logLevel, log } = options;
  if (!isLoopback(host)) {
    terminal.notice(
      `LISTENING BEYOND THIS MACHINE (${host}): requests, records and tokens travel unencrypted. ` +
        'Put a proxy with TLS in front, or leave out --host.',
    );
  }
  if (log === 'public') {
    terminal.notice(
      'THE LOG IS PUBLIC: whoever reaches this server reads every record, without a token and without a trace. ' +
        '--log hashes shows everybody the hashes alone.',
    );
  }
  const printed: string[] = [];
  const { serve } = await import('../../http/serve.ts');
  const indexing = indexingNotices(terminal);
  const running = await serve({
    ledger_urls: [ledgerUrl(invocation), ...also],
    keys: environmentKeys(invocation),
    signerFor: (own, url) => signerOrNew(invocation, own, url),
    env: invocation.env,
    log_access: log,
    ...(await proofOptions(options)),
    ...(await governedOptions(invocation)),
    seal_outboxes: options.outbox,
    host,
    port,
    log_level: logLevel,
    signals: false,
    onIndexing: (progress) => {
      signal.throwIfAborted();
      indexing.update(progress);
    },
    onLedger: (ledger, url) => noteLedger(invocation, ledger, url),
    onArchived: (store, url) => noteLedger(invocation, { store, transparency: null }, url),
    print: (line) => {
      printed.push(line);
      void terminal.line(line);
    },
    ...(options.verify ? {} : { verify_every_ms: null }),
    ...(options.verifyEvery === undefined ? {} : { verify_every_ms: options.verifyEvery }),
    ...(options.verifyFullEvery === undefined ? {} : { verify_full_every_ms: options.verifyFullEvery }),
    ...(name === undefined ? {} : { name }),
    ...(reads === undefined ? {} : { reads }),
    ...(metrics === undefined ? {} : { metrics_access: metrics }),
    ...(trustProxy === true ? { trusted_proxies: 1 } : {}),
  })
    .catch((error: unknown) => {
      throw listenFailure(error, host, port);
    })
    .finally(indexing.stop);
  const admin_token = /\bind_[0-9a-f]{16}_\S+/.exec(printed.join('\n'))?.[0] ?? null;
  await terminal.result({ url: running.url, admin_token });
  const shown = [ledgerUrl(invocation), ...also].map(withoutCredentials).join(', ');
  await terminal.line(`Serving ${shown}; the API is described at ${running.url}/docs. Ctrl-C stops.`);
  const stop = (): void => void running.close().catch(() => {});
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  await running.closed.catch((error: unknown) => {
    leaveSoon();
    throw error;
  });
  return 0;
}

/** What hangs would keep the process alive; what there is to say has been said by then. */
function leaveSoon(): void {
  setTimeout(() => process.exit(), LEAVE_MS).unref();
}

/** What was given of the options about checkpoints and anchors. */
async function proofOptions(options: Options) {
  const { checkpointInterval, policy, withhold = false, anchor = [], anchorEvery, archive = [] } = options;
  return {
    withhold,
    anchor_urls: anchor,
    archive_urls: archive,
    ...(checkpointInterval === undefined ? {} : { checkpoint_interval_ms: checkpointInterval }),
    ...(anchorEvery === undefined ? {} : { anchor_interval_ms: anchorEvery }),
    ...(policy === undefined ? {} : { policy: await readInput(policy, POLICY_BYTES_MAX) }),
  };
}

/** Governed writes must be asked for: a connectors.json that lies about is no reason to make them over HTTP. */
async function governedOptions(invocation: Invocation<Options>) {
  const { options, env } = invocation;
  const { connectors: file = env.INDELIBLE_CONNECTORS ?? '', recoverEvery, noticeWebhook } = options;
  if (file === '') return {};
  const notify = noticeTo(env, noticeWebhook);
  const governed = {
    ...{ connectors: await readConnectors(file), policies: policyFolder(invocation) },
    ...(notify === null ? {} : { notify }),
  };
  return { governed, ...(recoverEvery === undefined ? {} : { recover_every_ms: recoverEvery }) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function listenFailure(error: unknown, host: string, port: number): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof IndelibleError || !['listen', 'getaddrinfo'].includes(syscall ?? '')) return error;
  return new IndelibleError('LISTEN_FAILED', `cannot listen on ${host}:${port} (${code})`, { cause: error });
}
