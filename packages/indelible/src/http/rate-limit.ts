/**
 * Requests per minute: by token, or by address where there is no valid token.
 */
import rateLimit from '@fastify/rate-limit';
import { IndelibleError } from '@indelible/core';
import type { App, Parts } from './app.ts';
import { authenticationOf } from './gate.ts';

const PER_TOKEN = 'token:';
const WINDOW_MS = 60_000;

/** Installs the limit. Health checks are not counted: a busy server is not a dead one. */
export async function installRateLimit(app: App, parts: Parts): Promise<void> {
  const { requests_per_minute_token, requests_per_minute_address } = parts.settings;
  await app.register(rateLimit, { global: false, cache: 20_000 });
  const check = app.createRateLimit({
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => {
      const { token, refusal } = authenticationOf(parts, request);
      return refusal === null ? PER_TOKEN + token.token_id : request.ip;
    },
    max: (_request, key) =>
      key.startsWith(PER_TOKEN) ? requests_per_minute_token : requests_per_minute_address,
  });
  app.addHook('onRequest', async (request) => {
    const { url } = request.routeOptions;
    if (url === '/healthz' || url === '/readyz') return;
    const verdict = await check(request);
    if (verdict.isAllowed || !verdict.isExceeded) return;
    throw new IndelibleError('RATE_LIMITED', `at most ${verdict.max} requests per minute are taken`, {
      details: { retry_after_s: Math.max(1, verdict.ttlInSeconds) },
    });
  });
}
