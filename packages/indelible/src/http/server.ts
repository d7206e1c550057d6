/**
 * The HTTP server over open ledgers. What it does is in the routes; here it is put together.
 */
import type { Server } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { IndelibleError } from '@indelible/core';
import Fastify, { type FastifyReply, LogController } from 'fastify';
import { AccessJournal } from '../access/journal.ts';
import { TokenRegistry } from '../access/token-registry.ts';
import type { App, Parts } from './app.ts';
import { installBodies } from './bodies.ts';
import { answerClientError, installErrorHandling, sendProblem } from './error-handling.ts';
import { addExportRoute } from './export-route.ts';
import { installGate, installTrace } from './gate.ts';
import { addGovernanceRoutes } from './governance-routes.ts';
import { Governed } from './governed.ts';
import { addHealthRoutes } from './health-routes.ts';
import { addLogRoutes } from './log-routes.ts';
import { createMetrics } from './metrics.ts';
import { addOpenApiRoutes, installOpenApi } from './openapi.ts';
import { addOperationChangeRoutes } from './operation-change-routes.ts';
import { addOperationRoutes } from './operation-routes.ts';
import { LIMITS_HTTP, type ServerOptions, settingsOf } from './options.ts';
import { asIndelibleError } from './problem.ts';
import { addProofRoutes } from './proof-routes.ts';
import { installRateLimit } from './rate-limit.ts';
import { addReadRoutes } from './read-routes.ts';
import { addTailRoute } from './tail-route.ts';
import { addTokenRoutes } from './token-routes.ts';
import { Verifications } from './verifications.ts';
import { addVerifyRoute } from './verify-route.ts';
import { addWriteRecords } from './write-records.ts';

export interface AuditServer {
  readonly app: App;
  readonly tokens: TokenRegistry;
  readonly journal: AccessJournal;
  readonly verifications: Verifications;
  readonly governed: Governed;
  /** Ends tails and exports, answers what is under way, writes grouped records. The ledgers stay open. Idempotent. */
  close(): Promise<void>;
}

/** A server over these ledgers, ready to listen. It does not close the ledgers: who opened them does. */
export async function createServer(options: ServerOptions): Promise<AuditServer> {
  const { ledgers, logger, anchors = new Map(), archives = new Map(), outboxes = new Map() } = options;
  const { operations = new Map() } = options;
  const [home] = ledgers.values();
  if (home === undefined) throw new IndelibleError('USAGE', 'a server needs at least one ledger');
  const settings = settingsOf(options);
  const log = logger === undefined ? {} : { log: logger };
  const tokens = await TokenRegistry.open(home, { clock: settings.clock, ...log });
  const journal = new AccessJournal(home, { ...settings, ...log });
  const verifications = new Verifications(settings.clock, logger);
  const governed = new Governed(operations, settings.clock, logger);
  const closing = new AbortController();
  const parts: Parts = {
    ledgers,
    home,
    tokens,
    journal,
    metrics: createMetrics({
      ...{ ledgers, anchors, archives, outboxes, verifications, governed },
      clock: settings.clock,
    }),
    verifications,
    governed,
    settings,
    anchors,
    archives,
    outboxes,
    closing: closing.signal,
  };
  try {
    const app = await build(parts, logger);
    let closed: Promise<void> | null = null;
    const shutDown = async () => {
      closing.abort();
      const cut = setTimeout(() => app.server.closeAllConnections(), settings.shutdown_grace_ms);
      await app.close().finally(() => clearTimeout(cut));
      await governed.settled();
      await journal.close();
      await tokens.close();
    };
    const close = () => (closed ??= shutDown());
    return { app, tokens, journal, verifications, governed, close };
  } catch (error) {
    await journal.close();
    await tokens.close();
    throw error;
  }
}

async function build(parts: Parts, logger: ServerOptions['logger']): Promise<App> {
  const { settings } = parts;
  const app: App = Fastify({
    ...(logger === undefined ? { logger: false } : { loggerInstance: logger }),
    // One line per request would be a second, worse ledger.
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: settings.trusted_proxies === 0 ? false : (_address, hop) => hop < settings.trusted_proxies,
    bodyLimit: LIMITS_HTTP.json_bytes,
    requestTimeout: settings.request_timeout_ms,
    keepAliveTimeout: LIMITS_HTTP.keep_alive_timeout_ms,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    exposeHeadRoutes: false,
    clientErrorHandler: (error, socket) => answerClientError(error, socket),
    frameworkErrors: (error, request, reply) =>
      void sendProblem(request, reply as FastifyReply, asIndelibleError(error)),
    // What is asked for is taken as it is: nothing is coerced, and what is not known is refused, not dropped.
    // Our own schemas need no check at every start, nor code that is made shorter for many calls.
    ajv: {
      customOptions: {
        removeAdditional: false,
        coerceTypes: false,
        useDefaults: false,
        validateSchema: false,
        code: { optimize: false },
      },
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  limitConnections(app.server, settings.connections_max);
  // Answers are written by the routes: records must go out as the bytes that were hashed.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));

  installTrace(app);
  parts.metrics.install(app);
  // While closing, a connection whose answer is complete would otherwise stay until its client tires of it.
  app.addHook('onResponse', (_request, _reply, done) => {
    if (parts.closing.aborted) setImmediate(() => app.server.closeIdleConnections());
    done();
  });
  await installOpenApi(app);
  await installRateLimit(app, parts);
  installErrorHandling(app);
  installGate(app, parts);
  installBodies(app);

  addWriteRecords(app, parts);
  addReadRoutes(app, parts);
  addProofRoutes(app, parts);
  addLogRoutes(app, parts);
  addExportRoute(app, parts);
  addTailRoute(app, parts);
  addVerifyRoute(app, parts);
  addTokenRoutes(app, parts);
  addOperationRoutes(app, parts);
  addOperationChangeRoutes(app, parts);
  addGovernanceRoutes(app, parts);
  addHealthRoutes(app, parts);
  addOpenApiRoutes(app);
  await app.ready();
  return app;
}

function limitConnections(server: Server, most: number): void {
  server.maxConnections = most;
  server.headersTimeout = LIMITS_HTTP.headers_timeout_ms;
}
