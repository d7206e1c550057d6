/**
 * What every request passes before its handler: trace, headers, rate limit, token, scope, ledger.
 *
 * Tokens come in the Authorization header alone: URLs end up in logs and histories. Every 401 and 403 is recorded.
 */
import { type Actor, IndelibleError } from '@indelible/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { allows, binds, type Scope } from '../access/scopes.ts';
import { type Token, tokenActor } from '../access/token.ts';
import type { Authentication } from '../access/token-registry.ts';
import { freezeActor } from '../ledger/actors.ts';
import { contextFromTraceparent, traceparent, withContext } from '../ledger/context.ts';
import { newCorrelationId } from '../ledger/identity.ts';
import { type App, callerOf, type Parts, routeOf } from './app.ts';
import { isOpen, parseLogPath } from './log-path.ts';

const BEARER = /^Bearer +([^ ]+) *$/i;
const NO_TOKEN: Authentication = { token: null, refusal: 'malformed' };

/** Frozen once per token, so that the ledger writes its text once. */
const actors = new WeakMap<Token, Actor>();
/** What a request's header authenticates as: asked for by the rate limit and again by the gate. */
const authentications = new WeakMap<FastifyRequest, Authentication>();

/** Installs the hooks. `decide` runs before any body is read. */
export function installGate(app: App, parts: Parts): void {
  app.decorateRequest('caller', null);
  app.decorateRequest('traced', false);
  app.decorateRequest('log_path', null);
  app.addHook('onRequest', async (request, reply) => {
    await decide(parts, request, reply);
  });
  // Handlers run inside the request's context: what they record belongs to its run and its actor.
  app.addHook('preHandler', (request, _reply, done) => {
    const { caller, trace } = request;
    withContext(caller === null ? trace : { ...trace, actor: caller.actor }, done);
  });
}

/** Gives the request its trace and the answer its headers. First of all hooks, so that errors have them too. */
export function installTrace(app: App): void {
  app.decorateRequest('trace');
  app.addHook('onRequest', async (request, reply) => {
    const header = request.headers.traceparent;
    const inbound = contextFromTraceparent(typeof header === 'string' ? header : undefined);
    request.traced = inbound.correlation_id !== undefined;
    request.trace = request.traced ? inbound : { correlation_id: newCorrelationId() };
    reply.headers({
      traceparent: traceparent(request.trace),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
    });
  });
}

/** What the request's token authenticates as. */
export function authenticationOf(parts: Parts, request: FastifyRequest): Authentication {
  const known = authentications.get(request);
  if (known !== undefined) return known;
  const secret = BEARER.exec(request.headers.authorization ?? '')?.[1];
  const authentication = secret === undefined ? NO_TOKEN : parts.tokens.authenticate(secret);
  authentications.set(request, authentication);
  return authentication;
}

async function decide(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const scope = scopeOf(parts, request);
  if (scope === undefined) return;
  const { token, refusal } = authenticationOf(parts, request);
  if (refusal !== null) {
    const absent = request.headers.authorization === undefined;
    const reason = absent ? 'no_token' : refusal;
    // A token that was valid once is named; a secret that fits none says nothing about who sent it.
    const actor = token === null ? unauthenticated(request) : actorOf(token);
    await refuse(parts, request, actor, 401, reason, token);
    if (!absent) void reply.header('www-authenticate', 'Bearer realm="indelible", error="invalid_token"');
    throw new IndelibleError(
      'UNAUTHORIZED',
      absent ? 'this needs a token' : `the token is ${refusal === 'malformed' ? 'unknown' : refusal}`,
    );
  }
  const actor = actorOf(token);
  const name = ledgerName(parts, request);
  if (!allows(token.scopes, scope)) {
    await refuse(parts, request, actor, 403, 'scope', token, name);
    throw forbidden(scope);
  }
  if (!binds(token.ledgers, name)) {
    await refuse(parts, request, actor, 403, 'ledger', token, name);
    throw new IndelibleError('FORBIDDEN', 'this token is not bound to that ledger');
  }
  const ledger = parts.ledgers.get(name);
  if (ledger === undefined) throw new IndelibleError('NOT_FOUND', 'this server has no ledger of that name');
  request.caller = { token, actor, ledger };
}

/** What the token must allow; undefined for what is open to everybody. Finds out which log a path means. */
function scopeOf(parts: Parts, request: FastifyRequest): Scope | undefined {
  const { scope, log = false } = request.routeOptions.config;
  if (!log) return scope;
  request.log_path = parseLogPath(request.url.split('?', 1)[0]!);
  return isOpen(request.log_path.file, parts.settings.log_access) ? undefined : 'audit:read';
}

function ledgerName(parts: Parts, request: FastifyRequest): string {
  if (request.log_path !== null) return request.log_path.ledger;
  const { ledger } = request.query as { ledger?: unknown };
  if (ledger === undefined) return parts.home.name;
  if (typeof ledger === 'string') return ledger;
  throw new IndelibleError('QUERY_INVALID', 'ledger may be given once', { details: { member: 'ledger' } });
}

async function refuse(
  parts: Parts,
  request: FastifyRequest,
  actor: Actor,
  status: 401 | 403,
  reason: string,
  token: Token | null,
  ledger?: string,
): Promise<void> {
  const named = token === null ? {} : { token_id: token.token_id };
  const asked = ledger === undefined ? {} : { ledger: ledger.slice(0, 200) };
  await withContext(request.trace, () =>
    parts.journal.denied({ actor, route: routeOf(request), status, reason, ...named, ...asked }),
  );
}

/** Refuses, on record, what only another scope may do here: for routes where that depends on what is asked for. */
export async function refuseScope(parts: Parts, request: FastifyRequest, scope: Scope): Promise<never> {
  const { token, actor, ledger } = callerOf(request);
  await refuse(parts, request, actor, 403, 'scope', token, ledger.name);
  throw forbidden(scope);
}

function forbidden(scope: Scope): IndelibleError {
  return new IndelibleError('FORBIDDEN', `this needs a token with the scope ${scope}`, {
    details: { scope },
  });
}

function unauthenticated(request: FastifyRequest): Actor {
  return { type: 'unauthenticated', id: request.ip || 'unknown' };
}

function actorOf(token: Token): Actor {
  const known = actors.get(token);
  if (known !== undefined) return known;
  const actor = freezeActor(tokenActor(token));
  actors.set(token, actor);
  return actor;
}
